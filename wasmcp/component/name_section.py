"""Custom section with names of the items nested in a component, for people to read.

Source: component-model, design/mvp/Binary.md, "Name Section". An invalid section is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wasmcp.component.binary_reader import Reader
from wasmcp.component.binary_writer import Sort, name, uleb128, vector
from wasmcp.errors import ComponentError

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
