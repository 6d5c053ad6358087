"""Every feature of MCP in one sandboxed server."""
