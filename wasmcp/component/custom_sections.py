"""Custom sections: data in a component that engines ignore and tools read, such as names of functions.

The name section has names of the items nested in a component, for people; an invalid one is ignored. Function names,
DWARF and producers are debugging information, which can be removed. The section `wasmcp-licenses` has the texts of the
licences of the packages inside a component, since most licences ask for their text to go with every copy: its content
is a JSON object, package URL with version -> name of the file -> text. A composed server has the sections of its
components.

Source: component-model, design/mvp/Binary.md, "Component Definitions", "Name Section"; core WebAssembly, binary format,
"Custom Section"; tool-conventions, "Debugging" and "Producers".

Engines name the functions of a backtrace by the name section of their module, which makes a component larger. A digest
of the code identifies a module without its names, also after its imports and exports were renamed, and in any
composition.

Source: core WebAssembly, binary format, "Code Section" and appendix "Custom Sections", "Name Section"; tool
conventions, "DynamicLinking" (``dylink.0``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from wasmcp.component.binary_format import COMPONENT_PREAMBLE, MODULE_PREAMBLE, Reader, Sort, name, uleb128, vector
from wasmcp.component.builder import Chunk
from wasmcp.errors import ComponentError


def custom_section(section_name: str, content: bytes) -> bytes:
    """Return an encoded custom section, to be appended to a component."""
    body = name(section_name) + content
    return b"\0" + uleb128(len(body)) + body


def custom_sections(data: Chunk, section_name: str) -> list[bytes]:
    """Return the contents of the outermost component's custom sections with one name, in order.

    Args:
        data: The component. Its preamble is not checked.
        section_name: The name.

    Raises:
        ComponentError: The component is damaged.
    """
    view = memoryview(data).cast("B") if not isinstance(data, memoryview) else data
    reader = Reader(view, len(COMPONENT_PREAMBLE), len(view))
    found: list[bytes] = []
    while reader.position < reader.end:
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code == 0 and section.name() == section_name:
            found.append(bytes(section.data[section.position : section.end]))
    return found


def without_sections(data: bytes, section_name: str) -> bytes:
    """Return a component without the outermost component's custom sections of one name.

    Raises:
        ComponentError: The component is damaged.
    """
    view = memoryview(data)
    reader = Reader(view, len(COMPONENT_PREAMBLE), len(view))
    kept: list[Chunk] = [view[: len(COMPONENT_PREAMBLE)]]
    removed = False
    while reader.position < reader.end:
        begun = reader.position
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code == 0 and section.name() == section_name:
            removed = True
        else:
            kept.append(view[begun : reader.position])
    return b"".join(kept) if removed else data


SECTION = "component-name"
_SORT_NAMES = 1  # the subsection


def name_section(entries: Mapping[Sort, Sequence[tuple[int, str]]]) -> bytes:
    """Return the content of the section: the indices and names of every sort; empty without names."""
    body = b""
    for sort, names in entries.items():
        if names:
            content = sort.value + vector([uleb128(index) + name(text) for index, text in names])
            body += bytes((_SORT_NAMES,)) + uleb128(len(content)) + content
    return body


def read_names(section: Reader, sort: Sort) -> dict[int, str]:
    """Return the names of one sort by index from a custom section; empty for another or an invalid section."""
    names: dict[int, str] = {}
    try:
        if section.name() != SECTION:
            return {}
        while section.position < section.end:
            kind = section.byte()
            part = section.part(section.u32(), "the subsection")
            if kind == _SORT_NAMES and bytes(part.byte() for _ in sort.value) == sort.value:
                names.update((part.u32(), part.name()) for _ in range(part.count()))
    except ComponentError:
        return {}
    return names


_CUSTOM, _MODULE, _COMPONENT = 0, 1, 4
_MAX_LEVELS = 8
_NAMES = ("name", "component-name")
_NEEDLESS = ("producers", "target_features")


def strip(data: Chunk, *, names: bool = False) -> bytes:
    """Return a component without the names and the debug information of everything nested in it.

    Its own custom sections stay, because they can be metadata of a package. Sections that a loader reads (``dylink.0``)
    stay too.

    Args:
        data: The component.
        names: Keep the names.

    Raises:
        ComponentError: The data is not a component, or is damaged.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:8]) != COMPONENT_PREAMBLE:
        raise ComponentError("not a component", offset=0)
    return COMPONENT_PREAMBLE + b"".join(
        _sections(Reader(view, 8, len(view)), 0, _NEEDLESS if names else (*_NEEDLESS, *_NAMES))
    )


def _sections(reader: Reader, level: int, needless: Collection[str]) -> list[bytes]:
    if level > _MAX_LEVELS:
        raise reader.fail(f"components are nested more than {_MAX_LEVELS} levels deep")
    parts: list[bytes] = []
    while reader.position < reader.end:
        begun = reader.position
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        preamble = bytes(section.data[section.position : section.position + 8])
        if code == _CUSTOM and level and _is_needless(section, needless):
            continue
        if code in (_MODULE, _COMPONENT):
            section.position += 8
            below = _sections(section, level + 1, needless) if code == _COMPONENT else _module(section, needless)
            size = 8 + sum(map(len, below))
            parts += [bytes([code]), uleb128(size), preamble, *below]
        else:
            parts.append(bytes(reader.data[begun : reader.position]))
    return parts


def _module(reader: Reader, needless: Collection[str]) -> list[bytes]:
    parts = []
    while reader.position < reader.end:
        begun = reader.position
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code != _CUSTOM or not _is_needless(section, needless):
            parts.append(bytes(reader.data[begun : reader.position]))
    return parts


