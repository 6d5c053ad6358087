"""The canonical ABI's layout of values: sizes, alignment, flattening, and constant values in static memory.

Constants are given in Python as: bool, int, float; a string of one character for `char`; str; bytes for `list<u8>`,
otherwise a sequence for a list or a tuple; a mapping for a record; a `Case` for a variant, an enum or a result (cases
`ok` and `error`); None or the payload for an option (an option of an option takes a `Case` `none` or `some`); a
collection of labels for flags; `NEW_HANDLE` for an owned handle, made at each call.

Source: component-model, design/mvp/CanonicalABI.md, sections "Alignment", "Element Size", "Flattening" and "Storing".
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmcp.component import core_module
from wasmcp.component.types import (
    Enum,
    Flags,
    Func,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    Tuple,
    ValueType,
    Variant,
    resolve,
    resource_of,
)

MAX_FLAT_PARAMS = 16
"""Most flattened parameters; a function with more takes one pointer."""
MAX_FLAT_RESULTS = 1
"""Most flattened results; a function with more returns one pointer."""

STRUCT_FORMATS = {
    Primitive.S8: "<b",
    Primitive.U8: "<B",
    Primitive.S16: "<h",
    Primitive.U16: "<H",
    Primitive.S32: "<i",
    Primitive.U32: "<I",
    Primitive.S64: "<q",
    Primitive.U64: "<Q",
    Primitive.F32: "<f",
    Primitive.F64: "<d",
}
"""Primitives with the same layout in `struct` as in the canonical ABI, with their format."""
_FLAT = {
    Primitive.S64: core_module.I64,
    Primitive.U64: core_module.I64,
    Primitive.F32: core_module.F32,
    Primitive.F64: core_module.F64,
}
_SIZES = {Primitive.BOOL: 1, Primitive.CHAR: 4, Primitive.STRING: 8}


def cases_of(type_: ValueType | Resource) -> tuple[tuple[str, ValueType | None], ...] | None:
    """Return the cases of a type with the layout of a variant, else None."""
    type_ = resolve(type_)
    if isinstance(type_, Variant):
        return type_.cases
    if isinstance(type_, Enum):
        return tuple((label, None) for label in type_.labels)
    if isinstance(type_, Option):
        return (("none", None), ("some", type_.payload))
    if isinstance(type_, Result):
        return (("ok", type_.ok), ("error", type_.err))
    return None


def fields_of(type_: ValueType | Resource) -> tuple[ValueType, ...] | None:
    """Return the field types of a record, a tuple or a list of fixed length, else None."""
    type_ = resolve(type_)
    if isinstance(type_, Record):
        return tuple(field for _, field in type_.fields)
    if isinstance(type_, Tuple):
        return type_.items
    if isinstance(type_, List) and type_.length is not None:
        return (type_.element,) * type_.length
    return None


def align_to(offset: int, alignment: int) -> int:
    """Return the first multiple of `alignment` that is not below `offset`, in bytes."""
    return (offset + alignment - 1) // alignment * alignment


def discriminant_size(cases: int) -> int:
    """Return the size in bytes of the discriminant of `cases` cases."""
    return 1 if cases <= 1 << 8 else 2 if cases <= 1 << 16 else 4


def payload_offset(cases: Sequence[tuple[str, ValueType | None]]) -> int:
    """Return the offset of a variant's payload, in bytes."""
    most = max((alignment(case) for _, case in cases if case is not None), default=1)
    return align_to(discriminant_size(len(cases)), most)


def alignment(type_: ValueType) -> int:
    """Return a type's alignment in bytes (CanonicalABI.md, "Alignment")."""
    resolved = resolve(type_)
    cases, fields = cases_of(resolved), fields_of(resolved)
    if cases is not None:
        return max([discriminant_size(len(cases)), *(alignment(case) for _, case in cases if case is not None)])
    if fields is not None:
        return max(alignment(field) for field in fields)
    if isinstance(resolved, Primitive):
        return 4 if resolved is Primitive.STRING else size(resolved)
    if isinstance(resolved, Flags):
        return size(resolved)
    return 4


