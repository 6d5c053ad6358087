"""Suite without code for any MCP server: `pytest --pyargs pytest_wasmcp.suite --wasmcp-server X.wasm|URL|COMMAND`."""
