"""Composition graph: instances of components, the arguments for their imports, and the exports of the composition.

    graph = Graph()
    greeter = graph.instantiate(graph.add("greeter", data))
    caller = graph.instantiate(graph.add("caller", other_data))
    caller.set("demo:greet/api@0.1.0", greeter.export("demo:greet/api@0.1.0"))
    graph.export("wasi:cli/run@0.2.9", caller.export("wasi:cli/run@0.2.9"))
    data = encode(graph).to_bytes()

An import without an argument becomes an import of the composition, merged by semantic version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wasmcp.component import interface_names
from wasmcp.component.binary_format import Sort
from wasmcp.component.builder import Chunk
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.types import ExternType, Instance, kind_of, mismatch
from wasmcp.errors import ImportConflictError, WiringError

SORTS = {
    "func": Sort.FUNC,
    "type": Sort.TYPE,
    "instance": Sort.INSTANCE,
    "component": Sort.COMPONENT,
    "core module": Sort.CORE_MODULE,
}
_WORDS = {sort: word for word, sort in SORTS.items()}


@dataclass(frozen=True, eq=False)
class Value:
    """Item that can be an argument or an export; see the subclasses. `sort` is its sort."""

    sort: Sort

    def item(self, name: str, sort: Sort) -> Item:
        """Return a member of an instance.

        Raises:
            WiringError: This is not an instance.
        """
        if self.sort is not Sort.INSTANCE:
            raise WiringError(f"a {_WORDS[self.sort]} has no member `{name}`: only an instance has members", name=name)
        return Item(sort, self, name)


@dataclass(frozen=True)
class NodeExport(Value):
    """Export `name` of an instance."""

    node: Node
    name: str


@dataclass(frozen=True)
class Item(Value):
    """Member `name` of another value, an instance."""

    owner: Value
    name: str


@dataclass(frozen=True, eq=False)
class Synthetic(Value):
    """Instance made of other values, by name."""

    exports: Mapping[str, Value]


@dataclass(frozen=True)
class Import(Value):
    """Import `name` of the composition (merged with compatible ones)."""

    name: str


@dataclass(frozen=True, eq=False)
class Component:
    """Component in a graph: its bytes, its imports and its exports.

    `whole` components are embedded unchanged, so that their bytes can be identified in the composition; definitions of
    others are shared (`wasmcp.component.encode`).
    """

    name: str
    chunks: Sequence[Chunk]
    info: ComponentInfo
    whole: bool = False


@dataclass(eq=False)
class Node:
    """Instance of a component in a graph.

    Attributes:
        label: Its name in errors and in the name section.
        component: Its component.
        note: Data of the caller of `Graph.instantiate`; the graph does not read it.
        arguments: The values of its satisfied imports, by exact name.
    """

    label: str
    component: Component
    note: object = None
    arguments: dict[str, Value] = field(default_factory=dict)
    # Pairs of types known to match, by id, for the whole graph; its components keep the objects alive.
    _matching: set[tuple[int, int]] = field(default_factory=set, repr=False)

    @property
    def info(self) -> ComponentInfo:
        """Imports and exports of the component."""
        return self.component.info

    def export(self, name: str) -> NodeExport:
        """Return this instance's export under a name, or under a compatible version of it.

        Raises:
            WiringError: The component has no such export.
        """
        found = self.info.find_export(name)
        if found is None:
            offered = ", ".join(f"`{export}`" for export in self.info.exports) or "nothing"
            raise WiringError(
                f"`{self.label}` does not export `{name}`; it exports {offered}", instance=self.label, name=name
            )
        sort = SORTS.get(self.info.exports[found].kind)
        if sort is None:
            raise WiringError(f"`{name}` of `{self.label}` is a value, which is not supported", instance=self.label)
        return NodeExport(sort, self, found)

    def set(self, name: str, value: Value) -> None:
        """Satisfy an import, by its name or a compatible version of it.

        Raises:
            WiringError: The component has no such import, the import is satisfied already, or the value is of another
                kind.
            ImportConflictError: The value is an instance's export of another type.
        """
        found = self.info.find_import(name)
        if found is None:
            imported = ", ".join(f"`{import_}`" for import_ in self.info.imports) or "nothing"
            raise WiringError(
                f"`{self.label}` does not import `{name}`; it imports {imported}", instance=self.label, name=name
            )
        if found in self.arguments:
            raise WiringError(f"the import `{found}` of `{self.label}` is given twice", instance=self.label, name=found)
        kind = kind_of(self.info.imports[found])
        if _WORDS[value.sort] != kind:
            raise WiringError(
                f"the import `{found}` of `{self.label}` is of kind {kind}, but is given a {_WORDS[value.sort]}",
                instance=self.label,
                name=found,
            )
        self._check_type(found, value)
        self.arguments[found] = value

    def _check_type(self, name: str, value: Value) -> None:
        """Check an argument's type if both types are known, so that the error names the item, not a byte offset."""
        expected = self.info.imports[name]
        if not isinstance(value, NodeExport) or not isinstance(expected, Instance):
            return
        offered = value.node.info.exports[value.name].type
        if not isinstance(offered, Instance) or (id(expected), id(offered)) in self._matching:
            return
        source = value.node.label
        problem = mismatch(expected, offered, (f"`{self.label}`", f"`{source}`"))
        if problem:
            raise ImportConflictError(
                f"`{self.label}` imports `{name}` and `{source}` exports `{value.name}`, but not the same: {problem}; "
                "build both against the same version",
                interface=name,
                components=(self.label, source),
            )
        self._matching.add((id(expected), id(offered)))

    def missing(self) -> list[str]:
        """Return the imports that are not satisfied yet, in the component's order."""
        return [name for name in self.info.imports if name not in self.arguments]


