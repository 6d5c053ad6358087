"""The pytest plugin of wasmcp: boots the project's composed MCP server in-process, fresh for each test.

Fixtures: ``wasmcp_server``, ``wasmcp_async_server``, ``make_wasmcp_server``; to override: ``wasmcp_target``,
``wasmcp_limits``, ``wasmcp_env``.
"""

from pytest_wasmcp.aio import AsyncServer
from pytest_wasmcp.fixtures import MakeServer

__all__ = ["AsyncServer", "MakeServer"]
