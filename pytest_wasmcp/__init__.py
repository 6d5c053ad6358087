"""pytest plugin of wasmcp: starts the project's composed MCP server in-process, a new one for each test.

docs/reference/pytest.md lists the fixtures, the marker and the options. All names are imported lazily, because pytest
imports this package in each run.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

    from pytest_wasmcp.aio import AsyncClient, AsyncServer
    from pytest_wasmcp.factory import MakeServer

__all__ = ["AsyncClient", "AsyncServer", "MakeServer"]

_HOMES = {"AsyncClient": "aio", "AsyncServer": "aio", "MakeServer": "factory"}


class PlainModules(PathFinder):
    """Finder of the modules of `wasmcp`, which have no assertions, before pytest's hook that rewrites assertions.

    pytest rewrites every module of a distribution with a plugin: in each run anew where bytecode is not written, which
    took longer than everything else in a run.
    """

    @classmethod
    def find_spec(cls, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Find a module of `wasmcp`; None for every other module."""
        return super().find_spec(fullname, path, target) if fullname.startswith("wasmcp.") else None


sys.meta_path.insert(0, PlainModules)


def __getattr__(name: str) -> Any:
    """Import a public name from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module `pytest_wasmcp` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(f"pytest_wasmcp.{_HOMES[name]}"), name)
