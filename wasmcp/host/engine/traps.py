"""Causes of traps, read from the messages of wasmtime and of language runtimes.

A failed call of a component ends with a `wasmtime_error_t`. The C API has the code of a trap for a `wasm_trap_t` only
(`wasmtime_trap_code`), which an error does not give. It has the frames of an error (`wasmtime_error_wasm_trace`), but
with the symbols of the binary: the readable names of functions and the positions in the source are in the message
alone. A refused growth of a memory is reported nowhere: the code of the server reacts to it with a trap or a message of
its own. So this module reads texts, and can go when an error has a code. That holds for wasmtime 49 and 50.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasmcp.host.engine.memory import memories

if TYPE_CHECKING:
    from collections.abc import Iterable

_BACKTRACE = "wasm backtrace"
_CAUSE = "Caused by"
_TRAP = "wasm trap: "
_UNREACHABLE = "unreachable"
_TOO_SMALL = "memory minimum size"
# Messages of Rust, CPython, Zig and musl.
_OUT_OF_MEMORY = ("memory allocation of", "MemoryError", "OutOfMemory", "out of memory", "Out of memory")


def is_trap(message: str) -> bool:
    """Return True if an error has a backtrace of WebAssembly."""
    return _BACKTRACE in message


def needs_memory(message: str) -> bool:
    """Return True if an instance was refused because its memories begin above the limit."""
    return _TOO_SMALL in message


def explain(message: str) -> tuple[str, str]:
    """Return the cause and the frames of an error, one a line."""
    head, _, tail = message.partition(f"{_BACKTRACE}:")
    frames: list[str] = []
    reason = ""
    lines = tail.splitlines()
    for index, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(_CAUSE):
            reason = lines[index + 1].strip() if index + 1 < len(lines) else ""
            break
        if stripped:
            frames.append(stripped)
    if not reason:
        reason = head.strip().splitlines()[0] if head.strip() else message.strip()
    return reason.removeprefix(_TRAP), "\n".join(frames)


def exhausted(limit: int, reason: str, stderr: str, *, besides: Iterable[int] = ()) -> bool:
    """Return True if a trap of a store that still exists was caused by memory exhaustion.

    Args:
        limit: Maximum bytes of each memory.
        reason: The cause of the trap.
        stderr: The end of the guest's standard error.
        besides: Addresses of memories that existed before the store, which belong to other stores.
    """
    if any(sign in stderr for sign in _OUT_OF_MEMORY):
        return True
    if _UNREACHABLE not in reason:
        return False
    others = set(besides)
    own = (size for start, size in memories().items() if start not in others)
    # A memory that grows by doubling is refused at half the limit.
    return max(own, default=0) * 2 > limit
