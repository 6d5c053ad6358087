"""Entry point of the hatchling plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from hatch_wasmcp.plugin import WasmcpBuildHook


@hookimpl
def hatch_register_build_hook() -> type[WasmcpBuildHook]:
    """Register the build hook ``wasmcp``."""
    from hatch_wasmcp.plugin import WasmcpBuildHook

    return WasmcpBuildHook
