"""Constant values in the layout of static memory.

Values are given in Python as: bool, int, float; a string of one character for `char`; str; bytes for `list<u8>`,
otherwise a sequence for a list or a tuple; a mapping for a record; a `Case` for a variant, an enum or a result (cases
`ok` and `error`); None or the payload for an option (an option of an option takes a `Case` `none` or `some`); a
collection of labels for flags; `NEW_HANDLE` for an owned handle, made at each call.

Source: component-model, design/mvp/CanonicalABI.md, section "Storing".
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmcp.component.canonical_abi import (
    STRUCT_FORMATS,
    align_to,
    alignment,
    cases_of,
    discriminant_size,
    fields_of,
    layout,
    payload_offset,
    size,
)
from wasmcp.component.types import (
    Flags,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    ValueType,
    resolve,
    resource_of,
)


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
