"""Function names of the core modules in a component, kept apart from the component.

Engines name the functions of a backtrace by the name section of their module, which makes a component larger. A digest
of the code identifies a module without its names, also after its imports and exports were renamed, and in any
composition.

Source: core WebAssembly, binary format, "Code Section" and appendix "Custom Sections", "Name Section"; tool
conventions, "DynamicLinking" (``dylink.0``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from wasmcp.component.binary_format import COMPONENT_PREAMBLE, MODULE_PREAMBLE, Reader, name, uleb128, vector
from wasmcp.component.builder import Chunk
from wasmcp.errors import ComponentError

_CUSTOM, _MODULE, _COMPONENT, _EXPORT, _CODE = 0, 1, 4, 7, 10
_FUNCTION_NAMES = 1  # the subsection
_FUNCTION = 0  # the sort of an export
_MAX_LEVELS = 8


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
        elif code == _MODULE and (found := _module(section)) is not None:
            yield found


def _module(reader: Reader) -> CoreModule | None:
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
