"""pytest plugin of wasmcp: starts the project's composed MCP server in-process, a new one for each test.

docs/reference/pytest.md lists the fixtures, the marker and the options.
"""

from pytest_wasmcp.aio import AsyncClient, AsyncServer
from pytest_wasmcp.fixtures import MakeServer

__all__ = ["AsyncClient", "AsyncServer", "MakeServer"]
