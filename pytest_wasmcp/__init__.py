"""pytest plugin of wasmcp: starts the project's composed MCP server in-process, a new one for each test.

Fixtures: ``wasmcp_server``, ``wasmcp_async_server``, ``make_wasmcp_server``; to override: ``wasmcp_target``,
``wasmcp_limits``, ``wasmcp_env``.
"""

from pytest_wasmcp.aio import AsyncServer
from pytest_wasmcp.fixtures import MakeServer

__all__ = ["AsyncServer", "MakeServer"]
