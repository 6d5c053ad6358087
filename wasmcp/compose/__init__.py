"""MCP servers out of components: which component is what, who is wrapped by whom, wired to which service."""

from __future__ import annotations

from wasmcp.compose.catalogue import Catalogue
from wasmcp.compose.component_reader import ComponentSpec
from wasmcp.compose.inspection import Inspection, inspect_component
from wasmcp.compose.metadata import ServerMetadata
from wasmcp.compose.server import ComposedServer, compose_server

__all__ = [
    "Catalogue",
    "ComponentSpec",
    "ComposedServer",
    "Inspection",
    "ServerMetadata",
    "compose_server",
    "inspect_component",
]
