"""What a component or a composed server is made of, for people who look at one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wasmcp.component import interface_names
from wasmcp.component.decode import decode
from wasmcp.component.types import kind_of
from wasmcp.compose.grants import wanted_grants
from wasmcp.compose.interfaces import CAPABILITIES, DOORS, SERVER_HANDLER


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
        capabilities: which of its exports make it a part of a server: `tools`, `server-handler`...
        is_server: whether it is a whole server, to be run.
        nested: what is nested in it.
        wants: the families of grants that it asks for.
        world: the world of `wasmcp:mcp-v20260728` whose exports it has, or None.
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
        """Return it as JSON can hold it."""
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
    """Find out what a component or a composed server is made of.

    Args:
        data: the file.
        name: what to call it in errors.

    Raises:
        ComponentError: it is not a component, or damaged.
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
        is_server=all(interface_names.find(door, info.exports) is not None for door in DOORS),
        nested=tuple(Nested(part.kind, part.name, part.size) for part in info.parts),
        wants=wanted_grants(info),
        world=_world(offered),
    )


def _world(offered: tuple[str, ...]) -> str | None:
    """Return the world with these exports. Source: wit/worlds.wit."""
    if len(offered) == 1:
        return "middleware" if offered == ("server-handler",) else f"{offered[0]}-component"
    return "component" if len(offered) == len(CAPABILITIES) and "server-handler" not in offered else None
