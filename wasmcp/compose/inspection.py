"""What a component or a composed server is made of, for people who look at one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wasmcp.component import names
from wasmcp.component.decode import ComponentInfo, decode
from wasmcp.component.model import kind_of
from wasmcp.component.reader import Reader
from wasmcp.component.writer import COMPONENT_PREAMBLE, Sort
from wasmcp.compose.contracts import CAPABILITIES, DOORS, SERVER_HANDLER
from wasmcp.errors import ComponentError


@dataclass(frozen=True)
class Nested:
    """Something nested in a component.

    Attributes:
        kind: `component` or `core module`.
        name: its name, or the empty string.
        size: in bytes.
    """

    kind: str
    name: str
    size: int


@dataclass(frozen=True)
class Inspection:
    """What a component is made of.

    Attributes:
        size: in bytes.
        imports: what it needs: name -> kind, in its order.
        exports: what it offers: name -> kind, in its order.
        capabilities: which of its exports make it a part of a server: `tools`, `server-handler`.
        is_server: whether it is a whole server, to be run.
        nested: what is nested in it.
    """

    size: int
    imports: Mapping[str, str]
    exports: Mapping[str, str]
    capabilities: tuple[str, ...]
    is_server: bool
    nested: tuple[Nested, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "size": self.size,
            "is_server": self.is_server,
            "capabilities": list(self.capabilities),
            "imports": dict(self.imports),
            "exports": dict(self.exports),
            "nested": [{"kind": part.kind, "name": part.name, "size": part.size} for part in self.nested],
        }


def inspect_component(data: bytes, *, name: str = "") -> Inspection:
    """Find out what a component or a composed server is made of.

    Args:
        data: the file.
        name: what to call it in errors.

    Raises:
        ComponentError: it is not a component, or damaged.
    """
    info = decode(data, name)
    return Inspection(
        size=info.size,
        imports={import_: kind_of(type_) for import_, type_ in info.imports.items()},
        exports={export: entry.kind for export, entry in info.exports.items()},
        capabilities=tuple(
            contract.partition("/")[2].partition("@")[0]
            for contract in (*CAPABILITIES, SERVER_HANDLER)
            if names.find(contract, info.exports) is not None
        ),
        is_server=all(names.find(door, info.exports) is not None for door in DOORS),
        nested=_nested(info, _component_names(data)),
    )


def _nested(info: ComponentInfo, known: Mapping[int, str]) -> tuple[Nested, ...]:
    nested, index = [], 0
    for part in info.parts:
        label = ""
        if part.kind == "component":
            label = known.get(index, "")
            index += 1
        nested.append(Nested(part.kind, label, part.size))
    return tuple(nested)


def _component_names(data: bytes) -> dict[int, str]:
    """Return the names of nested components by index. Source: component-model, Binary.md, "Name Section".

    Names are for people: a name section that cannot be read counts as none.
    """
    view = memoryview(data)
    reader = Reader(view, len(COMPONENT_PREAMBLE), len(view))
    found: dict[int, str] = {}
    try:
        while reader.position < reader.end:
            code = reader.byte()
            section = reader.part(reader.u32(), "a section")
            if code == 0 and section.name() == "component-name":
                found.update(_read_names(section))
    except ComponentError:
        return {}
    return found


def _read_names(section: Reader) -> dict[int, str]:
    found = {}
    while section.position < section.end:
        kind = section.byte()
        part = section.part(section.u32(), "names")
        if kind == 1 and part.byte() == Sort.COMPONENT.value[0]:
            for _ in range(part.count()):
                index = part.u32()
                found[index] = part.name()
    return found
