"""Index spaces that a component's declarations refer to, and a cache of decoded import sections.

A toolchain writes the same imports into every component of a world, byte for byte: of ten Python components, nine need
not decode their 14 KB of types again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wasmcp.component.binary_format import Reader
from wasmcp.component.types import (
    ExternType,
    Func,
    Instance,
    Opaque,
    Resource,
    TypeBound,
    TypeName,
    ValueType,
    children,
    signature,
)

MAX_DEPTH = 100  # of a type inside a type; as in wasm-tools' validator
MAX_SIZE = 100_000  # parts of one type, counted as often as they are used


@dataclass(frozen=True)
class Unsupported:
    """Type that an import cannot use: an async type, or a type that comes from inside the component.

    It replaces a type while a component is decoded, so that the error can name the import that uses it. `verb` and
    `what` make a sentence that begins with the item's name; `hint` ends it.
    """

    what: str
    verb: str = "needs"
    hint: str = "async and WASI 0.3 are not supported, build against WASI 0.2"


ASYNC_FUNC = Unsupported("an async function", "is")
UNKNOWN = Unsupported("a type that comes from inside the component", hint="an import can only use imported types")

Definition = ValueType | Resource | Func | Instance | Opaque | Unsupported


class Costs:
    """Depth and size of each type, and the unsupported part in it, if any."""

    def __init__(self) -> None:
        # By id; the object is stored with it, so that its id is not reused.
        self._known: dict[int, tuple[object, int, int, Unsupported | None]] = {}

    def copy(self) -> Costs:
        """Return a copy that can be extended without changing this one."""
        copied = Costs()
        copied._known.update(self._known)
        return copied

    def unsupported(self, type_: object) -> Unsupported | None:
        """Return the unsupported part of a type; None if all parts are supported."""
        if isinstance(type_, Unsupported):
            return type_
        entry = self._known.get(id(type_))
        return entry[3] if entry else None

    def add(self, type_: ValueType | Resource | Func, reader: Reader) -> None:
        """Record a new type, whose parts are all known.

        Raises:
            ComponentError: The type is too deep or too large.
        """
        depth, size, unsupported = 0, 1, self.unsupported(type_)
        for child in signature(type_) if isinstance(type_, Func) else children(type_):
            _, child_depth, child_size, _ = self._known.get(id(child), (None, 1, 1, None))
            depth, size = max(depth, child_depth), size + child_size
            unsupported = unsupported or self.unsupported(child)
        if depth >= MAX_DEPTH:
            raise reader.fail(f"a type is nested deeper than {MAX_DEPTH}")
        if size > MAX_SIZE:
            raise reader.fail(f"a type has more than {MAX_SIZE} parts")
        if size > 1 or unsupported:
            self._known[id(type_)] = (type_, depth + 1, size, unsupported)

    def add_name(self, type_: TypeName, reader: Reader) -> None:
        """Record a name for a type: it is one level deeper than the type that it names."""
        self.add(type_, reader)


class Scope:
    """Types and instances of a component, a component type or an instance type, by index."""

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self.costs: Costs = parent.costs if parent else Costs()
        self.types: list[Definition] = []
        # With the name that an import's types are known by; None if the instance's exports are unknown.
        self.instances: list[tuple[str | None, Instance | None]] = []

    def type_at(self, index: int, reader: Reader, offset: int | None = None) -> Definition:
        """Return the type with this index."""
        if not 0 <= index < len(self.types):
            raise reader.fail(f"type index {index} is out of range: {len(self.types)} defined", offset)
        return self.types[index]

    def instance_at(self, index: int, reader: Reader) -> tuple[str | None, Instance | None]:
        """Return the instance with this index, after the name that its types are known by."""
        if index >= len(self.instances):
            raise reader.fail(f"instance index {index} is out of range: {len(self.instances)} defined")
        return self.instances[index]

    def outer(self, count: int, reader: Reader) -> Scope:
        """Return the scope `count` levels further out."""
        scope: Scope | None = self
        while count and scope is not None:
            scope, count = scope.parent, count - 1
        if scope is None:
            raise reader.fail("an alias refers to an outer scope that does not exist")
        return scope

    def declare(self, extern: ExternType, interface: str | None, name: str, reader: Reader) -> None:
        """Assign an index to an imported or exported item; a type is known by its name from here on."""
        if isinstance(extern, TypeBound):
            self.types.append(self._named(extern.type, interface, name, reader))
        elif isinstance(extern, Instance):
            self.instances.append((interface, extern))

    def _named(self, type_: ValueType | Resource, interface: str | None, name: str, reader: Reader) -> TypeName:
        named = TypeName(interface, name, type_)
        self.costs.add_name(named, reader)
        return named

    def alias_export(self, instance: int, sort: int, name: str, reader: Reader) -> None:
        """Alias a type (sort 3) or an instance (sort 5) that an instance exports."""
        interface, exports = self.instance_at(instance, reader)
        if exports is None:
            if sort == 3:
                self.types.append(UNKNOWN)
            else:
                self.instances.append((None, None))
            return
        found = exports.exports.get(name)
        if sort == 3 and isinstance(found, TypeBound):
            self.types.append(self._named(found.type, interface, name, reader))
        elif sort == 5 and isinstance(found, Instance):
            self.instances.append((None, found))
        elif sort == 3 and found is not None and isinstance(found, Opaque):
            self.types.append(UNKNOWN)
        elif sort == 5 and isinstance(found, Opaque) and found.kind == "instance":
            self.instances.append((None, None))  # of a component that was not decoded
        else:
            raise reader.fail(f"the instance exports no {'type' if sort == 3 else 'instance'} `{name}`")

    def refuse_unsupported(self, extern: ExternType, interface: str | None, name: str, reader: Reader) -> None:
        """Refuse a declaration of an import that uses an unsupported type.

        Raises:
            ComponentError: The error names the import, the item in it and the unsupported type.
        """
        found = self.costs.unsupported(extern.type if isinstance(extern, TypeBound) else extern)
        if found:
            item = f"`{name}` of `{interface}`" if interface else f"`{name}`"
            raise reader.fail(f"{item} {found.verb} {found.what}: {found.hint}")


_KINDS = {1: "func", 2: "value", 3: "type", 4: "component", 5: "instance"}


class ComponentScope(Scope):
    """Types, instances, functions and components of a component, by index.

    Attributes:
        funcs: The types of functions; None if unknown.
        components: The position of each component's bytes, and the scope that they are in; None if they are not in
            this component.
        modules: Number of core modules.
    """

    def __init__(self, parent: Scope | None = None) -> None:
        super().__init__(parent)
        self.funcs: list[Func | None] = []
        self.components: list[tuple[Reader, ComponentScope] | None] = []
        self.modules = 0

    def copy(self) -> ComponentScope:
        """Return a copy that can be extended without changing this one. Only for a scope without a parent."""
        copied = ComponentScope()
        copied.costs = self.costs.copy()
        copied.types.extend(self.types)
        copied.instances.extend(self.instances)
        copied.funcs.extend(self.funcs)
        copied.components.extend(self.components)
        copied.modules = self.modules
        return copied

    def read_reference(self, section: Reader) -> tuple[str, ExternType | None]:
        """Read a sort and an index; return the kind of the item they refer to, and its type if known."""
        start = section.position
        sort = section.byte()
        if sort == 0:
            if section.byte() != 0x11:
                raise section.fail("of core definitions only modules can be passed on", start)
            section.u32()
            return "core module", None
        index = section.u32()
        kind = _KINDS.get(sort)
        if kind is None:
            raise section.fail(f"unknown sort {sort}", start)
        if kind == "func":
            if index >= len(self.funcs):
                raise section.fail(f"function index {index} is out of range: {len(self.funcs)} defined", start)
            return kind, self.funcs[index]
        if kind == "type":
            type_ = self.type_at(index, section, start)
            unknown = isinstance(type_, (Func, Instance, Opaque, Unsupported)) or self.costs.unsupported(type_)
            return kind, None if unknown else TypeBound(type_)  # type: ignore[arg-type]
        if kind == "instance":
            return kind, self.instance_at(index, section)[1]
        if kind == "component" and index >= len(self.components):
            raise section.fail(f"component index {index} is out of range: {len(self.components)} defined", start)
        return kind, None

    def read_alias(self, section: Reader) -> None:
        """Read an alias, and assign its index to the item it refers to."""
        start = section.position
        sort = section.byte()
        core = section.byte() if sort == 0 else -1
        target = section.byte()
        self.modules += core == 0x11
        if target == 0x01:
            section.u32()
            section.skip_name()
        elif target == 0x00 and sort in (3, 5):
            self.alias_export(section.u32(), sort, section.name(), section)
        elif target == 0x00 and (sort in (1, 4) or core == 0x11):
            _, instance = self.instance_at(section.u32(), section)
            found = instance.exports.get(section.name()) if instance else (section.name(), None)[1]
            if sort == 1:
                self.funcs.append(found if isinstance(found, Func) else None)
            elif sort == 4:
                self.components.append(None)
        elif target == 0x02 and (sort in (3, 4) or core in (0x10, 0x11)):
            outer = self.outer(section.u32(), section)
            index = section.u32()
            if sort == 3:
                self.types.append(outer.type_at(index, section, start))
            elif sort == 4:
                known = outer.components if isinstance(outer, ComponentScope) else []
                self.components.append(known[index] if index < len(known) else None)
        else:
            raise section.fail(f"an alias of sort {sort} cannot have target {target}", start)


MAX_ENTRIES = 32
MAX_BYTES = 200_000  # largest beginning that is cached
SECTIONS = (6, 7, 10)  # aliases, types, imports: the sections of a beginning

Key = tuple[bytes, tuple[tuple[int, str], ...]]


@dataclass(frozen=True)
class Beginning:
    """State of a reader after the sections that a component begins with. `scope` must be copied before use."""

    imports: Mapping[str, ExternType]
    scope: ComponentScope
    resources: int


BEGINNINGS: dict[Key, Beginning] = {}
"""The cached states, the oldest first."""


def recall(key: Key) -> Beginning | None:
    """Return the cached state after this beginning, if any."""
    return BEGINNINGS.get(key)


def remember(key: Key, beginning: Beginning) -> None:
    """Cache the state after a beginning; the oldest entry is removed when the cache is full."""
    BEGINNINGS[key] = beginning
    for oldest in list(BEGINNINGS)[:-MAX_ENTRIES]:
        BEGINNINGS.pop(oldest, None)
