"""Custom sections: data in a component that engines ignore and tools read.

The name section has names of the items nested in a component, for people; an invalid one is ignored. Function names,
DWARF and producers are debugging information, which can be removed.

Source: component-model, design/mvp/Binary.md, "Component Definitions", "Name Section"; core WebAssembly, binary format,
"Custom Section"; tool-conventions, "Debugging" and "Producers".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from wasmcp.component.binary_reader import Reader
from wasmcp.component.binary_writer import COMPONENT_PREAMBLE, Sort, name, uleb128, vector
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
