"""Custom sections: data in a component that engines ignore and tools read.

Source: component-model, design/mvp/Binary.md, "Component Definitions"; core WebAssembly, binary format, "Custom
Section".
"""

from __future__ import annotations

from wasmcp.component.binary_reader import Reader
from wasmcp.component.binary_writer import COMPONENT_PREAMBLE, name, uleb128
from wasmcp.component.builder import Chunk


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
