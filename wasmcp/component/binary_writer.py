"""Encoders of numbers, names and type definitions in the binary format.

Source: component-model, design/mvp/Binary.md; numbers and names as in core WebAssembly (binary format, "Values").

A part of a type is a `TypeRef`: a `Primitive`, or the index of a type in the scope that the definition is added to.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from wasmcp.component.types import Primitive

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
