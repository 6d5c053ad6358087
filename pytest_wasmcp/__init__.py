"""pytest plugin of wasmcp: starts the project's composed MCP server in-process, a new one for each test.

Fixtures: ``wasmcp_server``, ``wasmcp_async_server``, ``make_wasmcp_server``, ``wasmcp_issuer``; to override:
``wasmcp_target``, ``wasmcp_limits``, ``wasmcp_env``, ``wasmcp_token``.
"""

from pytest_wasmcp.aio import AsyncClient, AsyncServer
from pytest_wasmcp.fixtures import MakeServer

__all__ = ["AsyncClient", "AsyncServer", "MakeServer"]
