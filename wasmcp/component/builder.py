"""Writers of one component or instance type, definition by definition.

Source: component-model, design/mvp/Binary.md. Each method that defines an item returns its index in the item's index
space; definitions can only refer to earlier ones. Nothing is validated here.

    builder = ComponentBuilder()
    module = builder.core_module(wasm_bytes)
    core = builder.core_instantiate(module)
    run = builder.core_alias(core, "run", CoreSort.FUNC)
    builder.export("run", Sort.FUNC, builder.lift(run, builder.type(writer.func([]))))
    data = builder.to_bytes()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wasmcp.component import binary_format
from wasmcp.component.binary_format import COMPONENT_PREAMBLE, CoreSort, Sort, extern_name, name, uleb128, vector

Chunk = bytes | bytearray | memoryview


def func_extern(index: int) -> bytes:
    """Encode the type of an import or export: a function of the type with this index."""
    return b"\x01" + uleb128(index)


def type_eq_extern(index: int) -> bytes:
    """Encode the type of an import or export: a type equal to the one with this index."""
    return b"\x03\x00" + uleb128(index)


def resource_extern() -> bytes:
    """Encode the type of an import or export: a new resource type."""
    return b"\x03\x01"


def instance_extern(index: int) -> bytes:
    """Encode the type of an import or export: an instance of the type with this index."""
    return b"\x05" + uleb128(index)


class InstanceTypeBuilder:
    """Writer of one instance type: a scope whose type indices start at 0 and that reaches outer types by alias."""

    def __init__(self) -> None:
        self._declarations: list[bytes] = []
        self._types = 0
        self._instances = 0

    def _next_type(self) -> int:
        self._types += 1
        return self._types - 1

    def type(self, definition: bytes) -> int:
        """Define a type (`wasmcp.component.binary_format` makes definitions)."""
        self._declarations.append(b"\x01" + definition)
        return self._next_type()

    def alias_outer_type(self, index: int, *, count: int = 1) -> int:
        """Alias the type with this index, `count` scopes further out; return its index here."""
        self._declarations.append(b"\x02\x03\x02" + uleb128(count) + uleb128(index))
        return self._next_type()

    def export_type(self, export: str, index: int) -> int:
        """Export a type. Return the index that has the name: later definitions must use it."""
        self._declarations.append(b"\x04" + extern_name(export) + type_eq_extern(index))
        return self._next_type()

    def export_resource(self, export: str) -> int:
        """Export a new resource type; return the type's index."""
        self._declarations.append(b"\x04" + extern_name(export) + resource_extern())
        return self._next_type()

    def export_func(self, export: str, type_index: int) -> None:
        """Export a function of the type with this index."""
        self._declarations.append(b"\x04" + extern_name(export) + func_extern(type_index))

    def export_instance(self, export: str, type_index: int) -> int:
        """Export an instance of the type with this index; return the instance's index."""
        self._declarations.append(b"\x04" + extern_name(export) + instance_extern(type_index))
        self._instances += 1
        return self._instances - 1

    def definition(self) -> bytes:
        """Return the instance type, an argument of `ComponentBuilder.type`."""
        return b"\x42" + vector(self._declarations)


