"""MCP client for servers in other processes: stdio and HTTP, all revisions of the protocol."""
