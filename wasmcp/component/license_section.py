"""Custom section with the texts of the licences of the packages inside a component.

Most licences ask for their text to go with every copy. The section is called `wasmcp-licenses`; its content is a JSON
object: package URL with version -> name of the file -> text. A composed server has the sections of its components.
Source: component-model, design/mvp/Binary.md (custom sections).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from wasmcp.component.binary_reader import Reader
from wasmcp.component.binary_writer import COMPONENT_PREAMBLE
from wasmcp.component.builder import Chunk
from wasmcp.component.custom_sections import custom_section
from wasmcp.errors import ComponentError

SECTION = "wasmcp-licenses"

_CUSTOM, _COMPONENT = 0, 4
_MOST_LEVELS = 8

Texts = Mapping[str, Mapping[str, str]]
"""Package URL -> name of the file -> text."""


def license_section(texts: Texts) -> bytes:
    """Return the custom section, to append to a component; empty bytes without texts."""
    if not any(texts.values()):
        return b""
    content = {purl: dict(sorted(files.items())) for purl, files in sorted(texts.items()) if files}
    return custom_section(SECTION, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def license_texts(data: Chunk) -> Texts:
    """Return the texts in a component and in the components nested in it.

    Malformed sections and entries are ignored, and so is what follows damage in the component.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:8]) != COMPONENT_PREAMBLE:
        return {}
    found: dict[str, dict[str, str]] = {}
    try:
        for content in _sections(Reader(view, 8, len(view)), 0):
            for purl, files in _read(content).items():
                found.setdefault(purl, {}).update(files)
    except ComponentError:
        return found
    return found


def _sections(reader: Reader, level: int) -> Iterator[bytes]:
    while reader.position < reader.end:
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code == _CUSTOM and section.name() == SECTION:
            yield bytes(section.data[section.position : section.end])
        elif code == _COMPONENT and level < _MOST_LEVELS:
            section.position += 8
            yield from _sections(section, level + 1)


def _read(content: bytes) -> dict[str, dict[str, str]]:
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
