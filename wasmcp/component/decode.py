"""Decoder of a component's sections into index spaces, and of its imports and exports.

Nested components and modules are skipped by size. Canonical definitions are read to find lifted functions, and to
reject async definitions by name. This does not validate a component: it checks only what it reads, and everything it
reads is bounded by the size of the file.

Source: component-model, design/mvp/Binary.md, "Component Definitions", "Canonical Definitions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wasmcp.component import index_spaces, interface_names
from wasmcp.component.binary_format import COMPONENT_PREAMBLE, MODULE_PREAMBLE, Reader, Sort
from wasmcp.component.builder import Chunk
from wasmcp.component.custom_sections import read_names
from wasmcp.component.index_spaces import UNKNOWN, ComponentScope, Unsupported
from wasmcp.component.type_section import read_definition, read_extern, read_extern_name
from wasmcp.component.types import ExternType, Func, Instance, Opaque, Resource, TypeBound, kind_of
from wasmcp.errors import ComponentError

_ASYNC = {
    0x05: "task.cancel",
    0x06: "subtask.cancel",
    0x09: "task.return",
    0x0A: "context.get",
    0x0B: "context.set",
    0x0C: "thread.yield",
    0x0D: "subtask.drop",
    0x0E: "stream.new",
    0x0F: "stream.read",
    0x10: "stream.write",
    0x11: "stream.cancel-read",
    0x12: "stream.cancel-write",
    0x13: "stream.drop-readable",
    0x14: "stream.drop-writable",
    0x15: "future.new",
    0x16: "future.read",
    0x17: "future.write",
    0x18: "future.cancel-read",
    0x19: "future.cancel-write",
    0x1A: "future.drop-readable",
    0x1B: "future.drop-writable",
    0x1C: "error-context.new",
    0x1D: "error-context.debug-message",
    0x1E: "error-context.drop",
    0x1F: "waitable-set.new",
    0x20: "waitable-set.wait",
    0x21: "waitable-set.poll",
    0x22: "waitable-set.drop",
    0x23: "waitable.join",
    0x24: "backpressure.inc",
    0x25: "backpressure.dec",
    0x26: "thread.index",
    0x27: "thread.new-indirect",
    0x28: "thread.resume-later",
    0x29: "thread.suspend",
    0x2A: "thread.suspend-then-resume",
    0x2B: "thread.yield-then-resume",
    0x2C: "thread.suspend-then-promote",
    0x2D: "thread.yield-then-promote",
    0x40: "thread.spawn-ref",
    0x41: "thread.spawn-indirect",
    0x42: "thread.available-parallelism",
}


def read_canonical(reader: Reader) -> int | None:
    """Read one canonical definition; return the function type's index if it lifts a function, else None.

    Raises:
        ComponentError: The definition is async; the error names it.
    """
    start = reader.position
    code = reader.byte()
    if code in (0x00, 0x01):
        if reader.byte() != 0:
            raise reader.fail("only functions can be lifted and lowered", start)
        reader.u32()
        _read_options(reader)
        return reader.u32() if code == 0 else None
    if code in (0x02, 0x03, 0x04):
        reader.u32()
        return None
    if code in _ASYNC:
        raise reader.fail(f"it uses `{_ASYNC[code]}`: async and WASI 0.3 are not supported", start)
    raise reader.fail(f"0x{code:02x} does not begin a canonical definition", start)


def _read_options(reader: Reader) -> None:
    for _ in range(reader.count()):
        start = reader.position
        code = reader.byte()
        if code in (3, 4, 5):
            reader.u32()
        elif code in (6, 7):
            raise reader.fail("it lifts or lowers an async function: async and WASI 0.3 are not supported", start)
        elif code > 7:
            raise reader.fail(f"0x{code:02x} does not begin a canonical option", start)


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
        count = next((n for n, (code, _) in enumerate(sections) if code not in index_spaces.SECTIONS), len(sections))
        if not count or sections[count - 1][1].end > index_spaces.MAX_BYTES:
            return sections
        key = (bytes(self._reader.data[: sections[count - 1][1].end]), tuple(self._import_types.items()))
        known = index_spaces.recall(key)
        if known is None:
            for code, section in sections[:count]:
                self._read_section(code, section)
            beginning = index_spaces.Beginning(dict(self.imports), self._scope.copy(), self._budget.resources)
            index_spaces.remember(key, beginning)
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


@dataclass(frozen=True)
class Export:
    """Export of a component: `kind` is `func`, `type`, `instance`, `component`, `core module` or `value`.

    `type` is absent (None) unless the types of exports were requested (see `decode`).
    """

    kind: str
    type: ExternType | None = None


@dataclass(frozen=True)
class Part:
    """Nested `component` or `core module`: the offset of its bytes in the file, and their number.

    `name` is the name of a component in the file's name section, or the empty string.
    """

    kind: str
    offset: int
    size: int
    name: str = ""


@dataclass(frozen=True)
class ComponentInfo:
    """Imports and exports of a component, in the order of their declaration.

    `size` is the size of the file in bytes; `parts` are the nested components and core modules.
    """

    name: str
    size: int
    imports: Mapping[str, ExternType]
    exports: Mapping[str, Export]
    parts: tuple[Part, ...]

    def find_import(self, name: str) -> str | None:
        """Return the name of the import `name`, or of a compatible version of it."""
        return interface_names.find(name, self.imports)

    def find_export(self, name: str) -> str | None:
        """Return the name of the export `name`, or of a compatible version of it."""
        return interface_names.find(name, self.exports)


def decode(data: Chunk, name: str = "", *, export_types: bool = False) -> ComponentInfo:
    """Decode a component's imports and exports.

    Args:
        data: The file.
        name: The component's name in errors.
        export_types: Decode the types of the exports too, which requires decoding nested components. Types from nested
            components that were not decoded stay unknown (`Opaque`).

    Raises:
        ComponentError: The file is not a component, is damaged, or uses unsupported features (async, WASI 0.3).
    """
    view = memoryview(data).cast("B") if not isinstance(data, memoryview) else data
    try:
        _check_preamble(view)
        reader = Reader(view, len(COMPONENT_PREAMBLE), len(view))
        read = ComponentReader(reader, export_types=export_types).read()
    except ComponentError as error:
        if error.component or not name:
            raise
        raise ComponentError(error.problem, offset=error.offset, component=name) from None
    exports = {export: Export(kind, type_) for export, (kind, type_) in read.exports.items()}
    parts = tuple(Part(*part) for part in read.parts)
    return ComponentInfo(name, len(view), read.imports, exports, parts)


def _check_preamble(view: memoryview) -> None:
    start = bytes(view[:8])
    if start == COMPONENT_PREAMBLE:
        return
    if start == MODULE_PREAMBLE:
        raise ComponentError("a core module, not a component (`wasm-tools component new` makes one of it)")
    if not start:
        raise ComponentError("an empty file, not a component")
    if start[:4] == b"\x00asm":
        if len(start) < 8:
            raise ComponentError("truncated: the file ends inside its first eight bytes", offset=len(start))
        version, layer = start[4:6].hex(), start[6:8].hex()
        raise ComponentError(
            f"version 0x{version}, layer 0x{layer} of the binary format; a component has 0x0d00 and 0x0100", offset=4
        )
    if bytes(view[:64]).lstrip().startswith((b"(component", b"(module", b";;", b"(;")):
        raise ComponentError("WebAssembly in text form, not a component (`wasm-tools parse` makes one of it)")
    raise ComponentError("not WebAssembly: it does not begin with `\\0asm`", offset=0)
