"""Separation of shared libraries from a component, which imports them then as core modules.

Components of one toolchain have the same libraries: the Python interpreter is most of the code of each Python server. A
host that compiles a library apart compiles it once for all servers. Only libraries are separated, which have the memory
of another module: a component is entered through other modules.

Source: component-model, design/mvp/Binary.md, "Core Definitions", "Import and Export Definitions"; core WebAssembly,
binary format, "Modules"; tool conventions, "DynamicLinking".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from wasmcp.component.binary_format import COMPONENT_PREAMBLE, MODULE_PREAMBLE, Reader, Sort, uleb128, vector
from wasmcp.component.binary_format import name as name_bytes
from wasmcp.component.builder import Chunk
from wasmcp.component.custom_sections import CoreModule, core_modules
from wasmcp.errors import ComponentError

LEAST = 200_000
"""Bytes of code from which a library is separated: to start a compiler for less takes longer than to compile it."""

_CUSTOM, _MODULE, _CORE_INSTANCE, _CORE_TYPE, _COMPONENT, _ALIAS, _COMPONENT_IMPORT = 0, 1, 2, 3, 4, 6, 10
_TYPES, _IMPORTS, _FUNCTIONS, _TABLES, _MEMORIES, _GLOBALS, _EXPORTS = 1, 2, 3, 4, 5, 6, 7
_FUNC, _TABLE, _MEMORY, _GLOBAL = range(4)
_CORE, _SORT_MODULE, _OUTER = 0x00, 0x11, 0x02
_VALUE_TYPES = frozenset((*range(0x7B, 0x80), 0x6F, 0x70))
_END, _GLOBAL_GET, _REF_NULL, _REF_FUNC = 0x0B, 0x23, 0xD0, 0xD2
_INTEGERS = (0x41, 0x42)
_FLOATS = {0x43: 4, 0x44: 8}
_ARITHMETIC = (0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E)


@dataclass
class Positions:
    """Offsets in a whole component of what is left of it, and of its libraries.

    Attributes:
        begins: Offsets at which pieces begin that were kept, ascending.
        origins: The offset of each of them in the whole component.
        libraries: The offset at which each library begins, by its digest.
    """

    begins: list[int] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    libraries: dict[str, int] = field(default_factory=dict)

    def origin(self, offset: int) -> int:
        """Return the offset in the whole component of a byte that was kept."""
        index = bisect_right(self.begins, offset) - 1
        return offset if index < 0 else self.origins[index] + offset - self.begins[index]


@dataclass
class Separated:
    """A component without its libraries.

    Attributes:
        data: The component; unchanged if it has no libraries.
        modules: The libraries by their digest.
        positions: The positions in the whole component.
    """

    data: Chunk
    modules: dict[str, memoryview] = field(default_factory=dict)
    positions: Positions = field(default_factory=Positions)


def separate(data: Chunk, prefix: str) -> Separated:
    """Separate the libraries of a component. It is unchanged if it has none, or uses what is not supported here.

    Args:
        data: The component.
        prefix: Beginning of the names of the imports; the SHA-256 of the library in hexadecimal follows.
    """
    view = memoryview(data).cast("B")
    try:
        found = _libraries(view)
        if not found:
            return Separated(data)
        return _Separation(view, found).separated(prefix)
    except (ComponentError, IndexError):
        return Separated(data)  # the engine judges the component


def named(module: Chunk, digest: str) -> bytes:
    """Return a module with its digest as its name, which engines show in backtraces."""
    label = name_bytes(f"x{digest}")
    content = name_bytes("name") + b"\0" + uleb128(len(label)) + label
    return bytes(module) + _section(_CUSTOM, content)


def _libraries(view: memoryview) -> dict[str, CoreModule]:
    """Return the modules to separate by their digest, in order."""
    found: dict[str, CoreModule] = {}
    for module in core_modules(view):
        if len(module.code) >= LEAST and "name" not in module.sections and _has_memory_of_another(view, module):
            found[sha256(view[module.start : module.end]).hexdigest()] = module
    return found


def _has_memory_of_another(view: memoryview, module: CoreModule) -> bool:
    for code, part in _sections(view, module.start, module.end):
        if code == _IMPORTS:
            return any(kind == _MEMORY for _, _, kind, _ in _imports(part))
    return False


def _sections(view: memoryview, start: int, end: int) -> Iterator[tuple[int, Reader]]:
    """Yield the sections of a module or component, whose preamble begins at `start`."""
    reader = Reader(view, start + len(MODULE_PREAMBLE), end)
    while reader.position < reader.end:
        code = reader.byte()
        yield code, reader.part(reader.u32(), f"section {code}")


def _section(code: int, content: bytes) -> bytes:
    return bytes((code,)) + uleb128(len(content)) + content


def _imports(reader: Reader) -> Iterator[tuple[str, str, int, bytes | int]]:
    """Yield the imports of a core module: module, name, kind, and a function's type index or the type of another."""
    for _ in range(reader.count()):
        module, name, kind = reader.name(), reader.name(), reader.byte()
        yield module, name, kind, reader.u32() if kind == _FUNC else _type(reader, kind)


