"""Traversal of types: the imports that they name, and copies with renamed imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from wasmcp.component.types import (
    Borrow,
    ExternType,
    Func,
    Instance,
    List,
    Option,
    Own,
    Record,
    Resource,
    Result,
    Tuple,
    TypeBound,
    TypeName,
    ValueType,
    Variant,
    children,
    signature,
)


def types_in(extern: ExternType) -> Iterator[ValueType | Resource]:
    """Yield the types that an import or export directly consists of; for an instance those of all its items."""
    if isinstance(extern, Func):
        yield from signature(extern)
    elif isinstance(extern, TypeBound):
        yield extern.type
    elif isinstance(extern, Instance):
        for item in extern.exports.values():
            yield from types_in(item)


def walk(extern: ExternType) -> Iterator[ValueType | Resource]:
    """Yield every type in an import or export, each object once, including the types that names stand for."""
    seen: set[int] = set()
    queue = list(types_in(extern))
    while queue:
        type_ = queue.pop()
        if id(type_) not in seen:
            seen.add(id(type_))
            yield type_
            queue.extend(children(type_))


def dependencies(name: str, extern: ExternType) -> list[str]:
    """Return the other imports whose types an import uses, sorted; a type that is imported by itself counts as one."""
    found = set()
    for type_ in walk(extern):
        if isinstance(type_, (TypeName, Resource)):
            found.add(type_.name if type_.interface is None else type_.interface)
    found.discard(name)
    return sorted(found)


class Renaming:
    """Copier of types that renames the interfaces in `names` (old -> new). Unchanged types stay the same object."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {old: new for old, new in names.items() if old != new}
        # By id; the object is stored with its result, so that its id is not reused.
        self._done: dict[int, tuple[object, ValueType | Resource]] = {}

    def name(self, interface: str) -> str:
        """Return the new name of an interface."""
        return self._names.get(interface, interface)

    def extern(self, extern: ExternType) -> ExternType:
        """Return an import or export with its interfaces renamed."""
        if not self._names:
            return extern
        if isinstance(extern, Func):
            params = tuple((label, self._value(type_)) for label, type_ in extern.params)
            return Func(params, None if extern.result is None else self._value(extern.result))
        if isinstance(extern, TypeBound):
            return TypeBound(self.type(extern.type))
        if isinstance(extern, Instance):
            return Instance({name: self.extern(item) for name, item in extern.exports.items()})
        return extern

    def _value(self, type_: ValueType) -> ValueType:
        return cast("ValueType", self.type(type_))

    def type(self, type_: ValueType | Resource) -> ValueType | Resource:
        """Return a type with its interfaces renamed."""
        done = self._done.get(id(type_))
        if done:
            return done[1]
        result = self._renamed(type_)
        if _same_parts(result, type_):
            result = type_
        self._done[id(type_)] = (type_, result)
        return result

    def _renamed(self, type_: ValueType | Resource) -> ValueType | Resource:
        if isinstance(type_, Resource):
            return Resource(self._interface(type_.interface), type_.name)
        if isinstance(type_, TypeName):
            return TypeName(self._interface(type_.interface), type_.name, self.type(type_.type))
        if isinstance(type_, (Own, Borrow)):
            return replace(type_, resource=cast("TypeName | Resource", self.type(type_.resource)))
        if isinstance(type_, Record):
            return Record(tuple((label, self._value(part)) for label, part in type_.fields))
        if isinstance(type_, Variant):
            return Variant(tuple((label, part and self._value(part)) for label, part in type_.cases))
        if isinstance(type_, List):
            return List(self._value(type_.element), type_.length)
        if isinstance(type_, Tuple):
            return Tuple(tuple(self._value(item) for item in type_.items))
        if isinstance(type_, Option):
            return Option(self._value(type_.payload))
        if isinstance(type_, Result):
            return Result(type_.ok and self._value(type_.ok), type_.err and self._value(type_.err))
        return type_

    def _interface(self, name: str | None) -> str | None:
        return None if name is None else self._names.get(name, name)


def _same_parts(one: ValueType | Resource, other: ValueType | Resource) -> bool:
    """Return true if two types of one kind have the same name and identical parts."""
    if getattr(one, "interface", None) != getattr(other, "interface", None):
        return False
    return all(
        a is b or (isinstance(a, Resource) and a == b) for a, b in zip(children(one), children(other), strict=True)
    )


def renamed(extern: ExternType, names: Mapping[str, str]) -> ExternType:
    """Return an import or export with the interfaces in `names` (old -> new) renamed in all its types."""
    return Renaming(names).extern(extern)
