"""Types of the model -> definitions in a scope: a component that is being built, or an instance type.

A scope knows some types by name already (`names`); everything else is defined where it is first needed, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from wasmcp.component import writer
from wasmcp.component.model import (
    Borrow,
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
    TypeName,
    ValueType,
    Variant,
)
from wasmcp.component.writer import TypeRef


class Scope(Protocol):
    """Where types can be defined: `ComponentBuilder` and `InstanceTypeBuilder`."""

    def type(self, definition: bytes) -> int:
        """Define a type; returns its index."""
        ...


class TypeWriter:
    """Writes types of the model into one scope.

    `lookup` gives the index that a `TypeName` or a `Resource` has in the scope; it may define what is missing. When it
    returns None for a `TypeName`, what the name stands for is written instead; a `Resource` it must know.
    """

    def __init__(self, scope: Scope, lookup: Callable[[TypeName | Resource], int | None]) -> None:
        self._scope = scope
        self._lookup = lookup
        self._written: dict[bytes, int] = {}

    def _define(self, definition: bytes) -> int:
        index = self._written.get(definition)
        if index is None:
            index = self._written[definition] = self._scope.type(definition)
        return index

    def value(self, type_: ValueType) -> TypeRef:
        """A value type, as a part of another definition: a primitive, or the index of its definition."""
        if isinstance(type_, Primitive):
            return type_
        if isinstance(type_, TypeName):
            index = self._lookup(type_)
            if index is not None:
                return index
            if isinstance(type_.type, Resource):
                raise TypeError(f"the resource `{type_.name}` is used as a value")
            return self.value(type_.type)
        return self._define(self._definition(type_))

    def resource(self, type_: TypeName | Resource) -> int:
        """The index of a resource type.

        Raises:
            LookupError: the scope does not know it.
        """
        current: TypeName | Resource | ValueType = type_
        while isinstance(current, (TypeName, Resource)):
            index = self._lookup(current)
            if index is not None:
                return index
            if isinstance(current, Resource):
                break
            current = current.type
        raise LookupError(f"the resource `{type_.name}` of `{type_.interface}` is not known here")

    def index(self, type_: ValueType | Resource) -> int:
        """The index of any type; a primitive is defined as a type of its own."""
        if isinstance(type_, Resource):
            return self.resource(type_)
        if isinstance(type_, TypeName):
            known = self._lookup(type_)
            return self.index(type_.type) if known is None else known
        part = self.value(type_)
        return part if isinstance(part, int) else self._define(writer.primitive(part))

    def func(self, func: Func) -> int:
        """The index of a function type."""
        params = [(label, self.value(part)) for label, part in func.params]
        result = None if func.result is None else self.value(func.result)
        return self._define(writer.func(params, result))

    def _optional(self, type_: ValueType | None) -> TypeRef | None:
        return None if type_ is None else self.value(type_)

    def _definition(self, type_: ValueType) -> bytes:
        if isinstance(type_, Record):
            return writer.record([(label, self.value(part)) for label, part in type_.fields])
        if isinstance(type_, Variant):
            return writer.variant([(label, self._optional(part)) for label, part in type_.cases])
        if isinstance(type_, List):
            return writer.list_(self.value(type_.element), type_.length)
        if isinstance(type_, Tuple):
            return writer.tuple_([self.value(item) for item in type_.items])
        if isinstance(type_, Flags):
            return writer.flags(type_.labels)
        if isinstance(type_, Enum):
            return writer.enum_(type_.labels)
        if isinstance(type_, Option):
            return writer.option(self.value(type_.payload))
        if isinstance(type_, Result):
            return writer.result(self._optional(type_.ok), self._optional(type_.err))
        if isinstance(type_, Own):
            return writer.own(self.resource(type_.resource))
        if isinstance(type_, Borrow):
            return writer.borrow(self.resource(type_.resource))
        raise TypeError(f"`{type_}` is not a value type")