def _type(reader: Reader, kind: int) -> bytes:
    """Read the type of a table, a memory or a global.

    Raises:
        ComponentError: The type is not supported.
    """
    start = reader.position
    if kind in (_TABLE, _GLOBAL):
        _value_type(reader)
    if kind == _GLOBAL:
        reader.byte()
    elif kind in (_TABLE, _MEMORY):
        flags = reader.byte()
        if flags > 3:
            raise reader.fail("limits with these flags are not supported", start)
        reader.u32()
        if flags & 1:
            reader.u32()
    else:
        raise reader.fail("this kind of import is not supported", start)
    return bytes(reader.data[start : reader.position])


def _value_type(reader: Reader) -> None:
    start = reader.position
    if reader.byte() not in _VALUE_TYPES:
        raise reader.fail("this value type is not supported", start)


class _Separation:
    """Separation of one component.

    Attributes:
        modules: The libraries by digest.
    """

    def __init__(self, view: memoryview, modules: Mapping[str, CoreModule]) -> None:
        self.modules = modules
        self._view = view
        self._digests = {module.start: digest for digest, module in modules.items()}
        sizes = {module.end - module.start for module in modules.values()}
        for module in core_modules(view):  # the same library in another place
            if module.start not in self._digests and module.end - module.start in sizes:
                digest = sha256(view[module.start : module.end]).hexdigest()
                if digest in modules:
                    self._digests[module.start] = digest
        self._indices = {digest: index for index, digest in enumerate(modules)}
        self._root: list[int] = []  # index of a module of the outermost component -> its new index
        self._pieces: list[tuple[int | None, Chunk]] = []

    def separated(self, prefix: str) -> Separated:
        """Return the component, whose imports have names with a prefix."""
        view = self._view
        used = set(_imported_names(view, 0, len(view)))
        pieces = self._component(0, len(view), 0, used)
        header: list[tuple[int | None, Chunk]] = []
        for digest, module in self.modules.items():
            type_ = _ModuleType(view, module, used).encode()
            content = b"\0" + name_bytes(prefix + digest) + Sort.CORE_MODULE.value + uleb128(self._indices[digest])
            header += [
                (None, _section(_CORE_TYPE, uleb128(1) + type_)),
                (None, _section(_COMPONENT_IMPORT, uleb128(1) + content)),
            ]
        pieces[1:1] = header
        result = Separated(
            b"".join(chunk for _, chunk in pieces),
            {digest: view[one.start : one.end] for digest, one in self.modules.items()},
            Positions(libraries={digest: one.start for digest, one in self.modules.items()}),
        )
        position = 0
        for origin, chunk in pieces:
            if origin is not None:
                result.positions.begins.append(position)
                result.positions.origins.append(origin)
            position += len(chunk)
        return result

    def _component(self, start: int, end: int, depth: int, used: set[str]) -> list[tuple[int | None, Chunk]]:
        """Return a component in pieces, each with its offset in the whole component or None; the preamble first."""
        view = self._view
        body = start + len(COMPONENT_PREAMBLE)
        pieces: list[tuple[int | None, Chunk]] = [(start, view[start:body])]
        position = body
        for code, part in _sections(view, start, end):
            content = part.position
            if code == _MODULE and content in self._digests:
                index = self._indices[self._digests[content]]
                if depth:
                    alias = bytes((_CORE, _SORT_MODULE, _OUTER)) + uleb128(depth) + uleb128(index)
                    pieces.append((None, _section(_ALIAS, uleb128(1) + alias)))
                else:
                    self._root.append(index)
            elif code == _COMPONENT:
                nested = self._component(content, part.end, depth + 1, used)
                size = sum(len(chunk) for _, chunk in nested)
                pieces += [(None, bytes((_COMPONENT,)) + uleb128(size)), *nested]
            elif code == _ALIAS:
                pieces.append((None, _section(_ALIAS, self._aliases(part, depth, used))))
            elif code == _CORE_INSTANCE and not depth:
                pieces.append((None, _section(_CORE_INSTANCE, self._core_instances(part))))
            elif code == _CORE_TYPE and not depth:
                raise part.fail("core types of the outermost component are not supported")
            else:
                if code == _MODULE and not depth:
                    kept = sum(index >= len(self.modules) for index in self._root)
                    self._root.append(len(self.modules) + kept)
                pieces.append((position, view[position : part.end]))
            position = part.end
        return pieces

    def _aliases(self, reader: Reader, depth: int, used: set[str]) -> bytes:
        """Return a section of aliases with the new indices of modules of the outermost component."""
        items: list[bytes] = []
        for _ in range(reader.count()):
            start = reader.position
            sort = reader.byte()
            core = reader.byte() if sort == _CORE else None
            if reader.byte() == _OUTER:
                levels, index = reader.u32(), reader.u32()
                if core == _SORT_MODULE and levels == depth:
                    alias = bytes((_CORE, _SORT_MODULE, _OUTER)) + uleb128(levels) + uleb128(self._root[index])
                    items.append(alias)
                    continue
            else:
                reader.u32()
                used.add(reader.name())
            items.append(bytes(reader.data[start : reader.position]))
        return vector(items)

    def _core_instances(self, reader: Reader) -> bytes:
        """Return a section of core instances of the outermost component with the new indices of its modules."""
        items: list[bytes] = []
        for _ in range(reader.count()):
            kind = reader.byte()
            item = bytes((kind,)) + (uleb128(self._root[reader.u32()]) if kind == 0 else b"")
            start = reader.position
            for _ in range(reader.count()):
                reader.skip_name()
                reader.byte()
                reader.u32()
            items.append(item + bytes(reader.data[start : reader.position]))
        return vector(items)