@dataclass(frozen=True)
class ExplicitImport:
    """Import that was added by name; its type is `context[name]`."""

    name: str
    owner: str
    context: Mapping[str, ExternType]


class Graph:
    """Components, their instances and the connections between them."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.imports: dict[str, ExplicitImport] = {}
        self.exports: dict[str, Value] = {}
        self._matching: set[tuple[int, int]] = set()

    def add(
        self, name: str, data: Chunk | Sequence[Chunk], info: ComponentInfo | None = None, *, whole: bool = False
    ) -> Component:
        """Add a component; it is embedded once, however often it is instantiated.

        Args:
            name: Its name in errors and in the name section.
            data: Its bytes, or its pieces (`ComponentBuilder.chunks`).
            info: The result of `decode`, if it is known already (with `export_types`, if arguments are to be checked
                against it).
            whole: Embed its bytes unchanged.

        Raises:
            ComponentError: The component cannot be decoded.
        """
        chunks = [data] if isinstance(data, (bytes, bytearray, memoryview)) else list(data)
        if info is None:
            info = decode(chunks[0] if len(chunks) == 1 else b"".join(chunks), name, export_types=True)
        return Component(name, chunks, info, whole)

    def instantiate(self, component: Component, label: str | None = None, note: object = None) -> Node:
        """Create an instance of a component.

        Args:
            component: The component.
            label: Its name in errors; the component's name if omitted.
            note: See `Node`.
        """
        node = Node(component.name if label is None else label, component, note, _matching=self._matching)
        self.nodes.append(node)
        return node

    def synthetic(self, exports: Mapping[str, Value]) -> Synthetic:
        """Create an instance of other values, for example functions of several instances under new names.

        The types of a function must be among its exports if they are part of the import that it is to satisfy.
        """
        return Synthetic(Sort.INSTANCE, dict(exports))

    def import_(
        self, name: str, type_: Instance, context: Mapping[str, ExternType] | None = None, *, owner: str = "the server"
    ) -> Import:
        """Add an import of the composition; it is merged with the compatible imports of its components.

        Args:
            name: The import's name.
            type_: Its type. Types of other imports in it refer to `context`.
            context: Imports of the component that the type was taken from.
            owner: The name in errors of the party that needs it.

        Raises:
            WiringError: The import was added before, or the name is invalid.
        """
        if not interface_names.is_valid(name):
            raise WiringError(f"{name!r} cannot be the name of an import", name=name)
        if name in self.imports:
            raise WiringError(f"the import `{name}` is added twice", name=name)
        self.imports[name] = ExplicitImport(name, owner, {**(context or {}), name: type_})
        return Import(Sort.INSTANCE, name)

    def export(self, name: str, value: Value) -> None:
        """Export a value from the composition.

        Raises:
            WiringError: The name is exported already, or is invalid.
        """
        if not interface_names.is_valid(name):
            raise WiringError(f"{name!r} cannot be the name of an export", name=name)
        if name in self.exports:
            raise WiringError(f"`{name}` is exported twice", name=name)
        self.exports[name] = value
