"""pytest plugin of wasmcp: starts the project's composed MCP server in-process, a new one for each test.

docs/reference/pytest.md lists the fixtures, the marker and the options. All names are imported lazily, because pytest
imports this package in each run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_wasmcp.aio import AsyncClient, AsyncServer
    from pytest_wasmcp.factory import MakeServer

__all__ = ["AsyncClient", "AsyncServer", "MakeServer"]

_HOMES = {"AsyncClient": "aio", "AsyncServer": "aio", "MakeServer": "factory"}


def __getattr__(name: str) -> Any:
    """Import a public name from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module `pytest_wasmcp` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(f"pytest_wasmcp.{_HOMES[name]}"), name)
