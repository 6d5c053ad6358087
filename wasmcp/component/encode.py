"""Encoder of a composition graph as one component, with one definition of identical core modules and components.

Components of one toolchain have most of their code in common: of two Python components only the image of the memory and
a module of 3 KB differ. A definition outside takes its bytes once, an engine compiles it once, and the limit on the
definitions of a file (`limits.MAX_DEFINITIONS`) counts it once.

A core module that a component is entered through is not shared: a module with a lifted function, the `realloc` or
`post-return` of one, or the destructor of a resource. Every call into a component therefore has a frame with an offset
inside of the component, which determines the owner of the shared frames above it (`wasmcp.host.engine.backtraces`).

Source: component-model, design/mvp/Explainer.md, "Alias Definitions" (outer aliases), Binary.md.

The order of the output: imports, then each component before its first instance, after the definitions that it shares
with others, instances in dependency order (of those that are ready, the one created first), then exports, then the
names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from wasmcp.component import interface_names
from wasmcp.component.binary_format import COMPONENT_PREAMBLE, Reader, Sort, uleb128
from wasmcp.component.builder import Chunk, ComponentBuilder
from wasmcp.component.custom_sections import SECTION, name_section
from wasmcp.component.decode import ComponentReader
from wasmcp.component.graph import Component, Graph, Import, Item, Node, NodeExport, Synthetic, Value
from wasmcp.component.merge import ImportMerger, MergedImport, OuterImports, definable, walk
from wasmcp.component.types import Resource
from wasmcp.errors import ComponentError, GraphCycleError, ImportConflictError

_MODULE, _CORE_INSTANCE, _COMPONENT, _ALIAS, _TYPE, _CANON = 1, 2, 4, 6, 7, 8
_LIFT, _REALLOC, _POST_RETURN, _RESOURCE = 0x00, 4, 5, 0x3F
_CORE_FUNC, _CORE_MODULE = 0x00, 0x11

Key = tuple[int, int, bytes]
"""Section code, size in bytes and digest of a definition."""


@dataclass(frozen=True)
class _Definition:
    """Section of a component that can be replaced by an alias: its range with the header, and its content's start."""

    code: int
    begin: int
    start: int
    end: int

    @property
    def kind(self) -> tuple[int, int]:
        """Section code and size: definitions can be identical only if they have both in common."""
        return self.code, self.end - self.start


class SharedDefinitions:
    """Definitions that occur several times in the components of a composition, to be written once outside of them."""

    def __init__(self, components: Iterable[Component], builder: ComponentBuilder) -> None:
        """Find the definitions in common.

        Args:
            components: The components, each once. Those that must keep their bytes (`Component.whole`) are left out.
            builder: The writer of the composition.
        """
        self._builder = builder
        self._indices: dict[Key, int] = {}
        self._found: dict[int, Sequence[tuple[_Definition, Key]]] = {}
        self.names: dict[Sort, list[tuple[int, str]]] = {Sort.CORE_MODULE: [], Sort.COMPONENT: []}
        views = {
            id(component): memoryview(component.chunks[0]).cast("B")
            for component in components
            if not component.whole and len(component.chunks) == 1
        }
        definitions = {key: _definitions(view) for key, view in views.items()}
        sizes = Counter(one.kind for found in definitions.values() for one in found)
        keys = {
            component: [
                (one, (*one.kind, sha256(views[component][one.start : one.end]).digest()))
                for one in found
                if sizes[one.kind] > 1
            ]
            for component, found in definitions.items()
        }
        number = Counter(key for found in keys.values() for _, key in found)
        for component, found in keys.items():
            self._found[component] = [(one, key) for one, key in found if number[key] > 1]

    def chunks(self, component: Component) -> Sequence[Chunk]:
        """Return a component for embedding, in pieces; write the definitions it shares that are not written yet."""
        found = self._found.get(id(component))
        if not found:
            return component.chunks
        view = memoryview(component.chunks[0]).cast("B")
        pieces: list[Chunk] = []
        position = 0
        for one, key in found:
            pieces += [view[position : one.begin], _outer_alias(one.code, self._index(key, view[one.start : one.end]))]
            position = one.end
        return [*pieces, view[position:]]

    def _index(self, key: Key, content: memoryview) -> int:
        index = self._indices.get(key)
        if index is None:
            module = key[0] == _MODULE
            index = self._builder.core_module(content) if module else self._builder.component(content)
            self._indices[key] = index
            kind = "core module" if module else "component"
            number = sum(code == key[0] for code, _, _ in self._indices)
            self.names[Sort.CORE_MODULE if module else Sort.COMPONENT].append((index, f"shared {kind} {number}"))
        return index


