"""Minifier of components: short names for core items and nested imports, and merged sections.

Imports and exports of core modules are matched by name alone (component-model, design/mvp/Explainer.md, "Instance
Definitions"), so any renaming works that is applied on both sides. Tools name them after interfaces, in full, once for
every function and on both sides. The same is true of the imports of nested components, to which tools pass the types of
an exported interface. The imports and exports of the outermost component keep their names: they are its contract.

It makes the framework and components in Zig a tenth smaller. Optimisers of WebAssembly (`wasm-opt`) read core modules
only. The module can be removed when wasm-tools or an optimiser shortens the names inside components.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby

from wasmcp.component.binary_format import (
    COMPONENT_PREAMBLE,
    MODULE_PREAMBLE,
    Reader,
    extern_name,
    name,
    uleb128,
    vector,
)
from wasmcp.component.builder import Chunk
from wasmcp.component.decode import read_canonical
from wasmcp.component.type_section import read_extern_name
from wasmcp.errors import ComponentError

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_ANY = _LOWER + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_PLAIN = re.compile("[a-z0-9-]+")
_MODULE, _CORE_INSTANCE, _CORE_TYPE, _COMPONENT, _INSTANCE, _ALIAS, _CANON, _IMPORT, _EXPORT = (
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    11,
)
_LIFT = 0x00
_MAX_LEVELS = 8


class _Names:
    """Mapping of old names to new ones: first all names are counted, then the most frequent get the shortest."""

    def __init__(self, letters: str) -> None:
        self._letters = letters
        self._used: Counter[str] = Counter()
        self._short: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        """Return the new name; while names are counted, the old one."""
        if self._short:
            return self._short[text]
        self._used[text] += 1
        return text

    def choose(self) -> None:
        """End the counting. Of equally frequent names the first one seen is first, so the result is deterministic."""
        self._short = {text: self._nth(index) for index, (text, _) in enumerate(self._used.most_common())}

    def _nth(self, index: int) -> str:
        text = ""
        while True:
            text = self._letters[index % len(self._letters)] + text
            index = index // len(self._letters) - 1
            if index < 0:
                return text


class _Scope:
    """Names of core items and of the imports of nested components, and the current depth of nesting."""

    def __init__(self) -> None:
        self.core = _Names(_ANY)
        self.imports = _Names(_LOWER)  # labels in kebab case: letters that differ only in case are equal
        self.level = 0

    def argument(self, text: str) -> str:
        """Return the new name of a nested component's import. Names of interfaces do not change."""
        return self.imports(text) if _PLAIN.fullmatch(text) else text


