"""What a composed part of a server offers, said in a custom section of the part.

A link of the chain answers what it likes, and its type does not tell what: so a part that was composed of components
that offer prompts says so, and the server that it becomes part of can announce it.
"""

from __future__ import annotations

from collections.abc import Iterable

from wasmcp.component.reader import Reader
from wasmcp.component.writer import COMPONENT_PREAMBLE, name, uleb128, vector
from wasmcp.compose.contracts import CAPABILITY_NAMES
from wasmcp.errors import ComponentError

SECTION = "wasmcp-offers"


def declaration(capabilities: Iterable[str]) -> bytes:
    """Return the section: the names of capabilities, sorted.

    Args:
        capabilities: of `CAPABILITY_NAMES`.
    """
    content = name(SECTION) + vector([name(capability) for capability in sorted(capabilities)])
    return b"\0" + uleb128(len(content)) + content


def declared(data: bytes) -> frozenset[str]:
    """Return the capabilities that a component declares; what cannot be read, or is unknown, counts as nothing."""
    view = memoryview(data)
    reader = Reader(view, len(COMPONENT_PREAMBLE), len(view))
    found: set[str] = set()
    try:
        while reader.position < reader.end:
            code = reader.byte()
            section = reader.part(reader.u32(), "a section")
            if code == 0 and section.name() == SECTION:
                found.update(section.name() for _ in range(section.count()))
    except ComponentError:
        return frozenset()
    return frozenset(found) & set(CAPABILITY_NAMES.values())
