"""Test that `--wasmcp-snapshot` adds."""

from __future__ import annotations

from typing import Any

from wasmcp.host import Server


def test_surface(wasmcp_server: Server, wasmcp_snapshot: Any) -> None:
    """Compare the server with the file of the ini value `wasmcp_snapshot_file`."""
    wasmcp_snapshot.check_configured(wasmcp_server.surface())
