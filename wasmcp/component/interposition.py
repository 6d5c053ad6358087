"""Interposition: functions of a side module that are called in the place of its imports and exports.

The functions are added behind those of the module, so that no index changes. Calls through a table still reach the
original.

Source: core specification 3.0, 5.5 (Modules).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from wasmcp.component.binary_format import MODULE_PREAMBLE, Reader, name, uleb128, vector
from wasmcp.component.instructions import value_type, with_calls
from wasmcp.component.side_module import ImportKind, function_type, read_import, sections, signature
from wasmcp.errors import ComponentError

_TYPES, _IMPORTS, _FUNCTIONS, _GLOBALS, _EXPORTS, _CODE = 1, 2, 3, 6, 7, 10
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
        _EXPORTS: lambda section: _exports(section, renumbered),
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


def _exports(section: Reader, renumbered: Mapping[int, int]) -> bytes:
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
