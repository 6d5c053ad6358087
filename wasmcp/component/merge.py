"""Merger of the imports of several components, and writer of the merged imports with complete types.

Compatible versions of an interface become one import, under the highest version, with the functions and types of all of
them; items that two of them declare must have the same structure. Inside an instance, type names follow the order of
declarations; a type of another import is an outer alias of an alias of that import's export.
Source: component-model, design/mvp/Explainer.md ("canonical interface name"), semver.org 2.0.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from wasmcp.component import interface_names
from wasmcp.component.binary_format import Sort
from wasmcp.component.builder import ComponentBuilder, InstanceTypeBuilder
from wasmcp.component.type_section import TypeWriter
from wasmcp.component.types import (
    Borrow,
    ExternType,
    Func,
    Instance,
    List,
    Opaque,
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
    difference,
    kind_of,
    signature,
)
from wasmcp.errors import ImportConflictError


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


@dataclass
class _Request:
    owner: str
    name: str
    extern: ExternType
    renaming: Renaming | None = None


@dataclass
class MergedImport:
    """Import of the composition.

    `type` is the union of the merged imports; `owners` are the names of the components that import each item (of
    several instances of one component the first); `uses` are the names of the other merged imports that its types refer
    to.
    """

    name: str
    type: ExternType
    owners: list[str]
    uses: tuple[str, ...] = ()
    item_owners: dict[str, str] = field(default_factory=dict)


class ImportMerger:
    """Collector of imports that are merged together."""

    def __init__(self) -> None:
        self._requests: list[_Request] = []
        self._asked: set[tuple[int, str, bool]] = set()
        self._contexts: list[Mapping[str, ExternType]] = []  # stored, so that their ids are not reused

    def add(self, owner: str, name: str, imports: Mapping[str, ExternType]) -> None:
        """Add an import, and those whose types it uses.

        Args:
            owner: The component that needs it, for errors.
            name: The import.
            imports: All imports of that component, by name.
        """
        self._contexts.append(imports)
        queue = [name]
        while queue:
            current = queue.pop()
            if (id(imports), current, current == name) in self._asked:
                continue
            self._asked.add((id(imports), current, current == name))
            extern = imports.get(current)
            if extern is None:
                raise ImportConflictError(
                    f"`{name}` of `{owner}` uses types of `{current}`, which `{owner}` does not import",
                    interface=current,
                    components=(owner,),
                )
            if current != name:
                extern = _types_of(extern)
            self._requests.append(_Request(owner, current, extern))
            queue.extend(dependencies(current, extern))

    def merge(self) -> dict[str, MergedImport]:
        """Return the merged imports, each after those it uses.

        Raises:
            ImportConflictError: Two components declare an item of an import differently, or imports use each other.
        """
        canonical = self.canonical_names()
        renaming = Renaming(canonical)
        merged: dict[str, MergedImport] = {}
        for request in self._requests:
            name = canonical[request.name]
            extern = renaming.extern(request.extern)
            _unite(merged.setdefault(name, MergedImport(name, extern, [], ())), request, extern)
        for entry in merged.values():
            entry.uses = tuple(dependencies(entry.name, entry.type))
        return _ordered(merged)

    def canonical_names(self) -> dict[str, str]:
        """Return the name of the merged import for every name that was added."""
        tracks: dict[str, list[str]] = {}
        for request in self._requests:
            tracks.setdefault(interface_names.track(request.name), []).append(request.name)
        return {name: interface_names.newest(members) for members in tracks.values() for name in members}


def _types_of(extern: ExternType) -> ExternType:
    """Return the types of an import. Its functions are added only for the components that import it by name."""
    if not isinstance(extern, Instance):
        return extern
    return Instance({name: item for name, item in extern.exports.items() if not isinstance(item, Func)})


def _unite(merged: MergedImport, request: _Request, extern: ExternType) -> None:
    first = merged.owners[0] if merged.owners else request.owner
    if request.owner not in merged.owners:
        merged.owners.append(request.owner)
    if isinstance(extern, Opaque):
        raise ImportConflictError(
            f"`{request.owner}` imports `{request.name}`, a {extern.kind}: only instances, functions and types can be "
            "left to be imported",
            interface=request.name,
            components=(request.owner,),
        )
    if not isinstance(extern, Instance) or not isinstance(merged.type, Instance):
        problem = None if extern is merged.type else difference(merged.type, extern, "it", _sides(first, request))
        if problem:
            raise _conflict(merged.name, "", first, request, problem)
        return
    items = dict(merged.type.exports)
    for item, type_ in extern.exports.items():
        if isinstance(type_, (Opaque, Instance)):
            raise ImportConflictError(
                f"`{item}` of `{request.name}`, which `{request.owner}` imports, is of kind {kind_of(type_)}: only "
                "functions and types are supported",
                interface=request.name,
                item=item,
                components=(request.owner,),
            )
        known = items.setdefault(item, type_)
        owner = merged.item_owners.setdefault(item, request.owner)
        if known is type_ or known == type_:
            continue
        problem = difference(known, type_, f"`{item}`", _sides(owner, request))
        if problem:
            raise _conflict(merged.name, item, owner, request, problem)
    merged.type = Instance(items)


def _sides(owner: str, request: _Request) -> tuple[str, str]:
    return f"`{owner}`", f"`{request.owner}`"


def _conflict(name: str, item: str, owner: str, request: _Request, problem: str) -> ImportConflictError:
    return ImportConflictError(
        f"`{owner}` and `{request.owner}` both import `{interface_names.track(name)}` "
        f"(`{request.owner}` as `{request.name}`), "
        f"but not the same: {problem}; build both against the same version",
        interface=name,
        item=item,
        components=(owner, request.owner),
    )


def _ordered(merged: dict[str, MergedImport]) -> dict[str, MergedImport]:
    ordered: dict[str, MergedImport] = {}
    for root, entry in merged.items():
        stack = [(root, iter(entry.uses))] if root not in ordered else []
        path = {root: None}
        while stack:
            name, uses = stack[-1]
            following = next((use for use in uses if use not in ordered), None)
            if following is None:
                ordered[name] = merged[name]
                stack.pop()
                path.pop(name)
            elif following in path:
                cycle = [*list(path)[list(path).index(following) :], following]
                raise ImportConflictError(
                    "the merged imports use each other's types: " + " uses ".join(f"`{step}`" for step in cycle),
                    interface=following,
                    components=merged[following].owners,
                )
            else:
                path[following] = None
                stack.append((following, iter(merged[following].uses)))
    return ordered


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