def _is_needless(section: Reader, needless: Collection[str]) -> bool:
    name = section.name()
    return name in needless or name.startswith(".debug")


LICENSES = "wasmcp-licenses"

_MOST_LEVELS = 8

Texts = Mapping[str, Mapping[str, str]]
"""Package URL -> name of the file -> text."""


def license_section(texts: Texts) -> bytes:
    """Return the custom section, to append to a component; empty bytes without texts."""
    if not any(texts.values()):
        return b""
    content = {purl: dict(sorted(files.items())) for purl, files in sorted(texts.items()) if files}
    return custom_section(LICENSES, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def license_texts(data: Chunk) -> Texts:
    """Return the texts in a component and in the components nested in it.

    Malformed sections and entries are ignored, and so is what follows damage in the component.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:8]) != COMPONENT_PREAMBLE:
        return {}
    found: dict[str, dict[str, str]] = {}
    try:
        for content in _license_sections(Reader(view, 8, len(view)), 0):
            for purl, files in _read_licenses(content).items():
                found.setdefault(purl, {}).update(files)
    except ComponentError:
        return found
    return found


def _license_sections(reader: Reader, level: int) -> Iterator[bytes]:
    while reader.position < reader.end:
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code == _CUSTOM and section.name() == LICENSES:
            yield bytes(section.data[section.position : section.end])
        elif code == _COMPONENT and level < _MOST_LEVELS:
            section.position += 8
            yield from _license_sections(section, level + 1)


def _read_licenses(content: bytes) -> dict[str, dict[str, str]]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    entries = said.items() if isinstance(said, dict) else ()
    return {
        purl: {name: text for name, text in files.items() if isinstance(text, str)}
        for purl, files in entries
        if isinstance(files, dict)
    }


_EXPORT, _CODE = 7, 10
_FUNCTION_NAMES = 1  # the subsection
_FUNCTION = 0  # the sort of an export


@dataclass(frozen=True)
class CoreModule:
    """Core module with code, somewhere in a component.

    Attributes:
        start: The offset of its first byte.
        end: The offset after its last byte.
        code: The content of its code section.
        sections: Its custom sections by name.
        exports: Its export section; None without one.
    """

    start: int
    end: int
    code: memoryview
    sections: dict[str, Reader]
    exports: Reader | None

    @property
    def digest(self) -> str:
        """The digest of its code, in hexadecimal."""
        return sha256(self.code).hexdigest()

    def names(self) -> bytes:
        """Return its function names, in the form of the subsection; empty without any.

        A shared library without a name section has the names of its exported functions.

        Raises:
            ComponentError: A section is damaged.
        """
        section = self.sections.get("name")
        if section is not None:
            section = Reader(section.data, section.position, section.end)
            while section.position < section.end:
                kind = section.byte()
                part = section.part(section.u32(), "the subsection")
                if kind == _FUNCTION_NAMES:
                    return bytes(part.data[part.position : part.end])
            return b""
        exports = self.exports if "dylink.0" in self.sections else None
        found: dict[int, str] = {}
        if exports is not None:
            exports = Reader(exports.data, exports.position, exports.end)
            for _ in range(exports.count()):
                text, sort, index = exports.name(), exports.byte(), exports.u32()
                if sort == _FUNCTION:
                    found.setdefault(index, text)
        return vector([uleb128(index) + name(text) for index, text in sorted(found.items())]) if found else b""


def core_modules(data: Chunk) -> Iterator[CoreModule]:
    """Find the core modules with code in a component and in those nested in it.

    Raises:
        ComponentError: The data is not a component, or is damaged.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:8]) != COMPONENT_PREAMBLE:
        raise ComponentError("not a component", offset=0)
    yield from _nested(Reader(view, 8, len(view)), 0)


def _nested(reader: Reader, level: int) -> Iterator[CoreModule]:
    if level > _MAX_LEVELS:
        raise reader.fail(f"components are nested more than {_MAX_LEVELS} levels deep")
    while reader.position < reader.end:
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code == _COMPONENT:
            section.position = min(section.position + len(COMPONENT_PREAMBLE), section.end)
            yield from _nested(section, level + 1)
        elif code == _MODULE and (found := _core_module(section)) is not None:
            yield found


def _core_module(reader: Reader) -> CoreModule | None:
    start = reader.position
    reader.position = min(start + len(MODULE_PREAMBLE), reader.end)
    code: memoryview | None = None
    sections: dict[str, Reader] = {}
    exports: Reader | None = None
    while reader.position < reader.end:
        kind = reader.byte()
        section = reader.part(reader.u32(), f"section {kind}")
        if kind == _CODE:
            code = section.data[section.position : section.end]
        elif kind == _EXPORT:
            exports = section
        elif kind == _CUSTOM:
            sections[section.name()] = section
    return None if code is None else CoreModule(start, reader.end, code, sections, exports)


def function_names(data: Chunk) -> dict[str, bytes]:
    """Return the function names of each core module that has any, by the digest of its code.

    Raises:
        ComponentError: The data is not a component, or is damaged.
    """
    found: dict[str, bytes] = {}
    for module in core_modules(data):
        names = module.names()
        if names:
            found[module.digest] = names
    return found


def read_function_names(content: bytes) -> dict[int, str]:
    """Return the names by the index of the function; empty for content that is not valid."""
    reader = Reader(memoryview(content), 0, len(content))
    try:
        return {reader.u32(): reader.name() for _ in range(reader.count())}
    except ComponentError:
        return {}
