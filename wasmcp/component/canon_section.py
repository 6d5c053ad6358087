"""Reader of canonical definitions: finds lifted functions and rejects async definitions by name.

Source: component-model, design/mvp/Binary.md, "Canonical Definitions".
"""

from __future__ import annotations

from wasmcp.component.binary_reader import Reader

_ASYNC = {
    0x05: "task.cancel",
    0x06: "subtask.cancel",
    0x09: "task.return",
    0x0A: "context.get",
    0x0B: "context.set",
    0x0C: "thread.yield",
    0x0D: "subtask.drop",
    0x0E: "stream.new",
    0x0F: "stream.read",
    0x10: "stream.write",
    0x11: "stream.cancel-read",
    0x12: "stream.cancel-write",
    0x13: "stream.drop-readable",
    0x14: "stream.drop-writable",
    0x15: "future.new",
    0x16: "future.read",
    0x17: "future.write",
    0x18: "future.cancel-read",
    0x19: "future.cancel-write",
    0x1A: "future.drop-readable",
    0x1B: "future.drop-writable",
    0x1C: "error-context.new",
    0x1D: "error-context.debug-message",
    0x1E: "error-context.drop",
    0x1F: "waitable-set.new",
    0x20: "waitable-set.wait",
    0x21: "waitable-set.poll",
    0x22: "waitable-set.drop",
    0x23: "waitable.join",
    0x24: "backpressure.inc",
    0x25: "backpressure.dec",
    0x26: "thread.index",
    0x27: "thread.new-indirect",
    0x28: "thread.resume-later",
    0x29: "thread.suspend",
    0x2A: "thread.suspend-then-resume",
    0x2B: "thread.yield-then-resume",
    0x2C: "thread.suspend-then-promote",
    0x2D: "thread.yield-then-promote",
    0x40: "thread.spawn-ref",
    0x41: "thread.spawn-indirect",
    0x42: "thread.available-parallelism",
}


def read_canonical(reader: Reader) -> int | None:
    """Read one canonical definition; return the function type's index if it lifts a function, else None.

    Raises:
        ComponentError: The definition is async; the error names it.
    """
    start = reader.position
    code = reader.byte()
    if code in (0x00, 0x01):
        if reader.byte() != 0:
            raise reader.fail("only functions can be lifted and lowered", start)
        reader.u32()
        _read_options(reader)
        return reader.u32() if code == 0 else None
    if code in (0x02, 0x03, 0x04):
        reader.u32()
        return None
    if code in _ASYNC:
        raise reader.fail(f"it uses `{_ASYNC[code]}`: async and WASI 0.3 are not supported", start)
    raise reader.fail(f"0x{code:02x} does not begin a canonical definition", start)


def _read_options(reader: Reader) -> None:
    for _ in range(reader.count()):
        start = reader.position
        code = reader.byte()
        if code in (3, 4, 5):
            reader.u32()
        elif code in (6, 7):
            raise reader.fail("it lifts or lowers an async function: async and WASI 0.3 are not supported", start)
        elif code > 7:
            raise reader.fail(f"0x{code:02x} does not begin a canonical option", start)
