"""A composition: which component is instantiated how often, what satisfies its imports, what the whole exports.

    graph = Graph()
    greeter = graph.instantiate(graph.add("greeter", data))
    caller = graph.instantiate(graph.add("caller", other_data))
    caller.set("demo:greet/api@0.1.0", greeter.export("demo:greet/api@0.1.0"))
    graph.export("wasi:cli/run@0.2.9", caller.export("wasi:cli/run@0.2.9"))
    data = encode(graph).to_bytes()

What no argument satisfies becomes an import of the whole, merged by semantic version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wasmcp.component import interface_names
from wasmcp.component.binary_writer import Sort
from wasmcp.component.builder import Chunk
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.type_mismatch import mismatch
from wasmcp.component.types import ExternType, Instance, kind_of
from wasmcp.errors import ImportConflictError, WiringError

_SORTS = {
    "func": Sort.FUNC,
    "type": Sort.TYPE,
    "instance": Sort.INSTANCE,
    "component": Sort.COMPONENT,
    "core module": Sort.CORE_MODULE,
}
_WORDS = {sort: word for word, sort in _SORTS.items()}


@dataclass(frozen=True, eq=False)
class Value:
    """Something that can be an argument or an export: see its subclasses. `sort` says what it is."""

    sort: Sort

    def item(self, name: str, sort: Sort) -> Item:
        """A member of an instance.

        Raises:
            WiringError: this is not an instance.
        """
        if self.sort is not Sort.INSTANCE:
            raise WiringError(f"`{name}` is asked of a {_WORDS[self.sort]}: only an instance has members", name=name)
        return Item(sort, self, name)


@dataclass(frozen=True)
class NodeExport(Value):
    """What an instance exports under `name`."""

    node: Node
    name: str


@dataclass(frozen=True)
class Item(Value):
    """The member `name` of another value, an instance."""

    owner: Value
    name: str


@dataclass(frozen=True, eq=False)
class Synthetic(Value):
    """An instance that is made of other values, by name."""

    exports: Mapping[str, Value]


@dataclass(frozen=True)
class Import(Value):
    """What the whole imports under `name` (merged with what is compatible with it)."""

    name: str


@dataclass(frozen=True, eq=False)
class Component:
    """A component that was added to a graph: its bytes, and what it imports and exports."""

    name: str
    chunks: Sequence[Chunk]
    info: ComponentInfo


@dataclass(eq=False)
class Node:
    """An instance of a component in a graph.

    Attributes:
        label: What errors and the name section call it.
        component: What it is an instance of.
        note: What its maker has to say about it; the graph keeps it and does not read it.
        arguments: Its imports that were given, by exact name.
    """

    label: str
    component: Component
    note: object = None
    arguments: dict[str, Value] = field(default_factory=dict)
    # Pairs of types that were found to match, by id, for the whole graph; its components keep them alive.
    _matching: set[tuple[int, int]] = field(default_factory=set, repr=False)

    @property
    def info(self) -> ComponentInfo:
        """What the component imports and exports."""
        return self.component.info

    def export(self, name: str) -> NodeExport:
        """What this instance exports under a name, or under a compatible version of it.

        Raises:
            WiringError: it does not export that.
        """
        found = self.info.find_export(name)
        if found is None:
            offered = ", ".join(f"`{export}`" for export in self.info.exports) or "nothing"
            raise WiringError(
                f"`{self.label}` does not export `{name}`; it exports {offered}", instance=self.label, name=name
            )
        sort = _SORTS.get(self.info.exports[found].kind)
        if sort is None:
            raise WiringError(f"`{name}` of `{self.label}` is a value, which is not supported", instance=self.label)
        return NodeExport(sort, self, found)

    def set(self, name: str, value: Value) -> None:
        """Satisfy an import, by its name or a compatible version of it.

        Raises:
            WiringError: the component does not import that, it was satisfied before, or the value is of another kind.
            ImportConflictError: the value is an instance's export of another type.
        """
        found = self.info.find_import(name)
        if found is None:
            wanted = ", ".join(f"`{import_}`" for import_ in self.info.imports) or "nothing"
            raise WiringError(
                f"`{self.label}` does not import `{name}`; it imports {wanted}", instance=self.label, name=name
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
        """Check an argument's type, where both are known, so that the error names more than a byte in the result."""
        wanted = self.info.imports[name]
        if not isinstance(value, NodeExport) or not isinstance(wanted, Instance):
            return
        offered = value.node.info.exports[value.name].type
        if not isinstance(offered, Instance) or (id(wanted), id(offered)) in self._matching:
            return
        source = value.node.label
        problem = mismatch(wanted, offered, (f"`{self.label}`", f"`{source}`"))
        if problem:
            raise ImportConflictError(
                f"`{self.label}` imports `{name}` and `{source}` exports `{value.name}`, but not the same: {problem}; "
                "build both against the same version",
                interface=name,
                components=(self.label, source),
            )
        self._matching.add((id(wanted), id(offered)))

    def missing(self) -> list[str]:
        """The imports that are not satisfied yet, in the component's order."""
        return [name for name in self.info.imports if name not in self.arguments]


