"""Composition of MCP servers from components: order of the chain, middlewares, services, grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wasmcp.compose.catalogue import Catalogue
    from wasmcp.compose.component_reader import ComponentSpec
    from wasmcp.compose.composed_server import ComposedServer
    from wasmcp.compose.composition import compose_server
    from wasmcp.compose.grants import Inspection, inspect_component
    from wasmcp.compose.metadata import ServerMetadata

__all__ = [
    "Catalogue",
    "ComponentSpec",
    "ComposedServer",
    "Inspection",
    "ServerMetadata",
    "compose_server",
    "inspect_component",
]

_HOMES = {
    "Catalogue": "wasmcp.compose.catalogue",
    "ComponentSpec": "wasmcp.compose.component_reader",
    "ComposedServer": "wasmcp.compose.composed_server",
    "Inspection": "wasmcp.compose.grants",
    "ServerMetadata": "wasmcp.compose.metadata",
    "compose_server": "wasmcp.compose.composition",
    "inspect_component": "wasmcp.compose.grants",
}


def __getattr__(name: str) -> Any:
    """Return a public name from the module that defines it, imported on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module `wasmcp.compose` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
