"""The build hook of hatch: puts the servers of ``[tool.wasmcp]`` into the wheel; thin over `wasmcp.project`."""
