"""Binary format: a bounds-checked reader of untrusted bytes, and encoders of numbers, names and type definitions.

Source: component-model, design/mvp/Binary.md; numbers and names as in core WebAssembly (binary format, "Values").

A part of a type is a `TypeRef`: a `Primitive`, or the index of a type in the scope that the definition is added to.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from wasmcp.component.types import Primitive
from wasmcp.errors import ComponentError

MAX_NAME = 100_000  # bytes; as in the JavaScript API's implementation limits


class Reader:
    """A range of a file, read from left to right. Offsets in errors count from the start of the file."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: memoryview, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    def fail(self, problem: str, offset: int | None = None) -> ComponentError:
        """Return an error at this position, or at `offset`."""
        return ComponentError(problem, offset=self.position if offset is None else offset)

    def byte(self) -> int:
        """Read the next byte."""
        position = self.position
        if position >= self.end:
            raise self.fail("unexpected end: a byte is missing")
        self.position = position + 1
        return self.data[position]

    def u32(self) -> int:
        """Read an unsigned number of at most 32 bits in at most five bytes."""
        data, position, end = self.data, self.position, self.end
        if position < end and data[position] < 0x80:
            self.position = position + 1
            return data[position]
        value = 0
        for shift in range(0, 35, 7):
            if position >= end:
                raise self.fail("unexpected end: a number is cut off")
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> 32:
                    raise self.fail("a number is above 32 bits")
                self.position = position
                return value
        raise self.fail("a number is longer than five bytes")

    def s33(self) -> int:
        """Read a signed number of at most 33 bits in at most five bytes."""
        start = self.position
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte & 0x40:
                    value -= 1 << (shift + 7)
                if not -(1 << 32) <= value < 1 << 32:
                    raise self.fail("a number is above 33 bits", start)
                return value
        raise self.fail("a number is longer than five bytes", start)

    def count(self) -> int:
        """Read the length of a vector; each item takes at least one byte, so it cannot exceed the bytes left."""
        start = self.position
        count = self.u32()
        if count > self.end - self.position:
            raise self.fail(f"{count} items are announced, with {self.end - self.position} bytes left", start)
        return count

    def name(self) -> str:
        """Read a name in UTF-8."""
        start = self.position
        size = self.u32()
        position = self.position
        if size > self.end - position:
            raise self.fail(f"a name of {size} bytes is announced, with {self.end - position} left", start)
        if size > MAX_NAME:
            raise self.fail(f"a name of {size} bytes is too long (at most {MAX_NAME})", start)
        self.position = position + size
        try:
            return str(self.data[position : self.position], "utf-8")
        except UnicodeDecodeError as error:
            raise self.fail("a name is not UTF-8", position + error.start) from None

    def skip_name(self) -> None:
        """Skip a name."""
        size = self.u32()
        if size > self.end - self.position:
            raise self.fail(f"a name of {size} bytes is announced, with {self.end - self.position} left")
        self.position += size

    def part(self, size: int, what: str) -> Reader:
        """Return a reader of the next `size` bytes, and skip them here."""
        start = self.position
        if size > self.end - start:
            raise self.fail(f"{what} needs {size} bytes, but only {self.end - start} are left: the file is truncated")
        self.position = start + size
        return Reader(self.data, start, self.position)

    def finish(self, what: str) -> None:
        """Check that all bytes were read."""
        if self.position != self.end:
            raise self.fail(f"{what} has {self.end - self.position} bytes too many")


TypeRef = Primitive | int

COMPONENT_PREAMBLE = b"\x00asm\x0d\x00\x01\x00"
MODULE_PREAMBLE = b"\x00asm\x01\x00\x00\x00"

PRIMITIVE_CODES = {
    Primitive.BOOL: 0x7F,
    Primitive.S8: 0x7E,
    Primitive.U8: 0x7D,
    Primitive.S16: 0x7C,
    Primitive.U16: 0x7B,
    Primitive.S32: 0x7A,
    Primitive.U32: 0x79,
    Primitive.S64: 0x78,
    Primitive.U64: 0x77,
    Primitive.F32: 0x76,
    Primitive.F64: 0x75,
    Primitive.CHAR: 0x74,
    Primitive.STRING: 0x73,
}