class ComponentBuilder:
    """Writer of one component. Large parts (modules, nested components) are referenced, never copied."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] = [COMPONENT_PREAMBLE]
        self._section = -1
        self._items: list[bytes] = []
        self._counts: dict[str, int] = {}

    # Sections

    def _flush(self) -> None:
        if self._items:
            body = vector(self._items)
            self._chunks.append(bytes((self._section,)) + uleb128(len(body)) + body)
            self._items = []

    def _add(self, section: int, item: bytes) -> None:
        if section != self._section:
            self._flush()
            self._section = section
        self._items.append(item)

    def _add_whole(self, section: int, data: Chunk | Iterable[Chunk]) -> None:
        self._flush()
        self._section = -1
        parts = [data] if isinstance(data, (bytes, bytearray, memoryview)) else list(data)
        self._chunks.append(bytes((section,)) + uleb128(sum(len(part) for part in parts)))
        self._chunks.extend(parts)

    def _next(self, space: str) -> int:
        index = self._counts.get(space, 0)
        self._counts[space] = index + 1
        return index

    def chunks(self) -> list[Chunk]:
        """Return the component in pieces, to be written in order or nested (`component`) without a copy."""
        self._flush()
        self._section = -1
        return list(self._chunks)

    def to_bytes(self) -> bytes:
        """Return the component."""
        return b"".join(self.chunks())

    def custom_section(self, section_name: str, data: bytes) -> None:
        """Add a custom section."""
        self._add_whole(0, [name(section_name), data])

    # Core definitions

    def core_module(self, data: Chunk | Iterable[Chunk]) -> int:
        """Embed a core module; return its core module index."""
        self._add_whole(1, data)
        return self._next("core module")

    def core_instantiate(self, module: int, args: Mapping[str, int] | None = None) -> int:
        """Instantiate a core module with core instances as arguments, by the module names of its imports."""
        items = [name(arg) + b"\x12" + uleb128(index) for arg, index in (args or {}).items()]
        self._add(2, b"\x00" + uleb128(module) + vector(items))
        return self._next("core instance")

    def core_instance(self, exports: Mapping[str, tuple[CoreSort, int]]) -> int:
        """Make a core instance of existing items, by name."""
        items = [name(export) + sort.value + uleb128(index) for export, (sort, index) in exports.items()]
        self._add(2, b"\x01" + vector(items))
        return self._next("core instance")

    def core_alias(self, core_instance: int, export: str, sort: CoreSort) -> int:
        """Alias an export of a core instance; return its index in the space of `sort`."""
        self._add(6, b"\x00" + sort.value + b"\x01" + uleb128(core_instance) + name(export))
        return self._next(f"core {sort.name}")

    # Components and instances

    def component(self, data: Chunk | Iterable[Chunk]) -> int:
        """Embed a component (bytes, or the `chunks()` of another builder); return its component index."""
        self._add_whole(4, data)
        return self._next(Sort.COMPONENT.name)

    def instantiate(self, component: int, args: Mapping[str, tuple[Sort, int]] | None = None) -> int:
        """Instantiate a component with arguments, by the names of its imports; return the instance's index."""
        items = [name(arg) + sort.value + uleb128(index) for arg, (sort, index) in (args or {}).items()]
        self._add(5, b"\x00" + uleb128(component) + vector(items))
        return self._next(Sort.INSTANCE.name)

    def instance(self, exports: Mapping[str, tuple[Sort, int]]) -> int:
        """Make an instance of existing items, by name; return its index."""
        items = [extern_name(export) + sort.value + uleb128(index) for export, (sort, index) in exports.items()]
        self._add(5, b"\x01" + vector(items))
        return self._next(Sort.INSTANCE.name)

    def alias_export(self, instance: int, export: str, sort: Sort) -> int:
        """Alias an export of an instance; return its index in the space of `sort`."""
        self._add(6, sort.value + b"\x00" + uleb128(instance) + name(export))
        return self._next(sort.name)

    def alias_outer(self, count: int, index: int, sort: Sort) -> int:
        """Alias a type, component or core module `count` components further out; return its index.

        A type that is aliased this way must not refer to a resource.
        """
        self._add(6, sort.value + b"\x02" + uleb128(count) + uleb128(index))
        return self._next(sort.name)

    # Types and functions

    def type(self, definition: bytes) -> int:
        """Define a type and return its index; `binary_writer` and `InstanceTypeBuilder` make definitions."""
        self._add(7, definition)
        return self._next(Sort.TYPE.name)

    def resource(self, destructor: int | None = None) -> int:
        """Define a resource type represented by an i32 and return its index; `destructor` is a core function index."""
        return self.type(binary_format.resource_rep(destructor))

    def lift(
        self,
        core_func: int,
        type_index: int,
        *,
        memory: int | None = None,
        realloc: int | None = None,
        post_return: int | None = None,
    ) -> int:
        """Lift a core function to a component function. Strings are UTF-8. Source: CanonicalABI.md, "canon lift"."""
        options = _canonical_options(memory, realloc, post_return)
        self._add(8, b"\x00\x00" + uleb128(core_func) + options + uleb128(type_index))
        return self._next(Sort.FUNC.name)

    def lower(self, func: int, *, memory: int | None = None, realloc: int | None = None) -> int:
        """Lower a component function to a core function. Strings are UTF-8. Source: CanonicalABI.md, "canon lower"."""
        self._add(8, b"\x01\x00" + uleb128(func) + _canonical_options(memory, realloc, None))
        return self._next(f"core {CoreSort.FUNC.name}")

    def resource_new(self, type_index: int) -> int:
        """Define the core function that makes a handle of a representation, for a resource of this component."""
        return self._resource_builtin(b"\x02", type_index)

    def resource_drop(self, type_index: int) -> int:
        """Define the core function that drops an own or borrow handle."""
        return self._resource_builtin(b"\x03", type_index)

    def resource_rep(self, type_index: int) -> int:
        """Define the core function that returns the representation of a handle, for a resource of this component."""
        return self._resource_builtin(b"\x04", type_index)

    def _resource_builtin(self, code: bytes, type_index: int) -> int:
        self._add(8, code + uleb128(type_index))
        return self._next(f"core {CoreSort.FUNC.name}")

    # Imports and exports

    def import_func(self, import_name: str, type_index: int) -> int:
        """Import a function of the type with this index; return the function's index."""
        return self._import(import_name, func_extern(type_index), Sort.FUNC)

    def import_instance(self, import_name: str, type_index: int) -> int:
        """Import an instance of the type with this index; return the instance's index."""
        return self._import(import_name, instance_extern(type_index), Sort.INSTANCE)

    def import_type(self, import_name: str, type_index: int) -> int:
        """Import a type equal to the one with this index. Return the index that has the name."""
        return self._import(import_name, type_eq_extern(type_index), Sort.TYPE)

    def import_resource(self, import_name: str) -> int:
        """Import a new resource type; return the type's index."""
        return self._import(import_name, resource_extern(), Sort.TYPE)

    def _import(self, import_name: str, extern: bytes, sort: Sort) -> int:
        self._add(10, extern_name(import_name) + extern)
        return self._next(sort.name)

    def export(self, export_name: str, sort: Sort, index: int, extern: bytes | None = None) -> int:
        """Export an item with its own type, or with a wider one (`func_extern(...)` and the like).

        Returns:
            A new index of the same sort. For a type it is the index that has the name: exported functions must use it.
        """
        ascription = b"\x00" if extern is None else b"\x01" + extern
        self._add(11, extern_name(export_name) + sort.value + uleb128(index) + ascription)
        return self._next(sort.name)


def _canonical_options(memory: int | None, realloc: int | None, post_return: int | None) -> bytes:
    options = [b"\x00"]
    for code, index in ((b"\x03", memory), (b"\x04", realloc), (b"\x05", post_return)):
        if index is not None:
            options.append(code + uleb128(index))
    return vector(options)
