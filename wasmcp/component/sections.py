"""Reading the sections of a component, in order, into its index spaces.

Source: component-model, design/mvp/Binary.md, "Component Definitions".
"""

from __future__ import annotations

from collections.abc import Mapping

from wasmcp.component import names
from wasmcp.component.canonical import read_canonical
from wasmcp.component.declarations import read_definition, read_extern, read_extern_name
from wasmcp.component.model import ExternType, Func, Instance, Opaque, Resource, TypeBound, kind_of
from wasmcp.component.namesection import read_component_names
from wasmcp.component.reader import Reader
from wasmcp.component.scope import UNKNOWN, Scope, Unsupported

MAX_LOOK_INSIDE = 4_000_000  # bytes of nested components that are looked into for the types of exports
LOOK_INSIDE_COST = 1000  # added for each time one is looked into, however small it is
MAX_LEVELS = 8
_KINDS = {1: "func", 2: "value", 3: "type", 4: "component", 5: "instance"}


class Budget:
    """How many bytes of nested components may still be looked into; a counter for resources defined inside."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.resources = 0


class ComponentReader:
    """Reads one component.

    Attributes:
        imports: Name -> type, in order.
        exports: Name -> kind and type (None when it is unknown), in order.
        parts: Kind, offset, size and name of what is nested in it.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        export_types: bool,
        scope: Scope | None = None,
        arguments: Mapping[str, tuple[str, ExternType | None]] | None = None,
        budget: Budget | None = None,
        level: int = 0,
    ) -> None:
        self.imports: dict[str, ExternType] = {}
        self.exports: dict[str, tuple[str, ExternType | None]] = {}
        self.parts: list[tuple[str, int, int, str]] = []
        self._reader = reader
        self._export_types = export_types
        self._scope = scope or Scope()
        self._arguments = arguments
        self._budget = budget or Budget(MAX_LOOK_INSIDE if export_types else 0)
        self._level = level
        self._funcs: list[Func | None] = []
        self._components: list[Reader | None] = []
        self._import_types: dict[int, str] = {}
        self._part_indices: dict[int, int] = {}

    def read(self) -> ComponentReader:
        """Read all sections; returns itself."""
        sections = self._sections()
        # An instance type comes before the import that has it, and its types are known by the import's name.
        for code, section in sections:
            if code == 10:
                self._scan_imports(Reader(section.data, section.position, section.end))
        component_names: dict[int, str] = {}
        for code, section in sections:
            if code == 0:
                component_names.update(read_component_names(section))
            self._read_section(code, section)
        self.parts = [
            (kind, offset, size, component_names.get(self._part_indices.get(offset, -1), ""))
            for kind, offset, size, _ in self.parts
        ]
        return self

    def _sections(self) -> list[tuple[int, Reader]]:
        reader = self._reader
        found = []
        while reader.position < reader.end:
            start = reader.position
            code = reader.byte()
            if code > 12:
                raise reader.fail(f"there is no section {code}", start)
            found.append((code, reader.part(reader.u32(), f"section {code}")))
        return found

    def _read_section(self, code: int, section: Reader) -> None:
        if code in (0, 2, 3):
            return
        if code in (1, 4):
            kind = "core module" if code == 1 else "component"
            self.parts.append((kind, section.position, section.end - section.position, ""))
            if code == 4:
                self._part_indices[section.position] = len(self._components)
                self._components.append(section)
            return
        if code in (9, 12):
            raise section.fail("values and start functions are not supported")
        read = {
            5: self._read_instance,
            6: self._read_alias,
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
            if names.is_wasi_0_3(name):
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
            self._funcs.append(extern)
        elif isinstance(extern, TypeBound) and extern is argument:
            self._scope.types.append(extern.type)
        elif isinstance(extern, TypeBound):
            self._scope.declare(extern, None, name, section)
        elif isinstance(extern, Instance):
            self._scope.instances.append((name if extern is not argument else None, extern))
        elif isinstance(extern, Opaque) and extern.kind == "component":
            self._components.append(None)

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
        self._funcs.append(None if found or isinstance(type_, Unsupported) else type_)

    def _read_alias(self, section: Reader) -> None:
        start = section.position
        sort = section.byte()
        core = section.byte() if sort == 0 else -1
        target = section.byte()
        if target == 0x01:
            section.u32()
            section.name()
        elif target == 0x00 and sort in (3, 5):
            self._scope.alias_export(section.u32(), sort, section.name(), section)
        elif target == 0x00 and (sort in (1, 4) or core == 0x11):
            _, instance = self._scope.instance_at(section.u32(), section)
            found = instance.exports.get(section.name()) if instance else (section.name(), None)[1]
            if sort == 1:
                self._funcs.append(found if isinstance(found, Func) else None)
            elif sort == 4:
                self._components.append(None)
        elif target == 0x02 and (sort in (3, 4) or core in (0x10, 0x11)):
            outer = self._scope.outer(section.u32(), section)
            index = section.u32()
            if sort == 3:
                self._scope.types.append(outer.type_at(index, section, start))
            elif sort == 4:
                self._components.append(None)
        else:
            raise section.fail(f"an alias of sort {sort} cannot have target {target}", start)

    def _sorted_index(self, section: Reader) -> tuple[str, ExternType | None]:
        """What a sort and an index refer to: kind, and type where it is known."""
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
            raise section.fail(f"there is no sort {sort}", start)
        if kind == "func":
            if index >= len(self._funcs):
                raise section.fail(f"there is no function {index}, only {len(self._funcs)}", start)
            return kind, self._funcs[index]
        if kind == "type":
            type_ = self._scope.type_at(index, section, start)
            unknown = isinstance(type_, (Func, Instance, Opaque, Unsupported)) or self._scope.costs.unsupported(type_)
            return kind, None if unknown else TypeBound(type_)  # type: ignore[arg-type]
        if kind == "instance":
            return kind, self._scope.instance_at(index, section)[1]
        if kind == "component" and index >= len(self._components):
            raise section.fail(f"there is no component {index}, only {len(self._components)}", start)
        return kind, None

    def _read_instance(self, section: Reader) -> None:
        start = section.position
        code = section.byte()
        if code == 0x01:
            exports: dict[str, ExternType] = {}
            for _ in range(section.count()):
                name = read_extern_name(section)
                kind, type_ = self._sorted_index(section)
                exports[name] = Opaque(kind) if type_ is None else type_
            self._scope.instances.append((None, Instance(exports)))
            return
        if code != 0x00:
            raise section.fail(f"0x{code:02x} does not begin an instance", start)
        component = section.u32()
        if component >= len(self._components):
            raise section.fail(f"there is no component {component}, only {len(self._components)}", start)
        arguments = {section.name(): self._sorted_index(section) for _ in range(section.count())}
        self._scope.instances.append((None, self._look_inside(self._components[component], arguments)))

    def _look_inside(
        self, component: Reader | None, arguments: Mapping[str, tuple[str, ExternType | None]]
    ) -> Instance | None:
        if component is None or not self._export_types or self._level >= MAX_LEVELS:
            return None
        cost = component.end - component.position + LOOK_INSIDE_COST
        if cost > self._budget.left:
            return None
        self._budget.left -= cost
        inner = ComponentReader(
            Reader(component.data, component.position + 8, component.end),
            export_types=True,
            scope=Scope(self._scope),
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
        kind, type_ = self._sorted_index(section)
        flag = section.byte()
        if flag > 1:
            raise section.fail(f"0x{flag:02x} says neither absent (0) nor present (1)")
        if flag:
            ascribed = read_extern(section, self._scope, None, name)
            if kind_of(ascribed) == kind and isinstance(ascribed, (Func, Instance)):
                type_ = ascribed
        self.exports[name] = (kind, type_ if self._export_types else None)
        if kind == "func":
            self._funcs.append(type_ if isinstance(type_, Func) else None)
        elif kind == "type":
            self._scope.types.append(type_.type if isinstance(type_, TypeBound) else UNKNOWN)
        elif kind == "instance":
            self._scope.instances.append((None, type_ if isinstance(type_, Instance) else None))
        elif kind == "component":
            self._components.append(None)
