"""Decoding what a component imports and exports. What is nested in it is stepped over by size.

Source: component-model, design/mvp/Binary.md. This is no validator: it checks what it reads, and everything it reads
is bounded by the size of the file.
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
    """What a component exports: `kind` is `func`, `type`, `instance`, `component`, `core module` or `value`.

    `type` is None where it was not looked for (see `decode`).
    """

    kind: str
    type: ExternType | None = None


@dataclass(frozen=True)
class Part:
    """A nested `component` or `core module`: where its bytes begin in the file, and how many they are.

    `name` is what the file's name section calls a component, or the empty string.
    """

    kind: str
    offset: int
    size: int
    name: str = ""


@dataclass(frozen=True)
class ComponentInfo:
    """What a component needs and offers, in the order it says so.

    `size` is the file's, in bytes; `parts` are what is nested in it.
    """

    name: str
    size: int
    imports: Mapping[str, ExternType]
    exports: Mapping[str, Export]
    parts: tuple[Part, ...]

    def find_import(self, name: str) -> str | None:
        """The name of the import that is `name`, or a compatible version of it."""
        return interface_names.find(name, self.imports)

    def find_export(self, name: str) -> str | None:
        """The name of the export that is `name`, or a compatible version of it."""
        return interface_names.find(name, self.exports)


def decode(data: Chunk, name: str = "", *, export_types: bool = False) -> ComponentInfo:
    """Decode a component's imports and exports.

    Args:
        data: The file.
        name: What to call it in errors.
        export_types: Find out the types of the exports too, which means to look into nested components. Types that
            come out of what was not looked into stay unknown (`Opaque`).

    Raises:
        ComponentError: it is not a component, is damaged, or needs what is not supported (async, WASI 0.3).
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
