"""Inspection of a component or a composed server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wasmcp.component import interface_names
from wasmcp.component.decode import decode
from wasmcp.component.types import kind_of
from wasmcp.compose.grants import needed_grants
from wasmcp.compose.interfaces import CAPABILITIES, ENTRY_POINTS, SERVER_HANDLER


@dataclass(frozen=True)
class Nested:
    """Component or core module nested in a component.

    Attributes:
        kind: `component` or `core module`.
        name: Its name, or the empty string.
        size: Size in bytes.
    """

    kind: str
    name: str
    size: int


@dataclass(frozen=True)
class Inspection:
    """Description of a component.

    Attributes:
        size: Size in bytes.
        imports: Its imports, in order: name -> kind.
        exports: Its exports, in order: name -> kind.
        capabilities: The exports that make it a part of a server: `tools`, `server-handler`...
        is_server: True if it is a whole server, to be run.
        nested: The components and core modules nested in it.
        wants: The families of grants that its imports need.
        world: The world of `wasmcp:mcp-v20260728` with its exports, or None.
    """

    size: int
    imports: Mapping[str, str]
    exports: Mapping[str, str]
    capabilities: tuple[str, ...]
    is_server: bool
    nested: tuple[Nested, ...]
    wants: tuple[str, ...] = ()
    world: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the description as JSON values."""
        return {
            "size": self.size,
            "is_server": self.is_server,
            "world": self.world,
            "wants": list(self.wants),
            "capabilities": list(self.capabilities),
            "imports": dict(self.imports),
            "exports": dict(self.exports),
            "nested": [{"kind": part.kind, "name": part.name, "size": part.size} for part in self.nested],
        }


def inspect_component(data: bytes, *, name: str = "") -> Inspection:
    """Describe a component or a composed server.

    Args:
        data: The file.
        name: The component's name in errors.

    Raises:
        ComponentError: The file is not a component, or is damaged.
    """
    info = decode(data, name)
    offered = tuple(
        contract.partition("/")[2].partition("@")[0]
        for contract in (*CAPABILITIES, SERVER_HANDLER)
        if interface_names.find(contract, info.exports) is not None
    )
    return Inspection(
        size=info.size,
        imports={import_: kind_of(type_) for import_, type_ in info.imports.items()},
        exports={export: entry.kind for export, entry in info.exports.items()},
        capabilities=offered,
        is_server=all(interface_names.find(entry_point, info.exports) is not None for entry_point in ENTRY_POINTS),
        nested=tuple(Nested(part.kind, part.name, part.size) for part in info.parts),
        wants=needed_grants(info),
        world=_world(offered),
    )


def _world(offered: tuple[str, ...]) -> str | None:
    """Return the world with these exports. Source: wit/worlds.wit."""
    if len(offered) == 1:
        return "middleware" if offered == ("server-handler",) else f"{offered[0]}-component"
    return "component" if len(offered) == len(CAPABILITIES) and "server-handler" not in offered else None