def _imported_names(view: memoryview, start: int, end: int) -> Iterator[str]:
    """Yield the names that core modules in a component import, from any module."""
    for code, part in _sections(view, start, end):
        if code == _COMPONENT:
            yield from _imported_names(view, part.position, part.end)
        elif code == _MODULE:
            for kind, section in _sections(view, part.position, part.end):
                if kind == _IMPORTS:
                    yield from (name for _, name, _, _ in _imports(section))


class _ModuleType:
    """Type of a core module: its imports, and those of its exports that are used."""

    def __init__(self, view: memoryview, module: CoreModule, used: Collection[str]) -> None:
        self._used = used
        self._types: list[bytes] = []
        self._spaces: tuple[list[bytes | int], ...] = ([], [], [], [])
        self._declarations: list[bytes] = []
        self._indices: dict[bytes, int] = {}
        self._members: list[bytes] = []
        for code, part in _sections(view, module.start, module.end):
            if code == _TYPES:
                self._types = [_function_type(part) for _ in range(part.count())]
            elif code == _IMPORTS:
                for source, name, kind, type_ in _imports(part):
                    self._spaces[kind].append(type_)
                    self._members.append(b"\0" + name_bytes(source) + name_bytes(name) + self._item(kind, type_))
            elif code == _FUNCTIONS:
                self._spaces[_FUNC].extend(part.u32() for _ in range(part.count()))
            elif code in (_TABLES, _MEMORIES):
                kind = _TABLE if code == _TABLES else _MEMORY
                self._spaces[kind].extend(_type(part, kind) for _ in range(part.count()))
            elif code == _GLOBALS:
                for _ in range(part.count()):
                    self._spaces[_GLOBAL].append(_type(part, _GLOBAL))
                    _skip_expression(part)
            elif code == _EXPORTS:
                self._read_exports(part)

    def encode(self) -> bytes:
        """Return the definition of the type."""
        return b"\x50" + vector([*self._declarations, *self._members])

    def _read_exports(self, reader: Reader) -> None:
        for _ in range(reader.count()):
            name, start, kind, index = reader.name(), reader.position, reader.byte(), reader.u32()
            if kind >= len(self._spaces):
                raise reader.fail("this kind of export is not supported", start)
            if name in self._used:
                self._members.append(b"\x03" + name_bytes(name) + self._item(kind, self._spaces[kind][index]))

    def _item(self, kind: int, type_: bytes | int) -> bytes:
        """Return the kind and the type of an import or export; types of functions are declared first."""
        if isinstance(type_, bytes):
            return bytes((kind,)) + type_
        definition = self._types[type_]
        if definition not in self._indices:
            self._indices[definition] = len(self._indices)
            self._declarations.append(b"\x01" + definition)
        return bytes((kind,)) + uleb128(self._indices[definition])


def _function_type(reader: Reader) -> bytes:
    start = reader.position
    if reader.byte() != 0x60:
        raise reader.fail("only function types are supported", start)
    for _ in range(2):
        for _ in range(reader.count()):
            _value_type(reader)
    return bytes(reader.data[start : reader.position])


def _skip_expression(reader: Reader) -> None:
    """Skip a constant expression."""
    while True:
        start = reader.position
        code = reader.byte()
        if code == _END:
            return
        if code in (_GLOBAL_GET, _REF_FUNC):
            reader.u32()
        elif code in _INTEGERS:
            while reader.byte() & 0x80:
                pass
        elif code in _FLOATS:
            reader.part(_FLOATS[code], "a number")
        elif code == _REF_NULL:
            reader.byte()
        elif code not in _ARITHMETIC:
            raise reader.fail(f"0x{code:02x} is not supported in a constant expression", start)
