"""Instructions of core modules: a table of opcodes; function bodies without exception handling, or with other calls.

A body is read from left to right by regular expressions made of the table: they match runs of instructions that
need no attention at the speed of C, and stop at the others. An opcode that is not in the table is an error: without its
immediates the rest of the body cannot be read.

Source: WebAssembly Core Specification 3.0, 5.4 (Instructions); for the instructions `try`, `catch`, `catch_all`,
`delegate` and `rethrow`: exception-handling proposal, proposals/exception-handling/legacy/Exceptions.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wasmcp.component.binary_format import Reader, uleb128
from wasmcp.errors import UnknownInstructionError

_U32 = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
_U64 = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_MEMORY_ARGUMENT = rb"[\x00-\x3f]" + _U32  # one memory: the bit 0x40 announces the index of another

_IMMEDIATES = {
    "": b"",
    "index": _U32,
    "two indices": _U32 + _U32,
    "memory": rb"\x00",
    "two memories": rb"\x00\x00",
    "index and memory": _U32 + rb"\x00",
    "memory argument": _MEMORY_ARGUMENT,
    "memory argument and lane": _MEMORY_ARGUMENT + rb".",
    "lane": rb".",
    "i32": _U32,
    "i64": _U64,
    "4 bytes": rb".{4}",
    "8 bytes": rb".{8}",
    "16 bytes": rb".{16}",
    "value type": rb"\x01[\x7b-\x7f\x6f\x70]",
    "heap type": rb"[\x6f\x70]",
    "block type": rb"(?:[\x40\x7b-\x7f\x6f\x70\x00-\x3f]|[\x80-\xff]{1,4}[\x00-\x3f])",
}
"""Kind of immediates -> pattern of their encoding."""

_PLAIN = (
    (0x20, 0x26, "index"),  # local.*, global.*, table.get, table.set
    (0x45, 0xC4, ""),  # comparisons, arithmetic, conversions
    (0x41, 0x41, "i32"),
    (0x28, 0x3E, "memory argument"),  # loads and stores
    (0x0C, 0x0D, "index"),  # br, br_if
    (0x10, 0x10, "index"),  # call
    (0x00, 0x01, ""),  # unreachable, nop
    (0x05, 0x05, ""),  # else
    (0x0F, 0x0F, ""),  # return
    (0x1A, 0x1B, ""),  # drop, select
    (0x42, 0x42, "i64"),
    (0x11, 0x11, "two indices"),  # call_indirect
    (0x12, 0x12, "index"),  # return_call
    (0x13, 0x13, "two indices"),  # return_call_indirect
    (0x1C, 0x1C, "value type"),  # select with a type
    (0x3F, 0x40, "memory"),  # memory.size, memory.grow
    (0x43, 0x43, "4 bytes"),
    (0x44, 0x44, "8 bytes"),
    (0xD0, 0xD0, "heap type"),  # ref.null
    (0xD1, 0xD1, ""),  # ref.is_null
    (0xD2, 0xD2, "index"),  # ref.func
)
"""Opcodes of one byte, first to last, and their immediates; the most frequent first."""

_STRUCTURED = ((0x02, 0x04, "block type"), (0x0B, 0x0B, ""))  # block, loop, if; end

_PREFIXED = {
    0xFC: (
        (0, 7, ""),  # saturating conversions
        (8, 8, "index and memory"),  # memory.init
        (9, 9, "index"),  # data.drop
        (10, 10, "two memories"),  # memory.copy
        (11, 11, "memory"),  # memory.fill
        (12, 12, "two indices"),  # table.init
        (13, 13, "index"),  # elem.drop
        (14, 14, "two indices"),  # table.copy
        (15, 17, "index"),  # table.grow, table.size, table.fill
    ),
    0xFD: (
        (0x00, 0x0B, "memory argument"),
        (0x0C, 0x0D, "16 bytes"),  # v128.const, i8x16.shuffle
        (0x0E, 0x14, ""),
        (0x15, 0x22, "lane"),
        (0x23, 0x53, ""),
        (0x54, 0x5B, "memory argument and lane"),
        (0x5C, 0x5D, "memory argument"),
        (0x5E, 0x99, ""),
        (0x9B, 0xA1, ""),
        (0xA3, 0xA4, ""),
        (0xA7, 0xAE, ""),
        (0xB1, 0xB1, ""),
        (0xB5, 0xBA, ""),
        (0xBC, 0xC1, ""),
        (0xC3, 0xC4, ""),
        (0xC7, 0xCE, ""),
        (0xD1, 0xD1, ""),
        (0xD5, 0xE1, ""),
        (0xE3, 0xED, ""),
        (0xEF, 0xFF, ""),
        (0x100, 0x113, ""),  # relaxed SIMD
    ),
}
"""Prefix -> opcodes after it, first to last, and their immediates."""

_UNSUPPORTED = {
    0x14: "a typed function reference",
    0x15: "a typed function reference",
    0xD3: "garbage collection",
    0xD4: "a typed function reference",
    0xD5: "a typed function reference",
    0xD6: "a typed function reference",
    0xFB: "garbage collection",
    0xFE: "an atomic instruction (threads)",
}
"""Opcodes of proposals that are not supported -> their subject."""

_BRANCH_TABLE, _SELECT, _NULL = 0x0E, 0x1C, 0xD0
_CALLS = (0x10, 0x12)
"""Opcodes of `call` and `return_call`."""

_TRY, _CATCH, _THROW, _RETHROW, _THROW_REF, _DELEGATE, _CATCH_ALL, _TRY_TABLE = (
    0x06,
    0x07,
    0x08,
    0x09,
    0x0A,
    0x18,
    0x19,
    0x1F,
)
_BLOCKS = (0x02, 0x03, 0x04, _TRY, _TRY_TABLE)
_BLOCK, _END, _UNREACHABLE = b"\x02", b"\x0b", b"\x00"
_EXCEPTIONS = (0x69, 0x74)
"""Heap types `exn` and `noexn`; alone they are the type of nullable references to them."""

EXTERNREF = b"\x6f"


def _characters(codes: Iterable[tuple[int, int]]) -> bytes:
    return b"[" + b"".join(b"\\x%02x-\\x%02x" % pair for pair in codes) + b"]"


def _alternatives(without: Iterable[int] = ()) -> Iterable[bytes]:
    """Yield a pattern for each row of the table, without the structured instructions and those in rows of their own."""
    for first, last, kind in _PLAIN:
        if first in without:
            continue
        yield _characters([(first, last)]) + _IMMEDIATES[kind]
    for prefix, rows in _PREFIXED.items():
        for first, last, kind in rows:
            for high in range(first >> 7, (last >> 7) + 1):  # the opcode is a number in LEB128
                low = max(first, high << 7) & 0x7F, min(last, (high << 7) + 0x7F) & 0x7F
                code = _characters([(low[0] | 0x80, low[1] | 0x80)]) + b"\\x%02x" % high if high else _characters([low])
                yield b"\\x%02x" % prefix + code + _IMMEDIATES[kind]


_INSIDE = re.compile(b"(?:%s)*+" % b"|".join(_alternatives()), re.DOTALL)
"""Instructions that neither begin nor end a block."""

_STRUCTURE = [_characters([row[:2]]) + _IMMEDIATES[row[2]] for row in _STRUCTURED]
_RUN = re.compile(b"(?:%s)*+" % b"|".join([*_alternatives(), *_STRUCTURE]), re.DOTALL)
"""Instructions that stay as they are."""

_BETWEEN_CALLS = re.compile(b"(?:%s)*+" % b"|".join([*_alternatives(_CALLS), *_STRUCTURE]), re.DOTALL)
"""Instructions that call no function by its index."""


@dataclass(frozen=True)
class Body:
    """Instructions of a function without exception handling.

    Attributes:
        code: The instructions.
        throws: Positions of the instructions `throw` outside of handlers, in bytes from the start of the file.
    """

    code: bytes
    throws: tuple[int, ...] = ()


def without_exceptions(data: memoryview, start: int, end: int) -> Body:
    """Return the instructions of a function body with exceptions replaced by traps.

    `try` and `try_table` become `block`, handlers are removed, and what throws becomes `unreachable`. The result
    behaves like the original for as long as nothing throws. References to exceptions become `externref`.

    Args:
        data: The file.
        start: Position of the first instruction, after the declarations of locals.
        end: Position after the last one.

    Raises:
        UnknownInstructionError: An opcode is not in the table.
        ComponentError: The body is damaged.
    """
    parts: list[bytes | memoryview] = []
    throws: list[int] = []
    copied = position = start
    while (position := _stop(_RUN, data, position, end)) < end:
        opcode = data[position]
        reader = Reader(data, position + 1, end)
        replaced = _replaced(reader, opcode)
        if opcode in (_CATCH, _CATCH_ALL):
            replaced = _END
            _skip_handlers(reader)
        elif opcode == _THROW:  # the others throw what was caught, and nothing is caught
            throws.append(position)
        if replaced is not None:
            parts += [data[copied:position], replaced]
            copied = reader.position
        position = reader.position
    if not parts:
        return Body(bytes(data[start:end]))
    parts.append(data[copied:end])
    return Body(b"".join(parts), tuple(throws))


def with_calls(data: memoryview, start: int, end: int, functions: Mapping[int, int]) -> bytes:
    """Return the instructions of a function body with calls of other functions.

    Args:
        data: The file.
        start: Position of the first instruction, after the declarations of locals.
        end: Position after the last one.
        functions: Index of a called function -> index of the function that is called instead.

    Raises:
        UnknownInstructionError: An opcode is not in the table.
        ComponentError: The body is damaged.
    """
    parts: list[bytes | memoryview] = []
    copied = position = start
    while (position := _stop(_BETWEEN_CALLS, data, position, end)) < end:
        opcode = data[position]
        reader = Reader(data, position + 1, end)
        if opcode not in _CALLS:
            _replaced(reader, opcode)
        elif (target := functions.get(reader.u32())) is not None:
            parts += [data[copied : position + 1], uleb128(target)]
            copied = reader.position
        position = reader.position
    parts.append(data[copied:end])
    return b"".join(parts)


def _stop(run: re.Pattern[bytes], data: memoryview, position: int, end: int) -> int:
    """Return the position after a run of instructions."""
    found = run.match(data, position, end)
    return position if found is None else found.end()


def _replaced(reader: Reader, opcode: int) -> bytes | None:
    """Read the immediates of an instruction outside of the plain ones; return its replacement, None if it stays."""
    if opcode == _BRANCH_TABLE:
        for _ in range(reader.count() + 1):
            reader.u32()
        return None
    if opcode in _BLOCKS:
        kind = block_type(reader)
        if opcode == _TRY_TABLE:
            for _ in range(reader.count()):
                if reader.byte() < 2:  # catch, catch_ref: with a tag
                    reader.u32()
                reader.u32()
        return (_BLOCK if opcode in (_TRY, _TRY_TABLE) else bytes([opcode])) + kind
    if opcode in (_CATCH, _THROW, _RETHROW, _DELEGATE):
        reader.u32()
    elif opcode == _SELECT:
        count = reader.count()
        return bytes([opcode, count]) + b"".join(value_type(reader) for _ in range(count))
    elif opcode == _NULL and reader.position < reader.end and reader.data[reader.position] in _EXCEPTIONS:
        reader.byte()
        return bytes([_NULL]) + EXTERNREF
    elif opcode not in (_CATCH_ALL, _THROW_REF):
        raise _unknown(reader, opcode)
    return _END if opcode == _DELEGATE else _UNREACHABLE


def _skip_handlers(reader: Reader) -> None:
    """Skip the handlers of a `try`, up to and including its `end`."""
    depth = 1
    while (position := _stop(_INSIDE, reader.data, reader.position, reader.end)) < reader.end:
        opcode = reader.data[position]
        reader.position = position + 1
        if opcode == _END[0]:
            depth -= 1
            if not depth:
                return
            continue
        if opcode in _BLOCKS:
            depth += 1
        elif opcode == _DELEGATE:
            depth -= 1
        _replaced(reader, opcode)
    raise reader.fail("a handler of an exception does not end")


def _unknown(reader: Reader, opcode: int) -> UnknownInstructionError:
    offset = reader.position - 1
    code = f"0x{opcode:02x}"
    if opcode in _PREFIXED or opcode in _UNSUPPORTED:
        following = bytes(reader.data[reader.position : min(reader.position + 2, reader.end)])
        code += "".join(f" 0x{byte:02x}" for byte in following[: 1 if following[:1] < b"\x80" else 2])
    return UnknownInstructionError(code, offset=offset, subject=_UNSUPPORTED.get(opcode, ""))


def block_type(reader: Reader) -> bytes:
    """Read the type of a block; return it, with `externref` for references to exceptions."""
    start = reader.position
    first = reader.byte()
    if first == 0x40:
        return b"\x40"
    reader.position = start
    if 0x40 < first < 0x80:
        return value_type(reader)
    if reader.s33() < 0:
        raise reader.fail("not a type of a block", start)
    return bytes(reader.data[start : reader.position])


def value_type(reader: Reader) -> bytes:
    """Read a value type; return it, with `externref` for references to exceptions."""
    start = reader.position
    code = reader.byte()
    if 0x7B <= code <= 0x7F or code in (0x6F, 0x70):
        return bytes([code])
    if code in _EXCEPTIONS:
        return EXTERNREF
    if code in (0x63, 0x64):  # a reference, nullable or not
        heap = reader.byte()
        if heap in _EXCEPTIONS:
            return EXTERNREF
        if heap in (0x6F, 0x70):
            return bytes([code, heap])
    raise reader.fail(f"the value type 0x{code:02x} is not supported", start)