def size(type_: ValueType) -> int:
    """Return the size of a value in memory in bytes, without its targets (CanonicalABI.md, "Element Size")."""
    resolved = resolve(type_)
    cases, fields = cases_of(resolved), fields_of(resolved)
    if cases is not None:
        most = max((size(case) for _, case in cases if case is not None), default=0)
        return align_to(payload_offset(cases) + most, alignment(type_))
    if fields is not None:
        return layout(fields)[1]
    if isinstance(resolved, Primitive):
        return _SIZES[resolved] if resolved in _SIZES else struct.calcsize(STRUCT_FORMATS[resolved])
    if isinstance(resolved, Flags):
        count = len(resolved.labels)
        return 1 if count <= 8 else 2 if count <= 16 else 4
    if isinstance(resolved, List):
        return 8
    return 4


def layout(fields: Sequence[ValueType]) -> tuple[tuple[int, ...], int]:
    """Return the offset of each field of a record, and the record's size, in bytes."""
    offsets, end, most = [], 0, 1
    for field in fields:
        most = max(most, alignment(field))
        end = align_to(end, alignment(field))
        offsets.append(end)
        end += size(field)
    return tuple(offsets), align_to(end, most)


def flatten(type_: ValueType) -> tuple[int, ...]:
    """Return the core value types of a flattened value (CanonicalABI.md, "Flattening")."""
    resolved = resolve(type_)
    cases, fields = cases_of(resolved), fields_of(resolved)
    if cases is not None:
        joined: list[int] = []
        for _, case in cases:
            for index, kind in enumerate(flatten(case) if case is not None else ()):
                if index < len(joined):
                    joined[index] = _join(joined[index], kind)
                else:
                    joined.append(kind)
        return (core_module.I32, *joined)
    if fields is not None:
        return tuple(kind for field in fields for kind in flatten(field))
    if resolved is Primitive.STRING or isinstance(resolved, List):
        return (core_module.I32, core_module.I32)
    return (_FLAT.get(resolved, core_module.I32),) if isinstance(resolved, Primitive) else (core_module.I32,)


def _join(left: int, right: int) -> int:
    if left == right:
        return left
    return core_module.I32 if {left, right} == {core_module.I32, core_module.F32} else core_module.I64


