"""Writer of a composition's imports, with complete types.

Inside an instance, type names follow the order of declarations; a type of another import is an outer alias of an alias
of that import's export.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wasmcp.component.binary_writer import Sort
from wasmcp.component.builder import ComponentBuilder, InstanceTypeBuilder
from wasmcp.component.import_renaming import walk
from wasmcp.component.merge import MergedImport
from wasmcp.component.type_encoder import TypeWriter
from wasmcp.component.types import ExternType, Func, Instance, Resource, TypeBound, TypeName


def only_types(name: str, extern: ExternType) -> bool:
    """Return true if an import is an instance with only types, none of them a resource of its own."""
    return (
        isinstance(extern, Instance)
        and all(isinstance(item, TypeBound) for item in extern.exports.values())
        and not any(isinstance(type_, Resource) and type_.interface in (None, name) for type_ in walk(extern))
    )


def definable(imports: Mapping[str, MergedImport]) -> set[str]:
    """Return the imports that a composition can define itself: instances of types that no other import needs."""
    defined: set[str] = set()
    needed: set[str] = set()
    for merged in reversed(list(imports.values())):  # each comes after those it uses
        if merged.name not in needed and only_types(merged.name, merged.type):
            defined.add(merged.name)
        else:
            needed.update(merged.uses)
    return defined


class OuterImports:
    """Writer of imports into a component, each after those it uses.

    Attributes:
        indices: The index of every import in the index space of its kind.
    """

    def __init__(self, builder: ComponentBuilder) -> None:
        self.indices: dict[str, tuple[Sort, int]] = {}
        self._builder = builder
        self._aliases: dict[tuple[str, str], int] = {}
        self._writer = TypeWriter(builder, self._outer_index)

    def _outer_index(self, type_: TypeName | Resource) -> int:
        """Return the index, in the component, of a type of an import or of a defined instance."""
        if type_.interface is None:
            return self.indices[type_.name][1]
        key = (type_.interface, type_.name)
        index = self._aliases.get(key)
        if index is None:
            instance = self.indices[type_.interface][1]
            index = self._aliases[key] = self._builder.alias_export(instance, type_.name, Sort.TYPE)
        return index

    def add(self, merged: MergedImport) -> None:
        """Add the import to the component."""
        extern, builder = merged.type, self._builder
        if isinstance(extern, Instance):
            definition = _InstanceTypeWriter(merged.name, extern, self._outer_index).definition()
            self.indices[merged.name] = (Sort.INSTANCE, builder.import_instance(merged.name, builder.type(definition)))
        elif isinstance(extern, Func):
            index = builder.import_func(merged.name, self._writer.func(extern))
            self.indices[merged.name] = (Sort.FUNC, index)
        elif isinstance(extern, TypeBound) and isinstance(extern.type, Resource):
            self.indices[merged.name] = (Sort.TYPE, builder.import_resource(merged.name))
        elif isinstance(extern, TypeBound):
            index = builder.import_type(merged.name, self._writer.index(extern.type))
            self.indices[merged.name] = (Sort.TYPE, index)

    def define(self, merged: MergedImport) -> None:
        """Define the import as an instance of plain types."""
        exports: dict[str, tuple[Sort, int]] = {}

        def lookup(type_: TypeName | Resource) -> int | None:
            if type_.interface == merged.name:
                return exports[type_.name][1] if type_.name in exports else None
            return self._outer_index(type_)

        writer = TypeWriter(self._builder, lookup)
        if isinstance(merged.type, Instance):
            for name, item in merged.type.exports.items():
                if isinstance(item, TypeBound):
                    exports[name] = (Sort.TYPE, writer.index(item.type))
        self.indices[merged.name] = (Sort.INSTANCE, self._builder.instance(exports))


class _InstanceTypeWriter:
    def __init__(self, interface: str, instance: Instance, outer_index: Callable[[TypeName | Resource], int]) -> None:
        self._interface = interface
        self._instance = instance
        self._outer_index = outer_index
        self._scope = InstanceTypeBuilder()
        self._writer = TypeWriter(self._scope, self._lookup)
        self._exported: dict[str, int] = {}
        self._aliased: dict[int, int] = {}

    def definition(self) -> bytes:
        for name, item in self._instance.exports.items():
            if isinstance(item, TypeBound):
                self._export_type(name)
            elif isinstance(item, Func):
                self._scope.export_func(name, self._writer.func(item))
        return self._scope.definition()

    def _export_type(self, name: str) -> int:
        # A union of two versions can list a type before one it is made of: dependencies are exported first.
        if name not in self._exported:
            bound = self._instance.exports[name]
            if not isinstance(bound, TypeBound):
                raise TypeError(f"`{name}` of `{self._interface}` is used as a type")
            if isinstance(bound.type, Resource) and bound.type == Resource(self._interface, name):
                self._exported[name] = self._scope.export_resource(name)
            else:
                self._exported[name] = self._scope.export_type(name, self._writer.index(bound.type))
        return self._exported[name]

    def _lookup(self, type_: TypeName | Resource) -> int:
        if type_.interface == self._interface:
            return self._export_type(type_.name)
        outer = self._outer_index(type_)
        if outer not in self._aliased:
            self._aliased[outer] = self._scope.alias_outer_type(outer)
        return self._aliased[outer]
