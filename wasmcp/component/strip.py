"""Removal of debugging information from components: function names, DWARF, producers.

Source: core specification, appendix "Custom Sections"; tool-conventions, "Debugging" and "Producers".
"""

from __future__ import annotations

from wasmcp.component.binary_reader import Reader
from wasmcp.component.binary_writer import COMPONENT_PREAMBLE, uleb128
from wasmcp.component.builder import Chunk
from wasmcp.errors import ComponentError

_CUSTOM, _MODULE, _COMPONENT = 0, 1, 4
_MAX_LEVELS = 8
_NEEDLESS = ("name", "producers", "target_features", "component-name")


def strip(data: Chunk) -> bytes:
    """Return a component without the names and the debug information of everything nested in it.

    Its own custom sections stay, because they can be metadata of a package. Sections that a loader reads (``dylink.0``)
    stay too.

    Raises:
        ComponentError: The data is not a component, or is damaged.
    """
    view = memoryview(data).cast("B")
    if bytes(view[:8]) != COMPONENT_PREAMBLE:
        raise ComponentError("not a component", offset=0)
    return COMPONENT_PREAMBLE + b"".join(_sections(Reader(view, 8, len(view)), 0))


def _sections(reader: Reader, level: int) -> list[bytes]:
    if level > _MAX_LEVELS:
        raise reader.fail(f"components are nested more than {_MAX_LEVELS} levels deep")
    parts: list[bytes] = []
    while reader.position < reader.end:
        begun = reader.position
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        preamble = bytes(section.data[section.position : section.position + 8])
        if code == _CUSTOM and level and _is_needless(section):
            continue
        if code in (_MODULE, _COMPONENT):
            section.position += 8
            below = _sections(section, level + 1) if code == _COMPONENT else _module(section)
            size = 8 + sum(map(len, below))
            parts += [bytes([code]), uleb128(size), preamble, *below]
        else:
            parts.append(bytes(reader.data[begun : reader.position]))
    return parts


def _module(reader: Reader) -> list[bytes]:
    parts = []
    while reader.position < reader.end:
        begun = reader.position
        code = reader.byte()
        section = reader.part(reader.u32(), f"section {code}")
        if code != _CUSTOM or not _is_needless(section):
            parts.append(bytes(reader.data[begun : reader.position]))
    return parts


def _is_needless(section: Reader) -> bool:
    name = section.name()
    return name in _NEEDLESS or name.startswith(".debug")
