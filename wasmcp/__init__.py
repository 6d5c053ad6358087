"""MCP servers made of WebAssembly components, from Python's own tools."""

__version__ = "0.1.0"
