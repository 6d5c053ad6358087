"""Whether a trap was for want of memory.

The engine refuses `memory.grow` and says no more; what the guest makes of it is a trap like any other. So what is left
behind is looked at: what runtimes print, and (on Linux) how large the largest linear memory has become that was not
there before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# What Rust, CPython, Zig and musl say.
_SAID = ("memory allocation of", "MemoryError", "OutOfMemory", "out of memory", "Out of memory")
# wasmtime reserves this much address space for a 32-bit memory, accessible or not, so that it can tell them apart.
_RESERVED = 4 << 30


def exhausted(limit: int, reason: str, stderr: str, *, besides: Iterable[int] = ()) -> bool:
    """Judge a trap of a store that still exists.

    Args:
        limit: The bytes each memory may have.
        reason: The trap in wasmtime's words.
        stderr: The end of what the guest wrote.
        besides: The memories, as `memories` names them, that were there before the store: those of others.
    """
    if any(sign in stderr for sign in _SAID):
        return True
    if "unreachable" not in reason:
        return False
    others = set(besides)
    own = (size for start, size in memories().items() if start not in others)
    # Memories that are grown by doubling are refused at half the limit.
    return max(own, default=0) * 2 > limit


def memories() -> dict[int, int]:
    """Return the process's linear memories, address to size in bytes; none where the system does not tell."""
    try:
        with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:  # noqa: PTH123 - no file of a user's
            lines = maps.readlines()
    except OSError:
        return {}
    found: dict[int, int] = {}
    start = end = 0
    for line in lines:
        addresses, permissions = line.split(" ", 2)[:2]
        begins, ends = (int(address, 16) for address in addresses.split("-"))
        if permissions == "rw-p":
            start = start if begins == end else begins
            end = ends
        elif permissions == "---p" and begins == end and ends - start >= _RESERVED:
            found[start] = end - start
            end = 0
        else:
            end = 0
    return found