def _outer_alias(code: int, index: int) -> bytes:
    """Return a section with one alias of a definition of the enclosing component."""
    sort = bytes((0x00, _CORE_MODULE)) if code == _MODULE else bytes((_COMPONENT,))
    content = uleb128(1) + sort + b"\x02" + uleb128(1) + uleb128(index)
    return bytes((_ALIAS,)) + uleb128(len(content)) + content


def _definitions(view: memoryview) -> list[_Definition]:
    """Return the definitions of a component that can be written outside of it, in order."""
    uses = _Uses(Reader(view, len(COMPONENT_PREAMBLE), len(view)))
    try:
        uses.read()
    except (ComponentError, IndexError):
        return []  # for example features that are not supported: the engine judges the component
    found: list[_Definition] = []
    module = 0
    reader = Reader(view, len(COMPONENT_PREAMBLE), len(view))
    while reader.position < reader.end:
        begin = reader.position
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        one = _Definition(code, begin, section.position, section.end)
        if code == _MODULE:
            if module not in uses.entered:
                found.append(one)
            module += 1
        elif code == _COMPONENT and _is_closed(view, one):
            found.append(one)
    return found


def _is_closed(view: memoryview, one: _Definition) -> bool:
    """Return true for a nested component without code that refers to nothing outside of it."""
    reader = _Uses(Reader(view, one.start + len(COMPONENT_PREAMBLE), one.end))
    try:
        reader.read()
    except (ComponentError, IndexError):
        return False
    return not reader.parts


class _Uses(ComponentReader):
    """Reader of a component that finds the core modules it is entered through.

    Attributes:
        entered: Numbers of those core modules, in the order of the file.
    """

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader, export_types=False)
        self.entered: set[int] = set()
        self._modules: list[int | None] = []  # index -> number in the file; None for an alias
        self._own = 0
        self._functions: list[int | None] = []  # core function -> number of the module that it is from
        self._instances: list[int | Mapping[str, int | None] | None] = []

    def _read_section(self, code: int, section: Reader) -> None:
        if code == _MODULE:
            self._modules.append(self._own)
            self._own += 1
        elif code == _CORE_INSTANCE:
            for _ in range(section.count()):
                self._read_core_instance(section)
        elif code in (_ALIAS, _TYPE, _CANON):
            look = {_ALIAS: self._look_at_alias, _TYPE: self._look_at_type, _CANON: self._look_at_canon}[code]
            read = {_ALIAS: self._scope.read_alias, _TYPE: self._read_type, _CANON: self._read_canon}[code]
            for _ in range(section.count()):
                look(Reader(section.data, section.position, section.end))
                read(section)
            section.finish("the section")
            return
        super()._read_section(code, section)

    def _read_core_instance(self, section: Reader) -> None:
        if section.byte() == 0x00:
            self._instances.append(self._modules[section.u32()])
            for _ in range(section.count()):
                section.skip_name()
                section.byte()
                section.u32()
            return
        exports: dict[str, int | None] = {}
        for _ in range(section.count()):
            name, sort, index = section.name(), section.byte(), section.u32()
            exports[name] = self._functions[index] if sort == _CORE_FUNC else None
        self._instances.append(exports)

    def _look_at_alias(self, item: Reader) -> None:
        sort = item.byte()
        core = item.byte() if sort == 0x00 else None
        target = item.byte()
        if core == _CORE_MODULE:
            self._modules.append(None)
        elif core == _CORE_FUNC and target == 0x01:
            instance = self._instances[item.u32()]
            self._functions.append(instance.get(item.name()) if isinstance(instance, Mapping) else instance)

    def _look_at_type(self, item: Reader) -> None:
        if item.byte() == _RESOURCE:
            item.byte()
            if item.byte():
                self._enter(item.u32())

    def _look_at_canon(self, item: Reader) -> None:
        if item.byte() != _LIFT:
            self._functions.append(None)
            return
        item.byte()
        self._enter(item.u32())
        for _ in range(item.count()):
            option = item.byte()
            if option in (_REALLOC, _POST_RETURN):
                self._enter(item.u32())
            elif option > 2:  # a memory or a callback: followed by an index
                item.u32()

    def _enter(self, function: int) -> None:
        module = self._functions[function]
        if module is not None:
            self.entered.add(module)


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