def lifted_signature(func: Func) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the parameters and results of the core function that `canon lift` takes for a function type."""
    params = tuple(kind for _, param in func.params for kind in flatten(param))
    results = flatten(func.result) if func.result is not None else ()
    if len(params) > MAX_FLAT_PARAMS:
        params = (core_module.I32,)
    return params, results if len(results) <= MAX_FLAT_RESULTS else (core_module.I32,)


@dataclass(frozen=True)
class Case:
    """Case of a variant, enum, result or option, with its payload."""

    label: str
    value: Any = None


class NewHandle:
    """Value of an owned handle: a new handle at each call."""


NEW_HANDLE = NewHandle()


class Trap:
    """Result of a function that must not be called: the function traps."""


TRAP = Trap()


class StaticMemory:
    """Initial content of a memory, filled with constant values.

    Attributes:
        base: The address of the first byte; addresses below stay zero, and 0 is never allocated.
        handles: Addresses of owned handles, which are set at run time, with the resource of each.
    """

    def __init__(self, base: int = 16) -> None:
        self.base = base
        self.handles: list[tuple[int, Resource]] = []
        self._content = bytearray()
        self._known: dict[bytes, int] = {}

    @property
    def end(self) -> int:
        """Address after the last byte."""
        return self.base + len(self._content)

    @property
    def content(self) -> bytes:
        """Bytes from `base` on."""
        return bytes(self._content)

    def reserve(self, length: int, alignment: int) -> int:
        """Return the address of `length` zero bytes."""
        start = align_to(self.end, alignment)
        self._content.extend(bytes(start + length - self.end))
        return start

    def place(self, data: bytes) -> int:
        """Return the address of a copy of `data`; equal data is kept once."""
        if data not in self._known:
            address = self.reserve(len(data), 1)
            self._content[address - self.base :] = data
            self._known[data] = address
        return self._known[data]

    def add(self, type_: ValueType, value: Any) -> int:
        """Write a value and return its address.

        Raises:
            TypeError: The value does not have the type.
            ValueError: The value is out of range for the type, or has other fields or cases.
        """
        address = self.reserve(size(type_), alignment(type_))
        self.store(address, type_, value)
        return address

    def store(self, address: int, type_: ValueType, value: Any) -> None:
        """Write a value at a reserved address (CanonicalABI.md, "Storing")."""
        resolved = resolve(type_)
        cases, fields = cases_of(resolved), fields_of(resolved)
        if cases is not None:
            self._store_case(address, cases, value if isinstance(value, Case) else _as_case(resolved, value))
        elif fields is not None:
            if isinstance(resolved, Record):
                value = _members(resolved, value)
            if len(value) != len(fields):
                raise ValueError(f"{len(value)} values for {len(fields)} fields")
            for offset, field, item in zip(layout(fields)[0], fields, value, strict=True):
                self.store(address + offset, field, item)
        elif isinstance(resolved, Primitive):
            self._store_primitive(address, resolved, value)
        elif isinstance(resolved, Flags):
            bits = sum(1 << resolved.labels.index(label) for label in _labels(value))
            self._put(address, bits.to_bytes(size(resolved), "little"))
        elif isinstance(resolved, List):
            self._store_list(address, resolved, value)
        elif isinstance(resolved, Own) and value is NEW_HANDLE:
            self.handles.append((address, resource_of(resolved)))
        else:
            raise TypeError(f"a value of `{resolved}` cannot be a constant")

    def _store_case(self, address: int, cases: Sequence[tuple[str, ValueType | None]], value: Case) -> None:
        labels = [label for label, _ in cases]
        if value.label not in labels:
            raise ValueError(f"no case `{value.label}` among {', '.join(f'`{label}`' for label in labels)}")
        index = labels.index(value.label)
        self._put(address, index.to_bytes(discriminant_size(len(cases)), "little"))
        payload = cases[index][1]
        if payload is not None:
            self.store(address + payload_offset(cases), payload, value.value)

    def _store_primitive(self, address: int, type_: Primitive, value: Any) -> None:
        if type_ is Primitive.STRING:
            data = value.encode()
            self._put(address, struct.pack("<II", self.place(data), len(data)))
        elif type_ is Primitive.BOOL:
            self._put(address, b"\x01" if value else b"\x00")
        elif type_ is Primitive.CHAR:
            self._put(address, struct.pack("<I", ord(value)))
        else:
            try:
                self._put(address, struct.pack(STRUCT_FORMATS[type_], value))
            except struct.error as error:
                raise ValueError(f"`{value}` is not a value of `{type_.value}`: {error}") from None

    def _store_list(self, address: int, type_: List, value: Any) -> None:
        if isinstance(value, bytes):
            if resolve(type_.element) is not Primitive.U8:
                raise TypeError(f"bytes are a value of `list<u8>`, not of a list of `{type_.element}`")
            start = self.place(value)
        else:
            step = size(type_.element)
            start = self.reserve(step * len(value), alignment(type_.element))
            for index, item in enumerate(value):
                self.store(start + index * step, type_.element, item)
        self._put(address, struct.pack("<II", start, len(value)))

    def _put(self, address: int, data: bytes) -> None:
        self._content[address - self.base : address - self.base + len(data)] = data


def _as_case(type_: ValueType | Resource, value: Any) -> Case:
    if isinstance(type_, Option):
        return Case("none") if value is None else Case("some", value)
    raise TypeError(f"a value of `{type_}` is given as a `Case`, not as `{value!r}`")


def _members(type_: Record, value: Mapping[str, Any]) -> list[Any]:
    missing = [label for label, _ in type_.fields if label not in value]
    if missing or len(value) != len(type_.fields):
        raise ValueError(f"fields {sorted(value)} for a record of {[label for label, _ in type_.fields]}")
    return [value[label] for label, _ in type_.fields]


def _labels(value: Collection[str]) -> Collection[str]:
    if isinstance(value, str):
        raise TypeError("flags are given as a collection of labels")
    return value
