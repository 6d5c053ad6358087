"""Metadata hook ``wasmcp``: console scripts of the project's servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

from wasmcp.errors import WasmcpError


class WasmcpMetadataHook(MetadataHookInterface):
    """Hook that adds a console script for each server of the project."""

    PLUGIN_NAME = "wasmcp"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the scripts.

        Raises:
            SystemExit: The project is invalid. Metadata hooks have no other way to end a build without a traceback.
        """
        from wasmcp.project import load
        from wasmcp.project.model import console_scripts

        try:
            metadata["scripts"] = console_scripts(load(Path(self.root), check_files=False), self.config)
        except WasmcpError as error:
            raise SystemExit(f"wasmcp: {error}") from None
