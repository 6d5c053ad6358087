"""In-process host: servers on wasmtime, for tests, stdio and HTTP.

All names are imported lazily, to keep the start of stdio servers short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wasmcp.host.client.server import Server, open_server
    from wasmcp.host.client.types import (
        ClientRequest,
        Completion,
        HttpResponse,
        LogMessage,
        Notification,
        Progress,
        Prompt,
        PromptResult,
        Resource,
        ResourceResult,
        ResourceTemplate,
        Tool,
        ToolResult,
    )
    from wasmcp.host.engine.limits import HttpLimits, Limits
    from wasmcp.host.operations.rate_limits import Rate, RateLimits
    from wasmcp.host.scheduling.instance import Cost
    from wasmcp.host.scheduling.interruption import CancelScope
    from wasmcp.host.transports.http_options import HttpOptions
    from wasmcp.host.transports.http_server import serve
    from wasmcp.host.transports.stdio_server import run

__all__ = [
    "CancelScope",
    "ClientRequest",
    "Completion",
    "Cost",
    "HttpLimits",
    "HttpOptions",
    "HttpResponse",
    "Limits",
    "LogMessage",
    "Notification",
    "Progress",
    "Prompt",
    "PromptResult",
    "Rate",
    "RateLimits",
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
    "CancelScope": "scheduling.interruption",
    "ClientRequest": "client.types",
    "Completion": "client.types",
    "Cost": "scheduling.instance",
    "HttpLimits": "engine.limits",
    "HttpOptions": "transports.http_options",
    "HttpResponse": "client.types",
    "Limits": "engine.limits",
    "LogMessage": "client.types",
    "Notification": "client.types",
    "Progress": "client.types",
    "Prompt": "client.types",
    "PromptResult": "client.types",
    "Rate": "operations.rate_limits",
    "RateLimits": "operations.rate_limits",
    "Resource": "client.types",
    "ResourceResult": "client.types",
    "ResourceTemplate": "client.types",
    "Server": "client.server",
    "Tool": "client.types",
    "ToolResult": "client.types",
    "open_server": "client.server",
    "run": "transports.stdio_server",
    "serve": "transports.http_server",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module `wasmcp.host` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(f"wasmcp.host.{_HOMES[name]}"), name)
