"""Snapshot of a component: state that must not be part of it, such as random seeds, and memory without variation.

A component contains the memory of an interpreter after all imports. Every instance starts from it, with the same
objects: random number generators would all return the same numbers, and files that were open do not exist.

The memory is the same in each build. The toolchain links an extension module into the component, which gives the
interpreter a seed, and overwrites freed memory while the component is built: `wasmcp.toolchains.python.staging`.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import time
from array import array
from collections.abc import Iterator
from typing import Any

_LARGEST = 1 << 20
_LEAST_ABOVE = 4
_SMALLEST = 1 << 10  # smaller objects are in pools of the interpreter, not in the memory of the C library

_generators: dict[int, Any] = {}


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Record the generators that are made inside a ``with`` block without a seed of the author."""
    import random

    original = random.Random.seed

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        original(self, a, version)
        if a is None:
            _generators[id(self)] = self
        else:
            _generators.pop(id(self), None)

    random.Random.seed = seed  # type: ignore[method-assign]
    try:
        yield
    finally:
        random.Random.seed = original  # type: ignore[method-assign]


def descriptors(most: int = 128) -> frozenset[int]:
    """Return the open file descriptors below `most`, except those of the standard streams."""
    found = set()
    for descriptor in range(3, most):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            found.add(descriptor)
    return frozenset(found)


def open_files(before: frozenset[int], most: int = 128) -> list[str]:
    """Return the names of the open files, except the standard streams.

    Args:
        before: The descriptors that were open before the modules were imported.
        most: The number from which descriptors are not examined.
    """
    gc.collect()
    # By `type`: `isinstance` reads `__class__` as well, which makes lazy proxies of packages import their modules.
    files = [item for item in gc.get_objects() if issubclass(type(item), io.FileIO) and not item.closed]
    named = {item.fileno(): str(item.name) for item in files if item.fileno() > 2}
    # Files that were opened by C code or `os.open` have no name here.
    unnamed = {number: f"file descriptor {number}" for number in descriptors(most) - before}
    return sorted({**unnamed, **named}.values())


class _Start:
    """The start time of `logging`."""

    def seed(self, a: Any = None) -> None:
        """Set it to now, or to a number of nanoseconds."""
        import logging

        vars(logging)["_startTime"] = time.time_ns() if a is None else a


def fix_generators() -> None:
    """Seed the recorded generators, and that of `random`, with a constant: in an instance, `thaw` seeds them."""
    import random  # componentize-py imports it as well, and seeds it in each instance

    random.seed(0)
    if "logging" in sys.modules:
        _generators[0] = _Start()
    for generator in _generators.values():
        generator.seed(0)


def has_frozen() -> bool:
    """Return True if `thaw` has something to do."""
    return bool(_generators)


def thaw() -> None:
    """Seed the recorded generators again, once in each instance: the seeds of the build are public."""
    while _generators:
        _generators.popitem()[1].seed()


def drop_compiled_annotations() -> None:
    """Drop the code of annotations that are strings: `typing` compiles them to check them, and again when needed."""
    import typing

    references: Any = typing.ForwardRef
    for item in gc.get_objects():
        if type(item) is references:
            item.__code__ = None


def clear_freed_memory() -> None:
    """Overwrite memory that is no longer in use with zeros, by allocating and freeing all of it.

    Blocks of each size, from large to small, are allocated until one lies beyond the memory in use: it has grown.
    """
    zero = array("B", [0])
    limit = clear_end(zero)
    held = []
    size = _LARGEST
    while size >= _SMALLEST:
        if (zero * size).buffer_info()[0] >= limit:
            size //= 2
        else:
            held.append(zero * size)


def clear_end(zero: array[int]) -> int:
    """Return an address beyond the memory in use, after clearing what was freed at its end.

    Blocks are allocated until some are above all objects, a quarter of the memory below; other blocks fill holes. They
    are freed at once, but their headers remain, and an engine maps the memory up to there: if half of that is empty, it
    copies it for each instance.
    """
    top = max(map(id, gc.get_objects()), default=0)
    blocks = []
    above = 0
    while above < max(_LEAST_ABOVE, top // (4 * _LARGEST)):
        blocks.append(zero * _LARGEST)
        above += blocks[-1].buffer_info()[0] > top
    return max(block.buffer_info()[0] for block in blocks)


class _Last(dict[Any, Any]):
    """The environment of the build. componentize-py removes all variables when the snapshot is complete.

    Attributes:
        module: The extension module of the snapshot.
    """

    module: Any

    def __delitem__(self, key: Any) -> None:
        """Remove a variable; with the last one, give the interpreter its own allocator again."""
        super().__delitem__(key)
        if not self:
            vars(os.environ)["_data"] = {}
            gc.collect()
            self.module.finish()


def fix_memory() -> None:
    """Remove what imports have drawn and measured, and prepare the end of the build. Only inside a component."""
    import _wasmcp_snapshot  # type: ignore[import-not-found]

    fix_generators()
    del sys.modules[_wasmcp_snapshot.__name__]
    variables = getattr(os.environ, "_data", None)
    if variables:
        _Last.module = _wasmcp_snapshot
        vars(os.environ)["_data"] = _Last(variables)
    else:  # the author's modules have replaced or cleared the environment
        _wasmcp_snapshot.finish()
