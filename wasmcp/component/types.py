"""Types of the component model, as a decoded component declares them.

Source: component-model, design/mvp/Explainer.md, "Type Definitions". Async types (stream, future, error-context) are
missing: the decoder rejects them by name.

A type that has a name in an imported interface is a `TypeName` around the named type. Names matter, because an import
can use a record, variant, enum or flags type only under the name that the import exports it with.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Primitive(enum.Enum):
    """Value type without parts. The value is its name in WIT."""

    BOOL = "bool"
    S8 = "s8"
    U8 = "u8"
    S16 = "s16"
    U16 = "u16"
    S32 = "s32"
    U32 = "u32"
    S64 = "s64"
    U64 = "u64"
    F32 = "f32"
    F64 = "f64"
    CHAR = "char"
    STRING = "string"


@dataclass(frozen=True)
class Record:
    """Named fields, in order; at least one."""

    fields: tuple[tuple[str, ValueType], ...]


@dataclass(frozen=True)
class Variant:
    """Named cases, in order, each with or without a payload; at least one."""

    cases: tuple[tuple[str, ValueType | None], ...]


@dataclass(frozen=True)
class List:
    """Elements of one type; `length` is their number in a list of fixed length, else None."""

    element: ValueType
    length: int | None = None


@dataclass(frozen=True)
class Tuple:
    """Unnamed fields, in order; at least one."""

    items: tuple[ValueType, ...]


@dataclass(frozen=True)
class Flags:
    """Named bits, the lowest first; 1 to 32 of them."""

    labels: tuple[str, ...]


@dataclass(frozen=True)
class Enum:
    """Named cases without payload; at least one."""

    labels: tuple[str, ...]


@dataclass(frozen=True)
class Option:
    """Optional value."""

    payload: ValueType


@dataclass(frozen=True)
class Result:
    """Success or failure, each with or without a payload."""

    ok: ValueType | None = None
    err: ValueType | None = None


@dataclass(frozen=True)
class Resource:
    """Abstract resource type, identified by the place of its first name.

    `interface` is the name of the import that exports it (None: it is imported by itself), `name` its name there.
    """

    interface: str | None
    name: str


@dataclass(frozen=True)
class TypeName:
    """Type under its name in an import.

    `interface` is the name of the import that exports it (None: the type is imported by itself), `name` its name there,
    `type` the named type, which can be another `TypeName`.
    """

    interface: str | None
    name: str
    type: ValueType | Resource


@dataclass(frozen=True)
class Own:
    """Handle that transfers ownership."""

    resource: TypeName | Resource


@dataclass(frozen=True)
class Borrow:
    """Handle that is borrowed for the duration of a call."""

    resource: TypeName | Resource


ValueType = Primitive | Record | Variant | List | Tuple | Flags | Enum | Option | Result | Own | Borrow | TypeName


@dataclass(frozen=True)
class Func:
    """Function: parameters in order, and an optional result."""

    params: tuple[tuple[str, ValueType], ...] = ()
    result: ValueType | None = None


@dataclass(frozen=True)
class TypeBound:
    """Type that is imported or exported: equal to `type`, or a new resource if that is a `Resource`."""

    type: ValueType | Resource


@dataclass(frozen=True)
class Instance:
    """Exports of an instance, by name, in the order of its declarations."""

    exports: Mapping[str, ExternType]


@dataclass(frozen=True)
class Opaque:
    """Item of a known kind whose type was not decoded.

    `kind` is `component`, `core module`, or the kind of an export whose type was not needed.
    """

    kind: str


ExternType = Func | TypeBound | Instance | Opaque


def kind_of(extern: ExternType) -> str:
    """Return the kind of an import or export: `func`, `type`, `instance`, `component` or `core module`."""
    if isinstance(extern, Func):
        return "func"
    if isinstance(extern, TypeBound):
        return "type"
    if isinstance(extern, Instance):
        return "instance"
    return extern.kind


def resolve(type_: ValueType | Resource) -> ValueType | Resource:
    """Return the type without its outermost names; parts keep theirs."""
    while isinstance(type_, TypeName):
        type_ = type_.type
    return type_


def resource_of(handle: Own | Borrow) -> Resource:
    """Return the resource of a handle, without its names."""
    resource = resolve(handle.resource)
    if not isinstance(resource, Resource):
        raise TypeError(f"a handle to `{resource}`, which is not a resource")
    return resource


def children(type_: ValueType | Resource) -> tuple[ValueType | Resource, ...]:
    """Return the types that a type directly consists of, in order."""
    if isinstance(type_, Record):
        return tuple(field for _, field in type_.fields)
    if isinstance(type_, Variant):
        return tuple(case for _, case in type_.cases if case is not None)
    if isinstance(type_, List):
        return (type_.element,)
    if isinstance(type_, Tuple):
        return type_.items
    if isinstance(type_, Option):
        return (type_.payload,)
    if isinstance(type_, Result):
        return tuple(part for part in (type_.ok, type_.err) if part is not None)
    if isinstance(type_, (Own, Borrow)):
        return (type_.resource,)
    if isinstance(type_, TypeName):
        return (type_.type,)
    return ()


def signature(func: Func) -> tuple[ValueType, ...]:
    """Return all types in a function's signature: parameters, then the result, if any."""
    types = tuple(type_ for _, type_ in func.params)
    return types if func.result is None else (*types, func.result)
