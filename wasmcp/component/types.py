"""Types of the component model, as a decoded component declares them, and their structural comparison.

Source: component-model, design/mvp/Explainer.md, "Type Definitions". Async types (stream, future, error-context) are
missing: the decoder rejects them by name.

A type that has a name in an imported interface is a `TypeName` around the named type. Names matter, because an import
can use a record, variant, enum or flags type only under the name that the import exports it with.

A comparison ignores names of types and compares the types that they stand for; resources are compared by identity.
Source: component-model, design/mvp/Subtyping.md (imports and exports of WIT interfaces compare for equality).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
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


SameResource = Callable[[Resource, Resource], bool]
_WORDS = {
    Record: "a record",
    Variant: "a variant",
    List: "a list",
    Tuple: "a tuple",
    Flags: "flags",
    Enum: "an enum",
    Option: "an option",
    Result: "a result",
    Own: "an owned handle",
    Borrow: "a borrowed handle",
    Resource: "a resource",
}


def _word(type_: ValueType | Resource | None) -> str:
    if type_ is None:
        return "nothing"
    return f"`{type_.value}`" if isinstance(type_, Primitive) else _WORDS[type(type_)]


class Comparison:
    """Search for the first difference between two types, as text: ``... is a record in `a` and a list in `b```.

    `sides` are the words for the origins of the two types.
    """

    def __init__(self, same_resource: SameResource, sides: tuple[str, str]) -> None:
        self._same_resource = same_resource
        self._sides = sides
        # Pairs found equal, by id; the objects are stored with them, so that the ids are not reused.
        self._equal: dict[tuple[int, int], tuple[object, object]] = {}

    def _differ(self, verb: str, one: str, other: str, at: str) -> str:
        return f"{at} {verb} {one} in {self._sides[0]} and {other} in {self._sides[1]}"

    def types(self, one: ValueType | Resource | None, other: ValueType | Resource | None, at: str) -> str | None:
        """Return the first difference between two value types or resources, or None."""
        if (id(one), id(other)) in self._equal:
            return None
        found = self._unequal(one, other, at)
        if found is None:
            self._equal[id(one), id(other)] = (one, other)
        return found

    def _unequal(self, one: ValueType | Resource | None, other: ValueType | Resource | None, at: str) -> str | None:
        if one is None or other is None:
            return None if one is other else self._differ("is", _word(_bare(one)), _word(_bare(other)), at)
        one, other = resolve(one), resolve(other)
        if type(one) is not type(other) or (isinstance(one, Primitive) and one is not other):
            return self._differ("is", _word(one), _word(other), at)
        return self._parts(one, other, at)

    def _parts(self, one: ValueType | Resource, other: ValueType | Resource, at: str) -> str | None:
        if isinstance(one, Record) and isinstance(other, Record):
            return self._labelled(one.fields, other.fields, at, "field")
        if isinstance(one, Variant) and isinstance(other, Variant):
            return self._labelled(one.cases, other.cases, at, "case")
        if isinstance(one, (Flags, Enum)) and isinstance(other, (Flags, Enum)):
            if one.labels == other.labels:
                return None
            return self._labels(one.labels, other.labels, at, "label")
        if isinstance(one, List) and isinstance(other, List):
            if one.length != other.length:
                return self._differ("has", f"length {one.length}", f"length {other.length}", at)
            return self.types(one.element, other.element, f"the element of {at}")
        if isinstance(one, Option) and isinstance(other, Option):
            return self.types(one.payload, other.payload, f"the payload of {at}")
        if isinstance(one, Result) and isinstance(other, Result):
            ok = self.types(one.ok, other.ok, f"the success of {at}")
            return ok or self.types(one.err, other.err, f"the failure of {at}")
        if isinstance(one, Tuple) and isinstance(other, Tuple):
            if len(one.items) != len(other.items):
                return self._differ("has", f"{len(one.items)} items", f"{len(other.items)} items", at)
            pairs = enumerate(zip(one.items, other.items, strict=True))
            return next((found for n, (a, b) in pairs if (found := self.types(a, b, f"item {n} of {at}"))), None)
        if isinstance(one, (Own, Borrow)) and isinstance(other, (Own, Borrow)):
            return self._resources(resource_of(one), resource_of(other), at)
        if isinstance(one, Resource) and isinstance(other, Resource):
            return self._resources(one, other, at)
        return None

    def _resources(self, one: Resource, other: Resource, at: str) -> str | None:
        if self._same_resource(one, other):
            return None
        names = [f"`{r.name}`" + (f" of `{r.interface}`" if r.interface else "") for r in (one, other)]
        return self._differ("is", f"the resource {names[0]}", names[1], at)

    def _labels(self, one: Sequence[str], other: Sequence[str], at: str, what: str) -> str:
        place = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        a, b = (f"`{labels[place]}`" if place < len(labels) else "missing" for labels in (one, other))
        return self._differ("is", a, b, f"{what} {place + 1} of {at}")

    def _labelled(
        self,
        one: tuple[tuple[str, ValueType], ...] | tuple[tuple[str, ValueType | None], ...],
        other: tuple[tuple[str, ValueType], ...] | tuple[tuple[str, ValueType | None], ...],
        at: str,
        what: str,
    ) -> str | None:
        labels = [label for label, _ in one], [label for label, _ in other]
        if labels[0] != labels[1]:
            return self._labels(*labels, at, what)
        for (label, a), (_, b) in zip(one, other, strict=True):
            found = self.types(a, b, f"`{label}` of {at}")
            if found:
                return found
        return None

    def funcs(self, one: Func, other: Func, at: str) -> str | None:
        """Return the first difference between two functions."""
        found = self._labelled(one.params, other.params, at, "parameter")
        return found or self.types(one.result, other.result, f"the result of {at}")

    def externs(self, one: ExternType, other: ExternType, at: str) -> str | None:
        """Return the first difference between two imports or exports of one name; for instances see `mismatch`."""
        if kind_of(one) != kind_of(other):
            return self._differ("is", f"of kind {kind_of(one)}", f"of kind {kind_of(other)}", at)
        if isinstance(one, Func) and isinstance(other, Func):
            return self.funcs(one, other, at)
        if isinstance(one, TypeBound) and isinstance(other, TypeBound):
            return self.types(one.type, other.type, at)
        return None


def _bare(type_: ValueType | Resource | None) -> ValueType | Resource | None:
    return None if type_ is None else resolve(type_)


def difference(one: ExternType, other: ExternType, at: str, sides: tuple[str, str]) -> str | None:
    """Describe the first difference between two functions or types; return None if they are equal.

    Args:
        one: The first.
        other: The second.
        at: Their name in the description.
        sides: The names of their origins in the description.
    """
    return Comparison(lambda a, b: a == b, sides).externs(one, other, at)


def mismatch(
    expected: Instance, offered: Instance, sides: tuple[str, str] = ("the expected type", "the given type")
) -> str | None:
    """Describe why an instance cannot satisfy an import of another type; return None if it can.

    It must have all items of `expected`, and can have more. Items of `offered` whose type is unknown (`Opaque`) are not
    compared. Resources match if each one in `expected` corresponds to one in `offered`, regardless of their origin.
    """
    pairs: dict[Resource, Resource] = {}
    taken: dict[Resource, Resource] = {}

    def same(one: Resource, other: Resource) -> bool:
        return pairs.setdefault(one, other) == other and taken.setdefault(other, one) == one

    comparison = Comparison(same, sides)
    for name, item in expected.exports.items():
        found = offered.exports.get(name)
        if found is None:
            return f"`{name}` ({kind_of(item)}) is missing in {sides[1]}"
        if isinstance(found, Opaque) and found.kind == kind_of(item):
            continue
        problem = comparison.externs(item, found, f"`{name}`")
        if problem:
            return problem
    return None
