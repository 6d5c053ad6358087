"""The console script: this package as an MCP server over stdio."""

from wasmcp.host import run


def main() -> None:
    """Serve the `default` server that the build put into this package."""
    run("example")