def shorten(data: Chunk) -> bytes:
    """Make a component smaller without changing its imports, exports or behaviour.

    Args:
        data: A valid component as produced by `wasm-tools`. A component that declares types of core modules, whose
            names are a contract, is returned unchanged.

    Raises:
        ComponentError: The data is not a component, or is damaged.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:8]) != COMPONENT_PREAMBLE:
        raise ComponentError("not a component", offset=0)
    scope = _Scope()
    try:
        _component(Reader(view, 8, len(view)), scope)
    except _NamesMatterError:
        return bytes(view)
    scope.core.choose()
    scope.imports.choose()
    return COMPONENT_PREAMBLE + _component(Reader(view, 8, len(view)), scope)


class _NamesMatterError(Exception):
    """Names of core imports or exports are visible from outside."""


def _component(reader: Reader, scope: _Scope) -> bytes:
    if scope.level > _MAX_LEVELS:
        raise reader.fail(f"components are nested more than {_MAX_LEVELS} levels deep")
    sections = []
    for code, section in _sections(reader):
        if code == _CORE_TYPE:
            raise _NamesMatterError
        if code == _MODULE:
            content = _module(section, scope.core)
        elif code == _COMPONENT:
            start = section.position
            section.position += 8
            scope.level += 1
            content = bytes(section.data[start : section.position]) + _component(section, scope)
            scope.level -= 1
        elif code in _ITEMS:
            sections.append((code, [_item(section, scope, code) for _ in range(section.count())]))
            continue
        else:
            content = bytes(section.data[section.position : section.end])
        sections.append((code, [content]))
    return b"".join(_encoded(_gathered(sections)))


def _sections(reader: Reader) -> Iterator[tuple[int, Reader]]:
    while reader.position < reader.end:
        code = reader.byte()
        yield code, reader.part(reader.u32(), f"section {code}")


def _gathered(sections: list[tuple[int, list[bytes]]]) -> Iterator[tuple[int, list[bytes]]]:
    """Move aliases of functions and types before the lowered functions next to them; their index spaces differ."""
    waiting: list[tuple[int, list[bytes]]] = []
    for code, items in sections:
        if code == _CANON and all(item[0] != _LIFT for item in items):
            waiting.append((code, items))
        elif waiting and code == _ALIAS and all(item[0] != 0x00 for item in items):
            yield code, items
        else:
            yield from waiting
            waiting = []
            yield code, items
    yield from waiting


def _encoded(sections: Iterator[tuple[int, list[bytes]]]) -> Iterator[bytes]:
    for code, group in groupby(sections, lambda section: section[0]):
        if code in _ITEMS:
            contents = [vector([item for _, items in group for item in items])]
        else:
            contents = [item for _, items in group for item in items]
        for content in contents:
            yield bytes((code,)) + uleb128(len(content)) + content


def _item(section: Reader, scope: _Scope, code: int) -> bytes:
    start = section.position
    changed = _ITEMS[code](section, scope)
    return bytes(section.data[start : section.position]) if changed is None else changed


def _core_instance(section: Reader, scope: _Scope) -> bytes:
    kind = section.byte()
    if kind == 0x00:
        begin = b"\x00" + uleb128(section.u32())
    elif kind == 0x01:
        begin = b"\x01"
    else:
        raise section.fail(f"0x{kind:02x} does not begin a core instance")
    return begin + vector([_core_item(section, scope.core) for _ in range(section.count())])


def _core_item(section: Reader, rename: _Names) -> bytes:
    """Rewrite a name, a sort and an index."""
    return name(rename(section.name())) + bytes((section.byte(),)) + uleb128(section.u32())


def _instance(section: Reader, scope: _Scope) -> bytes | None:
    if section.byte() == 0x01:
        for _ in range(section.count()):
            read_extern_name(section)
            _reference(section)
        return None
    begin = b"\x00" + uleb128(section.u32())
    arguments = []
    for _ in range(section.count()):
        label = name(scope.argument(section.name()))
        start = section.position
        _reference(section)
        arguments.append(label + bytes(section.data[start : section.position]))
    return begin + vector(arguments)


def _reference(section: Reader) -> None:
    if section.byte() == 0x00:
        raise _NamesMatterError
    section.u32()


def _alias(section: Reader, scope: _Scope) -> bytes | None:
    sort = section.byte()
    core = section.byte() if sort == 0x00 else 0
    if core == 0x11 or sort == 0x04:
        raise _NamesMatterError
    target = section.byte()
    if target == 0x01:
        return bytes((sort, core, target)) + uleb128(section.u32()) + name(scope.core(section.name()))
    section.u32()
    if target == 0x00:
        section.skip_name()
    else:
        section.u32()
    return None


def _canon(section: Reader, _: _Scope) -> None:
    read_canonical(section)


def _import(section: Reader, scope: _Scope) -> bytes | None:
    text = read_extern_name(section)
    start = section.position
    kind = section.byte()
    if kind in (0x00, 0x04):
        raise _NamesMatterError
    if kind != 0x03 or section.byte() != 0x01:
        section.u32()
    return extern_name(scope.argument(text)) + bytes(section.data[start : section.position]) if scope.level else None


def _export(section: Reader, _: _Scope) -> None:
    """Check an export of the outermost or of a nested component; nothing is rewritten."""
    read_extern_name(section)
    sort = section.byte()
    if sort in (0x00, 0x04):
        raise _NamesMatterError
    section.u32()
    if section.byte():
        kind = section.byte()
        if kind != 0x03 or section.byte() != 0x01:
            section.u32()


_ITEMS: dict[int, Callable[[Reader, _Scope], bytes | None]] = {
    _CORE_INSTANCE: _core_instance,
    _INSTANCE: _instance,
    _ALIAS: _alias,
    _CANON: _canon,
    _IMPORT: _import,
    _EXPORT: _export,
}


def _module(section: Reader, rename: _Names) -> bytes:
    out = [MODULE_PREAMBLE]
    section.position += len(MODULE_PREAMBLE)
    for code, part in _sections(section):
        if code == 2:
            content = vector([_core_import(part, rename) for _ in range(part.count())])
        elif code == 7:
            content = vector([_core_item(part, rename) for _ in range(part.count())])
        else:
            content = bytes(part.data[part.position : part.end])
        out.append(bytes((code,)) + uleb128(len(content)) + content)
    return b"".join(out)


def _core_import(part: Reader, rename: _Names) -> bytes:
    names = name(rename(part.name())) + name(rename(part.name()))
    start = part.position
    kind = part.byte()
    if kind == 0x01:  # a table: the type of its elements, then limits
        part.byte()
    if kind == 0x03:
        part.byte()
        part.byte()
    elif kind == 0x00:
        part.u32()
    else:
        flags = part.byte()
        part.u32()
        if flags & 1:
            part.u32()
    return names + bytes(part.data[start : part.position])
