"""In-process MCP client of a composed server."""
