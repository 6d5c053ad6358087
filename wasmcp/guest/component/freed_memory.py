"""Freed memory, cleared before a component is made of the memory: zeros take no space in it."""

from __future__ import annotations

from array import array

_LARGEST = 4 << 20
_SMALLEST = 1 << 10  # smaller objects are in pools of the interpreter, not in the memory of the C library


def clear_freed_memory() -> None:
    """Overwrite memory that is no longer in use with zeros, by allocating and freeing all of it.

    Blocks of each size, from large to small, are taken until one is beyond the memory in use: its end has grown.
    """
    zero = array("B", [0])
    beyond = zero * _LARGEST
    limit = beyond.buffer_info()[0]
    held = []
    size = _LARGEST
    while size >= _SMALLEST:
        block = zero * size
        if block.buffer_info()[0] >= limit:
            size //= 2
        else:
            held.append(block)
