"""The types that a component being built takes from other interfaces.

Resources, and the records, variants, enums and flags that belong to another interface, may be used only under the name
which that interface's import gives them: so it is imported, with just the types that are needed.

Source: component-model, design/mvp/Explainer.md, "Import and Export Definitions".
"""

from __future__ import annotations

from collections.abc import Container

from wasmcp.component.builder import ComponentBuilder, InstanceTypeBuilder
from wasmcp.component.model import Func, Instance, Resource, TypeBound, TypeName, ValueType, children, signature
from wasmcp.component.typewriter import TypeWriter
from wasmcp.component.writer import Sort


class TypeImports:
    """Collects what is needed (:meth:`need`), imports it (:meth:`write`), and knows it by index (:meth:`index`)."""

    def __init__(self, builder: ComponentBuilder) -> None:
        self._builder = builder
        self._needed: dict[str, dict[str, ValueType | Resource]] = {}
        self._instances: dict[str, int] = {}
        self._indices: dict[tuple[str, str], int] = {}

    def need(self, instance: Instance, own: Container[str | None]) -> None:
        """Note every foreign type in the types of an instance.

        Args:
            instance: what refers to the types.
            own: the interfaces that are not foreign.
        """
        for extern in instance.exports.values():
            if isinstance(extern, Func):
                for type_ in signature(extern):
                    self.need_type(type_, own)
            elif isinstance(extern, TypeBound):
                self.need_type(extern.type, own)

    def need_type(self, type_: ValueType | Resource, own: Container[str | None]) -> None:
        """Note every foreign type in a type, those it is made of first."""
        for part in children(type_):
            self.need_type(part, own)
        if isinstance(type_, (TypeName, Resource)) and type_.interface is not None and type_.interface not in own:
            base = type_.type if isinstance(type_, TypeName) else type_
            self._needed.setdefault(type_.interface, {})[type_.name] = base

    def write(self) -> None:
        """Import the instances, each after those it uses types of."""
        for interface in list(self._needed):
            self._import(interface)

    def index(self, type_: TypeName | Resource) -> int | None:
        """Return the index of a foreign type, or None for what was not noted."""
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
