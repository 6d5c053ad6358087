"""Build hook of hatch that adds the servers of ``[tool.wasmcp]`` to the wheel; a thin layer over `wasmcp.project`."""
