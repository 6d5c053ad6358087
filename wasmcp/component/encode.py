"""Encoder of a composition graph as one component.

The order of the output: imports, then each component before its first instance, after the definitions that it shares
with others, instances in dependency order (of those that are ready, the one created first), then exports, then the
names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from wasmcp.component import interface_names
from wasmcp.component.binary_format import Sort
from wasmcp.component.builder import Chunk, ComponentBuilder
from wasmcp.component.custom_sections import SECTION, name_section
from wasmcp.component.graph import Component, Graph, Import, Item, Node, NodeExport, Synthetic, Value
from wasmcp.component.merge import ImportMerger, MergedImport, OuterImports, definable, walk
from wasmcp.component.sharing import SharedDefinitions
from wasmcp.component.types import Resource
from wasmcp.errors import GraphCycleError, ImportConflictError


@dataclass(frozen=True)
class Encoded:
    """Encoded composition: its bytes in pieces, its merged imports, and the imports that it defines itself.

    `nodes` are the instances in the order of instantiation.
    """

    chunks: tuple[Chunk, ...]
    imports: Mapping[str, MergedImport]
    defined: tuple[str, ...]
    nodes: tuple[Node, ...]

    @property
    def instances(self) -> tuple[str, ...]:
        """Labels of the instances in the order of instantiation."""
        return tuple(node.label for node in self.nodes)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return sum(len(chunk) for chunk in self.chunks)

    def to_bytes(self) -> bytes:
        """Return the component."""
        return b"".join(self.chunks)

    def write_to(self, file: BinaryIO) -> None:
        """Write the component to a binary file, piece by piece."""
        file.writelines(self.chunks)


def encode(graph: Graph, *, define_types: bool = True) -> Encoded:
    """Encode a composition as one component. The same graph gives the same bytes.

    Args:
        graph: The composition.
        define_types: Define an import inside when it has only types, none of them a resource of its own, and no other
            import needs it, so that the host does not have to provide it.

    Raises:
        GraphCycleError: Instances need each other.
        ImportConflictError: Imports that no argument satisfies cannot be merged.
    """
    order = _ordered(graph)
    merger = ImportMerger()
    for explicit in graph.imports.values():
        merger.add(explicit.owner, explicit.name, explicit.context)
    for node in graph.nodes:
        for missing in node.missing():
            merger.add(node.label, missing, node.info.imports)
    canonical = merger.canonical_names()
    for node in graph.nodes:
        _check_split(node, canonical)
    merged = merger.merge()
    defined = definable(merged) if define_types else set()
    writer = _Writer(canonical, {id(node.component): node.component for node in order}.values())
    for entry in merged.values():
        writer.outer.define(entry) if entry.name in defined else writer.outer.add(entry)
    for node in order:
        writer.instantiate(node)
    for export, value in graph.exports.items():
        sort, index = writer.index(value)
        writer.builder.export(export, sort, index)
    writer.write_names()
    imports = {import_: entry for import_, entry in merged.items() if import_ not in defined}
    return Encoded(
        tuple(writer.builder.chunks()),
        imports,
        tuple(import_ for import_ in merged if import_ in defined),
        tuple(order),
    )


def _nodes_in(value: Value) -> Iterator[Node]:
    """Yield the instances that a value comes from."""
    if isinstance(value, NodeExport):
        yield value.node
    elif isinstance(value, Item):
        yield from _nodes_in(value.owner)
    elif isinstance(value, Synthetic):
        for member in value.exports.values():
            yield from _nodes_in(member)


def _needs(node: Node) -> list[tuple[str, Node]]:
    return [(argument, source) for argument, value in node.arguments.items() for source in _nodes_in(value)]


def _ordered(graph: Graph) -> list[Node]:
    """Return the instances, each after those it needs."""
    ordered: list[Node] = []
    done: set[int] = set()
    for root in graph.nodes:
        # Depth first, with an explicit stack: a chain can be longer than Python's recursion limit.
        stack = [] if id(root) in done else [(root, "", iter(_needs(root)))]
        while stack:
            node, _, needs = stack[-1]
            step = next(((argument, source) for argument, source in needs if id(source) not in done), None)
            if step is None:
                done.add(id(node))
                ordered.append(node)
                stack.pop()
                continue
            argument, source = step
            path = [entry[0] for entry in stack]
            if source in path:
                start = path.index(source)
                arguments = [entry[1] for entry in stack[start + 1 :]]
                raise GraphCycleError([entry.label for entry in path[start:]], [*arguments, argument])
            stack.append((source, argument, iter(_needs(source))))
    return ordered


def _check_split(node: Node, canonical: Mapping[str, str]) -> None:
    """Check that an import that the host satisfies uses no resource of an import that the composition satisfies."""
    if not node.arguments:
        return
    for missing in node.missing():
        for type_ in walk(node.info.imports[missing]):
            if not isinstance(type_, Resource) or type_.interface in (None, missing):
                continue
            value = node.arguments.get(type_.interface or "")
            if value is not None and not _is_outer_resource(value, type_, canonical):
                raise ImportConflictError(
                    f"`{node.label}` leaves `{missing}` to be imported from outside, but its resource `{type_.name}` "
                    f"comes from `{type_.interface}`, which is given from inside: give it both, or neither",
                    interface=missing,
                    item=type_.name,
                    components=(node.label,),
                )


def _is_outer_resource(value: Value, resource: Resource, canonical: Mapping[str, str]) -> bool:
    name_in = resource.name
    while isinstance(value, Synthetic):
        member = value.exports.get(name_in)
        if not isinstance(member, Item):
            return False
        value, name_in = member.owner, member.name
    return (
        isinstance(value, Import)
        and name_in == resource.name
        and interface_names.compatible(canonical.get(value.name, value.name), resource.interface or "")
    )


class _Writer:
    def __init__(self, canonical: Mapping[str, str], components: Iterable[Component]) -> None:
        self.builder = ComponentBuilder()
        self._shared = SharedDefinitions(components, self.builder)
        self.outer = OuterImports(self.builder)
        self._canonical = canonical
        self._components: dict[int, int] = {}
        self._nodes: dict[int, int] = {}
        self._values: dict[Value, tuple[Sort, int]] = {}
        self._names: dict[Sort, list[tuple[int, str]]] = {Sort.COMPONENT: self._shared.names[Sort.COMPONENT]}
        self._names |= {Sort.INSTANCE: [], Sort.CORE_MODULE: self._shared.names[Sort.CORE_MODULE]}

    def _component(self, component: Component) -> int:
        index = self._components.get(id(component))
        if index is None:
            index = self._components[id(component)] = self.builder.component(self._shared.chunks(component))
            self._names[Sort.COMPONENT].append((index, component.name))
        return index

    def instantiate(self, node: Node) -> None:
        arguments: dict[str, tuple[Sort, int]] = {}
        for import_ in node.info.imports:
            value = node.arguments.get(import_)
            arguments[import_] = self.outer.indices[self._canonical[import_]] if value is None else self.index(value)
        index = self.builder.instantiate(self._component(node.component), arguments)
        self._nodes[id(node)] = index
        self._names[Sort.INSTANCE].append((index, node.label))

    def index(self, value: Value) -> tuple[Sort, int]:
        """Return the value's index in the component, emitting an alias if necessary."""
        known = self._values.get(value)
        if known is not None:
            return known
        if isinstance(value, Import):
            return self.outer.indices[self._canonical[value.name]]
        if isinstance(value, NodeExport):
            index = self.builder.alias_export(self._nodes[id(value.node)], value.name, value.sort)
        elif isinstance(value, Item):
            index = self.builder.alias_export(self.index(value.owner)[1], value.name, value.sort)
        elif isinstance(value, Synthetic):
            index = self.builder.instance({member: self.index(inner) for member, inner in value.exports.items()})
        else:
            raise TypeError(f"`{value}` is not a value of a graph")
        self._values[value] = (value.sort, index)
        return value.sort, index

    def write_names(self) -> None:
        """Write the names of components and instances, for tools that inspect the result."""
        body = name_section(self._names)
        if body:
            self.builder.custom_section(SECTION, body)