@dataclass(frozen=True)
class ExplicitImport:
    """An import that was asked for by name: its type is `context[name]`."""

    name: str
    owner: str
    context: Mapping[str, ExternType]


class Graph:
    """Components, their instances and how they are connected."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.imports: dict[str, ExplicitImport] = {}
        self.exports: dict[str, Value] = {}
        self._matching: set[tuple[int, int]] = set()

    def add(self, name: str, data: Chunk | Sequence[Chunk], info: ComponentInfo | None = None) -> Component:
        """Take up a component; it is embedded once, however often it is instantiated.

        Args:
            name: What to call it in errors and in the name section.
            data: Its bytes, or its pieces (`ComponentBuilder.chunks`).
            info: What `decode` said about it, where that was asked before (with `export_types`, if arguments are to be
                checked against them).

        Raises:
            ComponentError: it cannot be decoded.
        """
        chunks = [data] if isinstance(data, (bytes, bytearray, memoryview)) else list(data)
        if info is None:
            info = decode(chunks[0] if len(chunks) == 1 else b"".join(chunks), name, export_types=True)
        return Component(name, chunks, info)

    def instantiate(self, component: Component, label: str | None = None, note: object = None) -> Node:
        """Make an instance of a component.

        Args:
            component: What it is an instance of.
            label: What errors call it; its component's name when left out.
            note: See `Node`.
        """
        node = Node(component.name if label is None else label, component, note, _matching=self._matching)
        self.nodes.append(node)
        return node

    def synthetic(self, exports: Mapping[str, Value]) -> Synthetic:
        """An instance made of other values, for example functions of several instances under new names.

        A function's types must be among its exports where the import that it is to satisfy has them.
        """
        return Synthetic(Sort.INSTANCE, dict(exports))

    def import_(
        self, name: str, type_: Instance, context: Mapping[str, ExternType] | None = None, *, owner: str = "the server"
    ) -> Import:
        """An import of the whole, whether or not a component leaves it open; merged with those that do.

        Args:
            name: The import's name.
            type_: Its type. Types of other imports in it refer to `context`.
            context: Imports of the component that the type was taken from.
            owner: Who asks for it, for errors.

        Raises:
            WiringError: this import was asked for before, or it is not a name.
        """
        if not interface_names.is_valid(name):
            raise WiringError(f"{name!r} cannot be the name of an import", name=name)
        if name in self.imports:
            raise WiringError(f"the import `{name}` is asked for twice", name=name)
        self.imports[name] = ExplicitImport(name, owner, {**(context or {}), name: type_})
        return Import(Sort.INSTANCE, name)

    def export(self, name: str, value: Value) -> None:
        """Export a value from the whole.

        Raises:
            WiringError: something is exported under this name already, or it is not a name.
        """
        if not interface_names.is_valid(name):
            raise WiringError(f"{name!r} cannot be the name of an export", name=name)
        if name in self.exports:
            raise WiringError(f"`{name}` is exported twice", name=name)
        self.exports[name] = value
