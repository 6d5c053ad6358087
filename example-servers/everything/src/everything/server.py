"""The console script: the server over stdio."""

from __future__ import annotations

import wasmcp.host


def main() -> None:
    """Run the server."""
    wasmcp.host.run("everything")
