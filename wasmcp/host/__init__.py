"""The in-process runtime: servers on wasmtime, for tests, for stdio and for HTTP.

Nothing here is imported before it is used: the start of a stdio server is paid by every user of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wasmcp.host.cancelling import CancelScope
    from wasmcp.host.limits import HttpLimits, Limits
    from wasmcp.host.results import (
        Completion,
        HttpResponse,
        Prompt,
        PromptResult,
        Resource,
        ResourceResult,
        ResourceTemplate,
        Tool,
        ToolResult,
    )
    from wasmcp.host.running import run
    from wasmcp.host.server import Server, open_server
    from wasmcp.host.serving import serve

__all__ = [
    "CancelScope",
    "Completion",
    "HttpLimits",
    "HttpResponse",
    "Limits",
    "Prompt",
    "PromptResult",
    "Resource",
    "ResourceResult",
    "ResourceTemplate",
    "Server",
    "Tool",
    "ToolResult",
    "open_server",
    "run",
    "serve",
]

_HOMES = {
    "CancelScope": "cancelling",
    "Completion": "results",
    "HttpLimits": "limits",
    "HttpResponse": "results",
    "Limits": "limits",
    "Prompt": "results",
    "PromptResult": "results",
    "Resource": "results",
    "ResourceResult": "results",
    "ResourceTemplate": "results",
    "Server": "server",
    "Tool": "results",
    "ToolResult": "results",
    "open_server": "server",
    "run": "running",
    "serve": "serving",
}


def __getattr__(name: str) -> Any:
    """Import a public name where it lives (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module `wasmcp.host` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(f"wasmcp.host.{_HOMES[name]}"), name)
