"""Entry point of the plugins for hatchling and hatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from hatch_wasmcp.builders import McpbBuilder, ServerJsonBuilder
    from hatch_wasmcp.metadata_hook import WasmcpMetadataHook
    from hatch_wasmcp.plugin import WasmcpBuildHook
    from hatch_wasmcp.publisher import OciPublisher


@hookimpl
def hatch_register_build_hook() -> type[WasmcpBuildHook]:
    """Register the build hook ``wasmcp``."""
    from hatch_wasmcp.plugin import WasmcpBuildHook

    return WasmcpBuildHook


@hookimpl
def hatch_register_metadata_hook() -> type[WasmcpMetadataHook]:
    """Register the metadata hook ``wasmcp``."""
    from hatch_wasmcp.metadata_hook import WasmcpMetadataHook

    return WasmcpMetadataHook


@hookimpl
def hatch_register_builder() -> list[type[McpbBuilder | ServerJsonBuilder]]:
    """Register the build targets ``mcpb`` and ``server-json``."""
    from hatch_wasmcp.builders import McpbBuilder, ServerJsonBuilder

    return [McpbBuilder, ServerJsonBuilder]


@hookimpl
def hatch_register_publisher() -> type[OciPublisher]:
    """Register the publisher ``oci`` of hatch."""
    from hatch_wasmcp.publisher import OciPublisher

    return OciPublisher
