"""Reader of the sections of a component, in order, into its index spaces.

Source: component-model, design/mvp/Binary.md, "Component Definitions".
"""

from __future__ import annotations

from collections.abc import Mapping

from wasmcp.component import import_cache, interface_names
from wasmcp.component.binary_reader import Reader
from wasmcp.component.binary_writer import Sort
from wasmcp.component.canon_section import read_canonical
from wasmcp.component.index_spaces import UNKNOWN, ComponentScope, Unsupported
from wasmcp.component.name_section import read_names
from wasmcp.component.type_decoder import read_definition, read_extern, read_extern_name
from wasmcp.component.types import ExternType, Func, Instance, Opaque, Resource, TypeBound, kind_of

MAX_LOOK_INSIDE = 4_000_000  # bytes of nested components that are decoded for the types of exports
LOOK_INSIDE_COST = 1000  # added for each nested component that is decoded, regardless of its size
MAX_LEVELS = 8
_PARTS = {Sort.CORE_MODULE: "core module", Sort.COMPONENT: "component"}


class Budget:
    """Bytes of nested components that can still be decoded, and a counter of resources defined inside."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.resources = 0


class ComponentReader:
    """Reader of one component.

    Attributes:
        imports: Name -> type, in order.
        exports: Name -> kind and type (None if unknown), in order.
        parts: Kind, offset, size and name of each nested component or core module.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        export_types: bool,
        scope: ComponentScope | None = None,
        arguments: Mapping[str, tuple[str, ExternType | None]] | None = None,
        budget: Budget | None = None,
        level: int = 0,
    ) -> None:
        self.imports: dict[str, ExternType] = {}
        self.exports: dict[str, tuple[str, ExternType | None]] = {}
        self.parts: list[tuple[str, int, int, str]] = []
        self._reader = reader
        self._export_types = export_types
        self._scope = scope or ComponentScope()
        self._arguments = arguments
        self._budget = budget or Budget(MAX_LOOK_INSIDE if export_types else 0)
        self._level = level
        self._import_types: dict[int, str] = {}
        self._part_indices: dict[int, int] = {}

    def read(self) -> ComponentReader:
        """Read all sections; return this reader."""
        sections = self._sections()
        # An instance type comes before the import that has it, and its types are known by the import's name.
        for code, section in sections:
            if code == 10:
                self._scan_imports(Reader(section.data, section.position, section.end))
        rest = self._read_beginning(sections) if self._level == 0 else sections
        names: dict[str, dict[int, str]] = {kind: {} for kind in _PARTS.values()}
        for code, section in rest:
            if code == 0:
                for sort, kind in _PARTS.items():
                    names[kind].update(read_names(Reader(section.data, section.position, section.end), sort))
            self._read_section(code, section)
        self.parts = [
            (kind, offset, size, names[kind].get(self._part_indices[offset], ""))
            for kind, offset, size, _ in self.parts
        ]
        return self

    def _read_beginning(self, sections: list[tuple[int, Reader]]) -> list[tuple[int, Reader]]:
        """Read or recall the leading sections of imports; return the other sections."""
        count = next((n for n, (code, _) in enumerate(sections) if code not in import_cache.SECTIONS), len(sections))
        if not count or sections[count - 1][1].end > import_cache.MAX_BYTES:
            return sections
        key = (bytes(self._reader.data[: sections[count - 1][1].end]), tuple(self._import_types.items()))
        known = import_cache.recall(key)
        if known is None:
            for code, section in sections[:count]:
                self._read_section(code, section)
            beginning = import_cache.Beginning(dict(self.imports), self._scope.copy(), self._budget.resources)
            import_cache.remember(key, beginning)
        else:
            self.imports.update(known.imports)
            self._scope = known.scope.copy()
            self._budget.resources = known.resources
        return sections[count:]

    def _sections(self) -> list[tuple[int, Reader]]:
        reader = self._reader
        found = []
        while reader.position < reader.end:
            start = reader.position
            code = reader.byte()
            if code > 12:
                raise reader.fail(f"unknown section {code}", start)
            found.append((code, reader.part(reader.u32(), f"section {code}")))
        return found

    def _read_section(self, code: int, section: Reader) -> None:
        if code in (0, 2, 3):
            return
        if code in (1, 4):
            kind = _PARTS[Sort.CORE_MODULE if code == 1 else Sort.COMPONENT]
            self.parts.append((kind, section.position, section.end - section.position, ""))
            self._part_indices[section.position] = self._scope.modules if code == 1 else len(self._scope.components)
            if code == 1:
                self._scope.modules += 1
            else:
                self._scope.components.append((section, self._scope))
            return
        if code in (9, 12):
            raise section.fail("values and start functions are not supported")
        read = {
            5: self._read_instance,
            6: self._scope.read_alias,
            7: self._read_type,
            8: self._read_canon,
            10: self._read_import,
            11: self._read_export,
        }[code]
        for _ in range(section.count()):
            read(section)
        section.finish("the section")

    # Imports

    def _scan_imports(self, section: Reader) -> None:
        for _ in range(section.count()):
            name = read_extern_name(section)
            if interface_names.is_wasi_0_3(name):
                raise section.fail(f"it imports `{name}`: WASI 0.3 is not supported, build against WASI 0.2")
            code = section.byte()
            if code == 0x05:
                self._import_types.setdefault(section.u32(), name)
            elif code == 0x03 and section.byte() == 0x01:
                continue
            elif code in (0x00, 0x02):
                if section.byte() == 0x11 or code == 0x02:
                    raise section.fail(f"the import `{name}` is a core module or a value, which is not supported")
                section.u32()
            else:
                section.u32()

    def _read_import(self, section: Reader) -> None:
        start = section.position
        name = read_extern_name(section)
        if name in self.imports:
            raise section.fail(f"`{name}` is imported twice", start)
        extern = read_extern(section, self._scope, None, name)
        if self._arguments is None:
            self._scope.refuse_unsupported(extern, None, name, section)
        self.imports[name] = extern
        argument = (self._arguments or {}).get(name, ("", None))[1]
        if isinstance(argument, (TypeBound, Instance)):
            extern = argument
        if isinstance(extern, Func):
            self._scope.funcs.append(extern)
        elif isinstance(extern, TypeBound) and extern is argument:
            self._scope.types.append(extern.type)
        elif isinstance(extern, TypeBound):
            self._scope.declare(extern, None, name, section)
        elif isinstance(extern, Instance):
            self._scope.instances.append((name if extern is not argument else None, extern))
        elif isinstance(extern, Opaque) and extern.kind == "component":
            self._scope.components.append(None)

    # Types, functions, aliases, instances

    def _read_type(self, section: Reader) -> None:
        scope = self._scope
        if section.position < section.end and section.data[section.position] == 0x3F:
            self._read_resource(section)
            return
        interface = self._import_types.get(len(scope.types))
        scope.types.append(read_definition(section, scope, interface))

    def _read_resource(self, section: Reader) -> None:
        start = section.position
        section.byte()
        if section.byte() not in (0x7F, 0x7E):
            raise section.fail("a resource is represented by neither an i32 nor an i64", start)
        if section.byte():
            section.u32()
        self._budget.resources += 1
        self._scope.types.append(Resource(None, f"(defined inside: {self._budget.resources})"))

    def _read_canon(self, section: Reader) -> None:
        start = section.position
        type_index = read_canonical(section)
        if type_index is None:
            return
        type_ = self._scope.type_at(type_index, section, start)
        if not isinstance(type_, (Func, Unsupported)):
            raise section.fail(f"type {type_index} is not a function's", start)
        found = self._scope.costs.unsupported(type_)
        if found and found is not UNKNOWN:
            raise section.fail(f"a function that it exports {found.verb} {found.what}: {found.hint}", start)
        self._scope.funcs.append(None if found or isinstance(type_, Unsupported) else type_)

    def _read_instance(self, section: Reader) -> None:
        start = section.position
        code = section.byte()
        if code == 0x01:
            exports: dict[str, ExternType] = {}
            for _ in range(section.count()):
                name = read_extern_name(section)
                kind, type_ = self._scope.read_reference(section)
                exports[name] = Opaque(kind) if type_ is None else type_
            self._scope.instances.append((None, Instance(exports)))
            return
        if code != 0x00:
            raise section.fail(f"0x{code:02x} does not begin an instance", start)
        component = section.u32()
        if component >= len(self._scope.components):
            raise section.fail(
                f"component index {component} is out of range: {len(self._scope.components)} defined", start
            )
        arguments = {section.name(): self._scope.read_reference(section) for _ in range(section.count())}
        self._scope.instances.append((None, self._look_inside(self._scope.components[component], arguments)))

    def _look_inside(
        self,
        found: tuple[Reader, ComponentScope] | None,
        arguments: Mapping[str, tuple[str, ExternType | None]],
    ) -> Instance | None:
        if found is None or not self._export_types or self._level >= MAX_LEVELS:
            return None
        component, scope = found
        cost = component.end - component.position + LOOK_INSIDE_COST
        if cost > self._budget.left:
            return None
        self._budget.left -= cost
        inner = ComponentReader(
            Reader(component.data, component.position + 8, component.end),
            export_types=True,
            scope=ComponentScope(scope),
            arguments=arguments,
            budget=self._budget,
            level=self._level + 1,
        ).read()
        return Instance({n: Opaque(kind) if type_ is None else type_ for n, (kind, type_) in inner.exports.items()})

    # Exports

    def _read_export(self, section: Reader) -> None:
        start = section.position
        name = read_extern_name(section)
        if name in self.exports:
            raise section.fail(f"`{name}` is exported twice", start)
        kind, type_ = self._scope.read_reference(section)
        flag = section.byte()
        if flag > 1:
            raise section.fail(f"0x{flag:02x} is neither absent (0) nor present (1)")
        if flag:
            ascribed = read_extern(section, self._scope, None, name)
            if kind_of(ascribed) == kind and isinstance(ascribed, (Func, Instance)):
                type_ = ascribed
        self.exports[name] = (kind, type_ if self._export_types else None)
        if kind == "func":
            self._scope.funcs.append(type_ if isinstance(type_, Func) else None)
        elif kind == "type":
            self._scope.types.append(type_.type if isinstance(type_, TypeBound) else UNKNOWN)
        elif kind == "instance":
            self._scope.instances.append((None, type_ if isinstance(type_, Instance) else None))
        elif kind == "component":
            self._scope.components.append(None)