class Sort(enum.Enum):
    """Sort of a component-level index or name. The value is its encoding."""

    CORE_MODULE = b"\x00\x11"
    FUNC = b"\x01"
    TYPE = b"\x03"
    COMPONENT = b"\x04"
    INSTANCE = b"\x05"


class CoreSort(enum.Enum):
    """Sort of a core index or name. The value is its encoding."""

    FUNC = b"\x00"
    TABLE = b"\x01"
    MEMORY = b"\x02"
    GLOBAL = b"\x03"


def uleb128(value: int) -> bytes:
    """Encode an unsigned number as LEB128.

    Raises:
        ValueError: The number is negative.
    """
    if value < 0:
        raise ValueError(f"{value} is negative")
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sleb128(value: int) -> bytes:
    """Encode a signed number as LEB128."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def name(text: str) -> bytes:
    """Encode a name: the length of its UTF-8 in bytes, then the bytes."""
    data = text.encode()
    return uleb128(len(data)) + data


def extern_name(text: str) -> bytes:
    """Encode the name of an import or export of a component or of a component-level type."""
    return b"\x00" + name(text)


def vector(items: Sequence[bytes]) -> bytes:
    """Encode the number of items, then the items, which are encoded already."""
    return uleb128(len(items)) + b"".join(items)


def ref(part: TypeRef) -> bytes:
    """Encode a part of a type: the code of a primitive, or an index as a non-negative signed number."""
    return sleb128(part) if isinstance(part, int) else bytes((PRIMITIVE_CODES[part],))


def _optional(part: TypeRef | None) -> bytes:
    return b"\x00" if part is None else b"\x01" + ref(part)


def primitive(part: Primitive) -> bytes:
    """Define a name for a primitive type (`type json = string`)."""
    return ref(part)


def record(fields: Iterable[tuple[str, TypeRef]]) -> bytes:
    """Define a record."""
    return b"\x72" + vector([name(label) + ref(part) for label, part in fields])


def variant(cases: Iterable[tuple[str, TypeRef | None]]) -> bytes:
    """Define a variant."""
    return b"\x71" + vector([name(label) + _optional(part) + b"\x00" for label, part in cases])


def list_(element: TypeRef, length: int | None = None) -> bytes:
    """Define a list, of fixed length if `length` is given."""
    return b"\x70" + ref(element) if length is None else b"\x67" + ref(element) + uleb128(length)


def tuple_(items: Iterable[TypeRef]) -> bytes:
    """Define a tuple."""
    return b"\x6f" + vector([ref(item) for item in items])


def flags(labels: Iterable[str]) -> bytes:
    """Define flags."""
    return b"\x6e" + vector([name(label) for label in labels])


def enum_(labels: Iterable[str]) -> bytes:
    """Define an enum."""
    return b"\x6d" + vector([name(label) for label in labels])


def option(payload: TypeRef) -> bytes:
    """Define an option."""
    return b"\x6b" + ref(payload)


def result(ok: TypeRef | None = None, err: TypeRef | None = None) -> bytes:
    """Define a result."""
    return b"\x6a" + _optional(ok) + _optional(err)


def own(resource: int) -> bytes:
    """Define an owned handle to the resource type with this index."""
    return b"\x69" + uleb128(resource)


def borrow(resource: int) -> bytes:
    """Define a borrowed handle to the resource type with this index."""
    return b"\x68" + uleb128(resource)


def func(params: Iterable[tuple[str, TypeRef]], result_: TypeRef | None = None) -> bytes:
    """Define a function type."""
    encoded = vector([name(label) + ref(part) for label, part in params])
    return b"\x40" + encoded + (b"\x01\x00" if result_ is None else b"\x00" + ref(result_))


def resource_rep(destructor: int | None = None) -> bytes:
    """Define a resource type represented by an i32, with the core function of its destructor (`[i32] -> []`), if any.

    Only a component can define a resource type; an instance type exports one (`InstanceTypeBuilder.export_resource`).
    """
    return b"\x3f\x7f" + (b"\x00" if destructor is None else b"\x01" + uleb128(destructor))
