"""Writer of types as definitions in a scope: a component that is being built, or an instance type.

A scope knows some types by name already (`names`); every other type is defined once, where it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Protocol

from wasmcp.component import binary_writer
from wasmcp.component.binary_writer import Sort, TypeRef
from wasmcp.component.builder import ComponentBuilder, InstanceTypeBuilder
from wasmcp.component.types import (
    Borrow,
    Enum,
    Flags,
    Func,
    Instance,
    List,
    Option,
    Own,
    Primitive,
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


class Scope(Protocol):
    """Scope in which types can be defined: `ComponentBuilder` or `InstanceTypeBuilder`."""

    def type(self, definition: bytes) -> int:
        """Define a type; return its index."""
        ...


class TypeWriter:
    """Writer of types into one scope.

    `lookup` returns the index of a `TypeName` or a `Resource` in the scope; it can define a missing one. If it returns
    None for a `TypeName`, the type that it names is written instead; it must know every `Resource`.
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
        """Return a value type as a part of another definition: a primitive, or the index of its definition."""
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
        """Return the index of a resource type.

        Raises:
            LookupError: The scope does not know the resource.
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
        """Return the index of any type; a primitive gets a type definition."""
        if isinstance(type_, Resource):
            return self.resource(type_)
        if isinstance(type_, TypeName):
            known = self._lookup(type_)
            return self.index(type_.type) if known is None else known
        part = self.value(type_)
        return part if isinstance(part, int) else self._define(binary_writer.primitive(part))

    def func(self, func: Func) -> int:
        """Return the index of a function type."""
        params = [(label, self.value(part)) for label, part in func.params]
        result = None if func.result is None else self.value(func.result)
        return self._define(binary_writer.func(params, result))

    def _optional(self, type_: ValueType | None) -> TypeRef | None:
        return None if type_ is None else self.value(type_)

    def _definition(self, type_: ValueType) -> bytes:
        if isinstance(type_, Record):
            return binary_writer.record([(label, self.value(part)) for label, part in type_.fields])
        if isinstance(type_, Variant):
            return binary_writer.variant([(label, self._optional(part)) for label, part in type_.cases])
        if isinstance(type_, List):
            return binary_writer.list_(self.value(type_.element), type_.length)
        if isinstance(type_, Tuple):
            return binary_writer.tuple_([self.value(item) for item in type_.items])
        if isinstance(type_, Flags):
            return binary_writer.flags(type_.labels)
        if isinstance(type_, Enum):
            return binary_writer.enum_(type_.labels)
        if isinstance(type_, Option):
            return binary_writer.option(self.value(type_.payload))
        if isinstance(type_, Result):
            return binary_writer.result(self._optional(type_.ok), self._optional(type_.err))
        if isinstance(type_, Own):
            return binary_writer.own(self.resource(type_.resource))
        if isinstance(type_, Borrow):
            return binary_writer.borrow(self.resource(type_.resource))
        raise TypeError(f"`{type_}` is not a value type")


class TypeImports:
    """Collector of foreign types (`need`) that imports them (`write`) and returns their indices (`index`)."""

    def __init__(self, builder: ComponentBuilder) -> None:
        self._builder = builder
        self._needed: dict[str, dict[str, ValueType | Resource]] = {}
        self._instances: dict[str, int] = {}
        self._indices: dict[tuple[str, str], int] = {}

    def need(self, instance: Instance, own: Container[str | None]) -> None:
        """Record every foreign type in the types of an instance.

        Args:
            instance: The instance that refers to the types.
            own: The interfaces that are not foreign.
        """
        for extern in instance.exports.values():
            if isinstance(extern, Func):
                for type_ in signature(extern):
                    self.need_type(type_, own)
            elif isinstance(extern, TypeBound):
                self.need_type(extern.type, own)

    def need_type(self, type_: ValueType | Resource, own: Container[str | None]) -> None:
        """Record every foreign type in a type, those it is made of first."""
        for part in children(type_):
            self.need_type(part, own)
        if isinstance(type_, (TypeName, Resource)) and type_.interface is not None and type_.interface not in own:
            base = type_.type if isinstance(type_, TypeName) else type_
            self._needed.setdefault(type_.interface, {})[type_.name] = base

    def write(self) -> None:
        """Import the instances, each after those whose types it uses."""
        for interface in list(self._needed):
            self._import(interface)

    def index(self, type_: TypeName | Resource) -> int | None:
        """Return the index of a foreign type, or None if it was not recorded."""
        if type_.interface is None or type_.name not in self._needed.get(type_.interface, {}):
            return None
        key = (type_.interface, type_.name)
        if key not in self._indices:
            instance = self._import(type_.interface)
            self._indices[key] = self._builder.alias_export(instance, type_.name, Sort.TYPE)
        return self._indices[key]

    def _import(self, interface: str) -> int:
        if interface not in self._instances:
            scope = InstanceTypeBuilder()
            known: dict[tuple[str | None, str], int] = {}

            def lookup(type_: TypeName | Resource) -> int | None:
                key = (type_.interface, type_.name)
                if key not in known and type_.interface != interface:
                    outer = self.index(type_)
                    if outer is None:
                        return None
                    known[key] = scope.alias_outer_type(outer)
                return known.get(key)

            types = TypeWriter(scope, lookup)
            for name, base in self._needed[interface].items():
                if base == Resource(interface, name):
                    known[interface, name] = scope.export_resource(name)
                else:
                    known[interface, name] = scope.export_type(name, types.index(base))
            type_index = self._builder.type(scope.definition())
            self._instances[interface] = self._builder.import_instance(interface, type_index)
        return self._instances[interface]
