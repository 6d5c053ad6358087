"""Side modules: position-independent core modules that a dynamic linker loads, such as extension modules of Python.

Their imports are read, and they are written without exception handling, with other names of imported functions, or with
functions that are called in the place of their imports and exports. These functions are added behind those of the
module, so that no index changes. Calls through a table still reach the original.

Source: tool-conventions, DynamicLinking.md (section `dylink.0`, modules `GOT.func` and `GOT.mem`); core specification
3.0, 5.5 (Modules).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from wasmcp.component.binary_format import MODULE_PREAMBLE, Reader, name, uleb128, vector
from wasmcp.component.instructions import EXTERNREF, value_type, with_calls, without_exceptions
from wasmcp.errors import ComponentError

ENVIRONMENT, FUNCTION_OFFSETS, DATA_OFFSETS = "env", "GOT.func", "GOT.mem"
"""Modules of imports: symbols; offsets of functions in the table; addresses of data."""

_DYNAMIC = "dylink.0"
_NEEDED, _IMPORT_INFO = 2, 4
_CUSTOM, _TYPES, _IMPORTS, _FUNCTIONS, _GLOBALS, _EXPORTS, _CODE, _TAGS = 0, 1, 2, 3, 6, 7, 10, 13
_TEXT = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128", 0x70: "funcref", 0x6F: "externref"}


class ImportKind(Enum):
    """Kind of an import. The value is its encoding."""

    FUNCTION = 0
    TABLE = 1
    MEMORY = 2
    GLOBAL = 3
    TAG = 4


@dataclass(frozen=True)
class ModuleImport:
    """Import of a core module.

    Attributes:
        module: The first name.
        name: The second name.
        kind: Its kind.
        type: Its type: of a function ``i32 i64 -> i32``, of a global ``i32`` or ``mut i32``, of a memory or a table the
            words ``shared`` and ``64-bit`` where they apply; empty for a tag.
    """

    module: str
    name: str
    kind: ImportKind
    type: str


@dataclass(frozen=True)
class SideModule:
    """Interface of a side module.

    Attributes:
        imports: Its imports.
        exports: The names of its exports.
        needed: The names of the libraries that its loader loads before.
    """

    imports: tuple[ModuleImport, ...]
    exports: frozenset[str]
    needed: tuple[str, ...]


@dataclass(frozen=True)
class Lowered:
    """Side module without exception handling.

    Attributes:
        module: Its bytes.
        throws: Positions of the instructions `throw` outside of handlers, in bytes from the start of the original.
    """

    module: bytes
    throws: tuple[int, ...]


def read(data: bytes) -> SideModule:
    """Return the interface of a side module.

    Raises:
        ComponentError: The data is not a side module, or is damaged.
    """
    types: list[str] = []
    imports: list[ModuleImport] = []
    exports: list[str] = []
    needed: list[str] = []
    for code, section in sections(data):
        if code == _CUSTOM and section.name() == _DYNAMIC:
            needed += _needed(section)
        elif code == _TYPES:
            types += [signature(function_type(section)) for _ in range(section.count())]
        elif code == _IMPORTS:
            imports += [read_import(section, types) for _ in range(section.count())]
        elif code == _EXPORTS:
            for _ in range(section.count()):
                exports.append(section.name())
                section.byte()
                section.u32()
    return SideModule(tuple(imports), frozenset(exports), tuple(needed))


def lower(data: bytes, names: Mapping[str, str]) -> Lowered:
    """Return a side module whose exceptions are traps, with other names of imports and without debugging information.

    Every section is read once. Only sections that change are written again; what is left over is for the engine to
    validate.

    Args:
        data: The module.
        names: Name of a function imported from ``env`` or ``GOT.func`` -> its new name.

    Raises:
        UnknownInstructionError: An instruction is unknown.
        ComponentError: The data is not a side module, or is damaged.
    """
    throws: list[int] = []

    def code_of(section: Reader) -> bytes:
        bodies = []
        for _ in range(section.count()):
            body = section.part(section.u32(), "a function")
            lowered = _body(body, throws)
            bodies += [uleb128(len(lowered)), lowered]
        return uleb128(len(bodies) // 2) + b"".join(bodies)

    rewritten: dict[int, Callable[[Reader], bytes]] = {
        _TYPES: lambda section: vector([_encoded(function_type(section)) for _ in range(section.count())]),
        _IMPORTS: lambda section: _imports(section, names),
        _EXPORTS: _exports,
        _CODE: code_of,
    }
    out = [MODULE_PREAMBLE]
    for code, section in sections(data):
        if code == _TAGS:
            continue
        content: bytes | memoryview
        if code == _CUSTOM:
            start = section.position
            if section.name() != _DYNAMIC:
                continue
            content = bytes(section.data[start : section.position]) + _dynamic(section, names)
        elif code in rewritten:
            content = rewritten[code](section)
            section.finish(f"section {code}")
        else:
            content = section.data[section.position : section.end]
        out += [bytes([code]), uleb128(len(content)), bytes(content)]
    return Lowered(b"".join(out), tuple(throws))


def sections(data: bytes) -> Iterator[tuple[int, Reader]]:
    """Yield the code and the content of each section.

    Raises:
        ComponentError: The data is not a core module, or its first section is not ``dylink.0``.
    """
    if data[:8] != MODULE_PREAMBLE:
        raise ComponentError("not a core WebAssembly module", offset=0)
    reader = Reader(memoryview(data), 8, len(data))
    first = True
    while reader.position < reader.end:
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if first:
            is_dynamic = code == _CUSTOM and Reader(section.data, section.position, section.end).name() == _DYNAMIC
            if not is_dynamic:
                raise ComponentError(f"not a side module: its first section is not `{_DYNAMIC}`", offset=8)
            first = False
        yield code, section
    if first:
        raise ComponentError(f"not a side module: its first section is not `{_DYNAMIC}`", offset=8)


def function_type(section: Reader) -> tuple[list[bytes], list[bytes]]:
    """Read the type of a function; return its parameters and results."""
    start = section.position
    if section.byte() != 0x60:
        raise section.fail("a type that is not the type of a function is not supported", start)
    params = [value_type(section) for _ in range(section.count())]
    return params, [value_type(section) for _ in range(section.count())]


def _encoded(function: tuple[list[bytes], list[bytes]]) -> bytes:
    return b"\x60" + vector(function[0]) + vector(function[1])


def signature(function: tuple[list[bytes], list[bytes]]) -> str:
    """Return the type of a function as a text, ``i32 i64 -> i32``."""
    params, results = (" ".join(_TEXT.get(kind[0], "ref") for kind in kinds) for kinds in function)
    return f"{params} -> {results}".strip()


def read_import(section: Reader, types: list[str]) -> ModuleImport:
    """Read an import, given the signatures of the types of functions."""
    module, item = section.name(), section.name()
    start = section.position
    code = section.byte()
    if code > ImportKind.TAG.value:
        raise section.fail(f"an import of the unknown kind {code}", start)
    kind = ImportKind(code)
    described = ""
    if kind is ImportKind.FUNCTION:
        index = section.u32()
        if index >= len(types):
            raise section.fail(f"the function `{item}` has the type {index}, of {len(types)}", start)
        described = types[index]
    elif kind is ImportKind.GLOBAL:
        described = _TEXT.get(value_type(section)[0], "ref")
        described = f"mut {described}" if section.byte() else described
    elif kind is ImportKind.TAG:
        section.byte()
        section.u32()
    else:
        described = _limits(section, has_element=kind is ImportKind.TABLE)
    return ModuleImport(module, item, kind, described)


def _limits(section: Reader, *, has_element: bool) -> str:
    words = [_TEXT.get(value_type(section)[0], "ref")] if has_element else []
    flags = section.byte()
    words += [word for bit, word in ((2, "shared"), (4, "64-bit"), (8, "of another page size")) if flags & bit]
    _skip_number(section)
    if flags & 1:
        _skip_number(section)
    if flags & 8:
        section.u32()
    return " ".join(words)


def _skip_number(section: Reader) -> None:
    """Skip a number of up to 64 bits."""
    for _ in range(10):
        if section.byte() < 0x80:
            return
    raise section.fail("a number is longer than ten bytes")


def _imports(section: Reader, names: Mapping[str, str]) -> bytes:
    kept = []
    for _ in range(section.count()):
        module, item, start = section.name(), section.name(), section.position
        kind = section.byte()
        if kind == ImportKind.FUNCTION.value:
            section.u32()
        elif kind == ImportKind.TABLE.value:
            _limits(section, has_element=True)
        elif kind == ImportKind.MEMORY.value:
            _limits(section, has_element=False)
        elif kind == ImportKind.GLOBAL.value:
            value = value_type(section)
            kept.append(name(module) + name(_renamed(module, item, names)) + bytes([kind]) + value)
            kept[-1] += bytes([section.byte()])
            continue
        elif kind == ImportKind.TAG.value:
            section.byte()
            section.u32()
            continue
        else:
            raise section.fail(f"an import of the unknown kind {kind}", start)
        content = bytes(section.data[start : section.position])
        kept.append(name(module) + name(_renamed(module, item, names)) + content)
    return vector(kept)


def _renamed(module: str, item: str, names: Mapping[str, str]) -> str:
    return names.get(item, item) if module in (ENVIRONMENT, FUNCTION_OFFSETS) else item


def _exports(section: Reader) -> bytes:
    kept = []
    for _ in range(section.count()):
        start = section.position
        section.skip_name()
        kind = section.byte()
        section.u32()
        if kind != ImportKind.TAG.value:
            kept.append(bytes(section.data[start : section.position]))
    return vector(kept)


def _body(body: Reader, throws: list[int]) -> bytes:
    """Return a function without exception handling, its locals included."""
    start = body.position
    changed = False
    locals_ = []
    for _ in range(body.count()):
        begun = body.position
        body.u32()
        after = body.position
        kind = value_type(body)
        locals_.append(bytes(body.data[begun:after]) + kind)
        changed |= kind == EXTERNREF
    declared = vector(locals_) if changed else bytes(body.data[start : body.position])
    lowered = without_exceptions(body.data, body.position, body.end)
    throws += lowered.throws
    return declared + lowered.code


def _subsections(section: Reader) -> Iterator[tuple[int, Reader]]:
    while section.position < section.end:
        code = section.byte()
        yield code, section.part(section.u32(), f"subsection {code} of `{_DYNAMIC}`")


def _needed(section: Reader) -> list[str]:
    found = []
    for code, part in _subsections(section):
        if code == _NEEDED:
            found += [part.name() for _ in range(part.count())]
    return found


def _dynamic(section: Reader, names: Mapping[str, str]) -> bytes:
    """Return the content of ``dylink.0`` with the new names of imports."""
    out = []
    for code, part in _subsections(section):
        content = bytes(part.data[part.position : part.end])
        if code == _IMPORT_INFO:
            entries = []
            for _ in range(part.count()):
                module, item = part.name(), part.name()
                entries.append(name(module) + name(_renamed(module, item, names)) + uleb128(part.u32()))
            content = vector(entries)
        out += [bytes([code]), uleb128(len(content)), content]
    return b"".join(out)


_FUNCTION = 0  # kind of an export
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Original:
    """Function of a module that another one stands for.

    Attributes:
        index: Its index.
        params: The number of its parameters.
        variables: The index of the first added global.
    """

    index: int
    params: int
    variables: int


Body = Callable[[Original], bytes]
"""Makes the instructions of a function, without locals and the closing `end`."""


@dataclass
class _Indices:
    """Index spaces of a module.

    Attributes:
        types: The number of parameters, by type.
        functions: The type, by function.
        globals: The number of globals.
        imports: The index of a function, by interface without version and name.
        exports: The index of a function, by name.
    """

    types: list[int]
    functions: list[int]
    globals: int
    imports: dict[tuple[str, str], int]
    exports: dict[str, int]


def interpose(
    data: bytes,
    variables: Sequence[tuple[int, bytes]],
    imports: Mapping[tuple[str, str], Body],
    exports: Mapping[str, Body],
) -> bytes:
    """Return a side module with other functions in the place of some that it imports and exports.

    Args:
        data: The module; it has functions and globals of its own.
        variables: Mutable globals to add: value type and initial value, as a constant expression without `end`.
        imports: Interface without its version, and name of a function -> the function that the module calls instead.
        exports: Name of a function -> the function that is exported instead.

    Raises:
        UnknownInstructionError: An instruction is unknown.
        ComponentError: The data is not a side module, lacks one of the functions, or is damaged.
    """
    found = _read(data)
    called = {_index(found.imports, key, "import"): body for key, body in imports.items()}
    exported = {_index(found.exports, key, "export"): body for key, body in exports.items()}
    types: list[bytes] = []
    bodies: list[bytes] = []
    for index, body in (*called.items(), *exported.items()):
        type_ = found.functions[index]
        content = b"\x00" + body(Original(index, found.types[type_], found.globals)) + b"\x0b"
        types.append(uleb128(type_))
        bodies.append(uleb128(len(content)) + content)
    first = len(found.functions)
    calls = {index: first + place for place, index in enumerate(called)}
    renumbered = {index: first + len(called) + place for place, index in enumerate(exported)}
    added = [bytes([type_, 1]) + initial + b"\x0b" for type_, initial in variables]
    rewritten: dict[int, Callable[[Reader], bytes]] = {
        _FUNCTIONS: lambda section: _longer(section, types),
        _GLOBALS: lambda section: _longer(section, added),
        _EXPORTS: lambda section: _interposed_exports(section, renumbered),
        _CODE: lambda section: _code(section, calls, bodies),
    }
    out = [MODULE_PREAMBLE]
    for kind, section in sections(data):
        content = bytes(section.data[section.position : section.end])
        content = rewritten[kind](section) if kind in rewritten else content
        out += [bytes([kind]), uleb128(len(content)), content]
    return b"".join(out)


def _read(data: bytes) -> _Indices:
    """Return the index spaces of a module."""
    found = _Indices([], [], 0, {}, {})
    signatures: list[str] = []
    for code, section in sections(data):
        if code == _TYPES:
            types = [function_type(section) for _ in range(section.count())]
            found.types = [len(params) for params, _ in types]
            signatures = [signature(one) for one in types]
        elif code == _IMPORTS:
            for _ in range(section.count()):
                one = read_import(section, signatures)
                if one.kind is ImportKind.FUNCTION:
                    found.imports[one.module.partition("@")[0], one.name] = len(found.functions)
                    found.functions.append(signatures.index(one.type))
                elif one.kind is ImportKind.GLOBAL:
                    found.globals += 1
        elif code == _FUNCTIONS:
            found.functions += [section.u32() for _ in range(section.count())]
        elif code == _GLOBALS:
            found.globals += section.count()
        elif code == _EXPORTS:
            for _ in range(section.count()):
                item, kind, index = section.name(), section.byte(), section.u32()
                if kind == _FUNCTION:
                    found.exports[item] = index
    return found


def _index(known: Mapping[_Key, int], key: _Key, verb: str) -> int:
    if key not in known:
        raise ComponentError(f"the module does not {verb} the function {key!r}")
    return known[key]


def _longer(section: Reader, added: Sequence[bytes]) -> bytes:
    """Return a vector with more items at its end."""
    count = section.count() + len(added)
    return uleb128(count) + bytes(section.data[section.position : section.end]) + b"".join(added)


def _interposed_exports(section: Reader, renumbered: Mapping[int, int]) -> bytes:
    kept = []
    for _ in range(section.count()):
        item, kind, index = section.name(), section.byte(), section.u32()
        index = renumbered.get(index, index) if kind == _FUNCTION else index
        kept.append(name(item) + bytes([kind]) + uleb128(index))
    return vector(kept)


def _code(section: Reader, calls: Mapping[int, int], added: Sequence[bytes]) -> bytes:
    # Most functions contain none of these bytes, and need not be read.
    may_call = re.compile(b"|".join(b"[\\x10\\x12]" + _padded(index) for index in calls))
    bodies: list[bytes | memoryview] = []
    for _ in range(section.count()):
        body = section.part(section.u32(), "a function")
        content = section.data[body.position : body.end]
        if may_call.search(content):
            start = body.position
            for _ in range(body.count()):
                body.u32()
                value_type(body)
            locals_ = section.data[start : body.position]
            content = memoryview(bytes(locals_) + with_calls(section.data, body.position, body.end, calls))
        bodies += [uleb128(len(content)), content]
    return uleb128(len(bodies) // 2 + len(added)) + b"".join([*bodies, *added])


def _padded(index: int) -> bytes:
    """Return a pattern of a number in LEB128, which linkers pad to five bytes."""
    encoded = uleb128(index)
    high, last = re.escape(encoded[:-1]), encoded[-1]
    return high + b"(?:%s|%s\\x80*\\x00)" % (re.escape(bytes([last])), re.escape(bytes([last | 0x80])))
