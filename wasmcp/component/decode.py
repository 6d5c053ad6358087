"""Decoder of a component's imports and exports. Nested components and modules are skipped by size.

Source: component-model, design/mvp/Binary.md. This does not validate a component: it checks only what it reads, and
everything it reads is bounded by the size of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wasmcp.component import interface_names, sections
from wasmcp.component.binary_reader import Reader
from wasmcp.component.binary_writer import COMPONENT_PREAMBLE, MODULE_PREAMBLE
from wasmcp.component.builder import Chunk
from wasmcp.component.types import ExternType
from wasmcp.errors import ComponentError


@dataclass(frozen=True)
class Export:
    """Export of a component: `kind` is `func`, `type`, `instance`, `component`, `core module` or `value`.

    `type` is absent (None) unless the types of exports were requested (see `decode`).
    """

    kind: str
    type: ExternType | None = None


@dataclass(frozen=True)
class Part:
    """Nested `component` or `core module`: the offset of its bytes in the file, and their number.

    `name` is the name of a component in the file's name section, or the empty string.
    """

    kind: str
    offset: int
    size: int
    name: str = ""


@dataclass(frozen=True)
class ComponentInfo:
    """Imports and exports of a component, in the order of their declaration.

    `size` is the size of the file in bytes; `parts` are the nested components and core modules.
    """

    name: str
    size: int
    imports: Mapping[str, ExternType]
    exports: Mapping[str, Export]
    parts: tuple[Part, ...]

    def find_import(self, name: str) -> str | None:
        """Return the name of the import `name`, or of a compatible version of it."""
        return interface_names.find(name, self.imports)

    def find_export(self, name: str) -> str | None:
        """Return the name of the export `name`, or of a compatible version of it."""
        return interface_names.find(name, self.exports)


def decode(data: Chunk, name: str = "", *, export_types: bool = False) -> ComponentInfo:
    """Decode a component's imports and exports.

    Args:
        data: The file.
        name: The component's name in errors.
        export_types: Decode the types of the exports too, which requires decoding nested components. Types from nested
            components that were not decoded stay unknown (`Opaque`).

    Raises:
        ComponentError: The file is not a component, is damaged, or uses unsupported features (async, WASI 0.3).
    """
    view = memoryview(data).cast("B") if not isinstance(data, memoryview) else data
    try:
        _check_preamble(view)
        reader = Reader(view, len(COMPONENT_PREAMBLE), len(view))
        read = sections.ComponentReader(reader, export_types=export_types).read()
    except ComponentError as error:
        if error.component or not name:
            raise
        raise ComponentError(error.problem, offset=error.offset, component=name) from None
    exports = {export: Export(kind, type_) for export, (kind, type_) in read.exports.items()}
    parts = tuple(Part(*part) for part in read.parts)
    return ComponentInfo(name, len(view), read.imports, exports, parts)


def _check_preamble(view: memoryview) -> None:
    start = bytes(view[:8])
    if start == COMPONENT_PREAMBLE:
        return
    if start == MODULE_PREAMBLE:
        raise ComponentError("a core module, not a component (`wasm-tools component new` makes one of it)")
    if not start:
        raise ComponentError("an empty file, not a component")
    if start[:4] == b"\x00asm":
        if len(start) < 8:
            raise ComponentError("truncated: the file ends inside its first eight bytes", offset=len(start))
        version, layer = start[4:6].hex(), start[6:8].hex()
        raise ComponentError(
            f"version 0x{version}, layer 0x{layer} of the binary format; a component has 0x0d00 and 0x0100", offset=4
        )
    if bytes(view[:64]).lstrip().startswith((b"(component", b"(module", b";;", b"(;")):
        raise ComponentError("WebAssembly in text form, not a component (`wasm-tools parse` makes one of it)")
    raise ComponentError("not WebAssembly: it does not begin with `\\0asm`", offset=0)
