"""An MCP server of two components: text tools in Python, a calculator in Zig."""
