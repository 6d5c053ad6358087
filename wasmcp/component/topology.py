"""Structure of a component: its instances, their arguments, the source of each argument, and the limits of engines.

Only the outermost component is read; nested components are skipped, except for the counts that limits apply to.

Source: component-model, design/mvp/Binary.md, "Component Definitions"; for limits wasmparser 0.261 (`limits.rs`), the
validator of wasmtime 50, checked against that engine in tests/component/test_component_limits.py. wasmtime 49 and older
accept 1,000 instances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wasmcp.component.binary_format import COMPONENT_PREAMBLE, Reader, Sort
from wasmcp.component.builder import Chunk
from wasmcp.component.custom_sections import read_names
from wasmcp.component.decode import decode, read_canonical
from wasmcp.component.type_section import read_extern_name


@dataclass(frozen=True)
class Source:
    """Source of an argument or export.

    Attributes:
        instance: The index in `Topology.instances`; None for an import.
        path: The name of the instance's export, or of the import, and the names of members below it.
    """

    instance: int | None
    path: tuple[str, ...]


@dataclass(frozen=True)
class InstanceInfo:
    """Instance of a nested component.

    Attributes:
        label: The name of the instance in the name section, else of the component, else `instance N`.
        component: The component's name, or `component N`.
        size: Size of the component in bytes; 0 if it is not in this file.
        offset: The offset of the component in the file, in bytes.
        arguments: The sources of the functions and instances given for each of its imports. Empty for an import with
            only types.
    """

    label: str
    component: str
    size: int
    arguments: Mapping[str, tuple[Source, ...]]
    offset: int = 0


@dataclass(frozen=True)
class Topology:
    """Structure of a component.

    Attributes:
        instances: The instances in the order of instantiation.
        imports: The imports of the component, in order.
        exports: The exports of the component, and the source of each.
        core_instances: Number of instances of core modules outside nested components: code, not composition. Core
            modules without an instance there are shared by nested components.
        custom: The contents of its custom sections, by name, in order.
    """

    instances: tuple[InstanceInfo, ...]
    imports: tuple[str, ...]
    exports: Mapping[str, tuple[Source, ...]]
    core_instances: int
    custom: Mapping[str, Sequence[bytes]] = field(default_factory=dict)

    @property
    def is_composition(self) -> bool:
        """True if the component consists of other components and nothing else."""
        return bool(self.instances) and not self.core_instances


@dataclass(frozen=True)
class _Made:
    """Instance made of other items; types are left out."""

    members: Mapping[str, _Value]


_Value = Source | _Made | None  # None: a type, or an item defined here
_FUNC, _TYPE, _COMPONENT, _INSTANCE = 1, 3, 4, 5


def read_topology(data: Chunk, name: str = "") -> Topology:
    """Read the structure of a component.

    Args:
        data: The file.
        name: The component's name in errors.

    Raises:
        ComponentError: The file is not a component, is damaged, or uses unsupported features (see `decode`).
    """
    decode(data, name)  # validates first, so that malformed input gets a precise error
    view = memoryview(data).cast("B") if not isinstance(data, memoryview) else data
    walk = _Walk()
    reader = Reader(view, len(COMPONENT_PREAMBLE), len(view))
    while reader.position < reader.end:
        code = reader.byte()
        walk.section(code, reader.part(reader.u32(), f"section {code}"))
    return walk.result()


@dataclass
class _Instantiation:
    component: int
    index: int
    arguments: Mapping[str, _Value]


@dataclass
class _Walk:
    spaces: dict[int, list[_Value]] = field(default_factory=lambda: {sort: [] for sort in range(1, 6)})
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    made: list[_Instantiation] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    exports: dict[str, _Value] = field(default_factory=dict)
    names: dict[Sort, dict[int, str]] = field(default_factory=dict)
    core_instances: int = 0
    custom: dict[str, list[bytes]] = field(default_factory=dict)

    def section(self, code: int, section: Reader) -> None:
        if code == 0:
            for sort in (Sort.COMPONENT, Sort.INSTANCE):
                copy = Reader(section.data, section.position, section.end)
                self.names.setdefault(sort, {}).update(read_names(copy, sort))
            name = section.name()
            self.custom.setdefault(name, []).append(bytes(section.data[section.position : section.end]))
        elif code == 2:
            self.core_instances += section.count()
        elif code == 4:
            self.places[len(self.spaces[_COMPONENT])] = (section.position, section.end - section.position)
            self.spaces[_COMPONENT].append(None)
        elif code == 7:
            self.spaces[_TYPE] += [None] * section.count()
        elif code in (5, 6, 8, 10, 11):
            read = {5: self._instance, 6: self._alias, 8: self._canon, 10: self._import, 11: self._export}[code]
            for _ in range(section.count()):
                read(section)

    def _reference(self, section: Reader) -> tuple[int, _Value]:
        sort = section.byte()
        if sort == 0:
            section.byte()
            section.u32()
            return 0, None
        start = section.position
        index = section.u32()
        space = self.spaces.get(sort, [])
        if index >= len(space):
            raise section.fail(f"index {index} is out of range: {len(space)} defined", start)
        return sort, None if sort == _TYPE else space[index]

    def _instance(self, section: Reader) -> None:
        if section.byte() == 0:
            component = section.u32()
            arguments = {section.name(): self._reference(section)[1] for _ in range(section.count())}
            index = len(self.spaces[_INSTANCE])
            self.spaces[_INSTANCE].append(Source(len(self.made), ()))
            self.made.append(_Instantiation(component, index, arguments))
        else:
            members = {read_extern_name(section): self._reference(section)[1] for _ in range(section.count())}
            self.spaces[_INSTANCE].append(_Made(members))

    def _alias(self, section: Reader) -> None:
        sort = section.byte()
        core = section.byte() if sort == 0 else -1
        target = section.byte()
        if target == 0x00:
            start = section.position
            index, name = section.u32(), section.name()
            if index >= len(self.spaces[_INSTANCE]):
                raise section.fail(f"instance index {index} is out of range", start)
            owner = self.spaces[_INSTANCE][index]
            value: _Value = None
            if isinstance(owner, Source):
                value = Source(owner.instance, (*owner.path, name))
            elif isinstance(owner, _Made):
                value = owner.members.get(name)
            if core == -1:
                self.spaces[sort].append(None if sort == _TYPE else value)
        elif target == 0x01:
            section.u32()
            section.skip_name()
        else:
            section.u32()
            section.u32()
            if core == -1:
                self.spaces[sort].append(None)

    def _canon(self, section: Reader) -> None:
        if read_canonical(section) is not None:
            self.spaces[_FUNC].append(None)

    def _import(self, section: Reader) -> None:
        name = read_extern_name(section)
        sort = skip_extern(section)
        self.imports.append(name)
        self.spaces[sort].append(None if sort == _TYPE else Source(None, (name,)))

    def _export(self, section: Reader) -> None:
        name = read_extern_name(section)
        sort, value = self._reference(section)
        if section.byte():
            skip_extern(section)
        self.exports[name] = value
        if sort:
            self.spaces[sort].append(value)

    def result(self) -> Topology:
        components, labels = self.names.get(Sort.COMPONENT, {}), self.names.get(Sort.INSTANCE, {})
        instances = []
        for number, one in enumerate(self.made):
            known = components.get(one.component, "")
            offset, size = self.places.get(one.component, (0, 0))
            instances.append(
                InstanceInfo(
                    label=labels.get(one.index) or known or f"instance {number}",
                    component=known or f"component {one.component}",
                    size=size,
                    arguments={name: tuple(_sources(value)) for name, value in one.arguments.items()},
                    offset=offset,
                )
            )
        exports = {name: tuple(_sources(value)) for name, value in self.exports.items()}
        return Topology(tuple(instances), tuple(self.imports), exports, self.core_instances, self.custom)


def skip_extern(section: Reader) -> int:
    """Skip the description of an import or export; return its sort."""
    sort = section.byte()
    if sort == 0 or (sort == _TYPE and section.byte() == 0x01):
        if sort == 0:
            section.byte()
            section.u32()
        return sort
    section.u32()
    return sort


def _sources(value: _Value) -> Iterator[Source]:
    if isinstance(value, Source):
        yield value
    elif isinstance(value, _Made):
        found: dict[Source, None] = {}
        for member in value.members.values():
            found.update(dict.fromkeys(_sources(member)))
        yield from found


MAX_DEFINITIONS = 1_000
"""Most core modules and components in a file, including the file itself and everything nested in it."""

MAX_INSTANCES = 4_096
"""Most instances, core and other, in the index spaces of one component."""

_MAX_NESTING = 100


@dataclass(frozen=True)
class Counts:
    """Counts of one file.

    Attributes:
        definitions: The core modules and components, including the file itself and everything nested in it.
        instances: The instances, core and other, of the nested component that has the most.
    """

    definitions: int
    instances: int


def count(data: Chunk) -> Counts:
    """Return the counts of a component.

    Args:
        data: The file.

    Raises:
        ComponentError: The component is damaged.
    """
    view = memoryview(data).cast("B") if not isinstance(data, memoryview) else data
    return _count(Reader(view, len(COMPONENT_PREAMBLE), len(view)), 0)


def _count(reader: Reader, nesting: int) -> Counts:
    if nesting > _MAX_NESTING:
        raise reader.fail(f"components are nested more than {_MAX_NESTING} deep")
    definitions, own, largest = 1, 0, 0
    while reader.position < reader.end:
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code == 1:
            definitions += 1
        elif code == 4:
            section.part(len(COMPONENT_PREAMBLE), "a component's preamble")
            inner = _count(section, nesting + 1)
            definitions += inner.definitions
            largest = max(largest, inner.instances)
        elif code in (2, 5):  # core instances, instances
            own += section.count()
        elif code in (6, 10, 11):
            own += sum(_adds_instance(code, section) for _ in range(section.count()))
    return Counts(definitions, max(own, largest))


def _adds_instance(code: int, section: Reader) -> bool:
    """Return true if an alias, an import or an export adds to the index space of instances."""
    if code == 6:
        sort = section.byte()
        if sort == 0:
            section.byte()
        target = section.byte()
        section.u32()
        if target in (0x00, 0x01):
            section.skip_name()
        else:
            section.u32()
        return sort == _INSTANCE
    read_extern_name(section)
    if code == 10:
        return skip_extern(section) == _INSTANCE
    sort = section.byte()
    if sort == 0:
        section.byte()
    section.u32()
    if section.byte():
        skip_extern(section)
    return sort == _INSTANCE
