"""Modules and names of FastMCP and the official SDK, and their counterparts in `wasmcp.guest.fastmcp`."""

from __future__ import annotations

from collections.abc import Mapping

from wasmcp.guest import fastmcp
from wasmcp.guest.fastmcp.errors import RefusedMethod
from wasmcp.guest.fastmcp.server import IGNORED, REFUSED

REPLACEMENT = "wasmcp.guest.fastmcp"
LIBRARIES = frozenset({"fastmcp", "mcp", "mcp_types"})
"""The top-level modules of the two libraries."""

REPLACED = frozenset(
    {
        "fastmcp",
        "fastmcp.dependencies",
        "fastmcp.exceptions",
        "fastmcp.prompts",
        "fastmcp.prompts.base",
        "fastmcp.prompts.prompt",
        "fastmcp.resources",
        "fastmcp.resources.base",
        "fastmcp.resources.resource",
        "fastmcp.resources.types",
        "fastmcp.server",
        "fastmcp.server.context",
        "fastmcp.server.dependencies",
        "fastmcp.server.elicitation",
        "fastmcp.server.server",
        "fastmcp.tools",
        "fastmcp.tools.base",
        "fastmcp.tools.function_tool",
        "fastmcp.tools.tool",
        "fastmcp.utilities.logging",
        "fastmcp.utilities.types",
        "mcp",
        "mcp.server",
        "mcp.server.elicitation",
        "mcp.server.fastmcp",
        "mcp.server.fastmcp.exceptions",
        "mcp.server.fastmcp.prompts",
        "mcp.server.fastmcp.prompts.base",
        "mcp.server.fastmcp.resources",
        "mcp.server.fastmcp.server",
        "mcp.server.fastmcp.tools",
        "mcp.server.fastmcp.utilities.logging",
        "mcp.server.fastmcp.utilities.types",
        "mcp.server.mcpserver",
        "mcp.server.mcpserver.exceptions",
        "mcp.server.mcpserver.prompts",
        "mcp.server.mcpserver.prompts.base",
        "mcp.server.mcpserver.resources",
        "mcp.server.mcpserver.server",
        "mcp.server.mcpserver.tools",
        "mcp.server.mcpserver.utilities.logging",
        "mcp.server.mcpserver.utilities.types",
        "mcp.server.session",
        "mcp.server.transport_security",
        "mcp.shared.exceptions",
        "mcp.types",
        "mcp_types",
    }
)
"""Modules whose names are in `wasmcp.guest.fastmcp`."""

NAMES = frozenset(fastmcp.__all__)
"""The names of `wasmcp.guest.fastmcp`."""

_OTHER_MEANING = frozenset({"Tool", "Prompt", "Resource", "ResourceTemplate"})
"""Names of `mcp.types` that mean descriptions for the low-level server there."""

SERVERS = ("FastMCP", "MCPServer")
LOW_LEVEL = "declare each tool by `@mcp.tool()` of `FastMCP`: types take the place of hand-written schemas"

ADVICE: Mapping[str, str] = {
    "Client": "test the server by the fixture `wasmcp_server`, and compose servers instead of calling them",
    "ClientSession": "test the server by the fixture `wasmcp_server`, and compose servers instead of calling them",
    "Server": LOW_LEVEL,
    "stdio_server": "the host runs the server: leave it out",
    "InitializationOptions": "the host runs the server: leave it out",
    "NotificationOptions": "the host runs the server: leave it out",
    "Middleware": REFUSED["middleware"],
    "settings": "the settings of the host are in the reference of the environment",
    "FileResource": "read the file in a function with `@mcp.resource`",
    "DirectoryResource": "list the folder in a function with `@mcp.resource`",
    "HttpResource": "request the page in a function with `@mcp.resource`",
}
"""Names without a counterpart that many servers use, and what to do instead."""

_NO_COUNTERPART = "it has no counterpart in `wasmcp.guest.fastmcp`"

SERVER_METHODS: Mapping[str, str] = {
    name: member.advice for name, member in vars(fastmcp.FastMCP).items() if isinstance(member, RefusedMethod)
}
CONTEXT_METHODS: Mapping[str, str] = {
    name: member.advice for name, member in vars(fastmcp.Context).items() if isinstance(member, RefusedMethod)
}
SERVER_ARGUMENTS: Mapping[str, str] = REFUSED
IGNORED_ARGUMENTS: Mapping[str, str] = IGNORED
DECORATOR_ARGUMENTS: Mapping[str, str] = {
    "auth": REFUSED["auth"],
    "task": "tools that become tasks are declared by `@tool(task=True)` of `wasmcp.guest`",
    "app": "declare user interfaces by `app` and `@tool(ui=...)` of `wasmcp.guest`",
    "serializer": "return a `ToolResult`",
}
DECORATORS: Mapping[str, str] = {"tool": "tools", "resource": "resources", "prompt": "prompts"}
"""Decorators, and the capabilities that they declare."""

ADDERS: Mapping[str, str] = {
    "add_tool": "tools",
    "add_resource": "resources",
    "add_template": "resources",
    "add_prompt": "prompts",
}


def has_counterpart(module: str, name: str) -> bool:
    """Return True if a name of a module is in `wasmcp.guest.fastmcp` with the same meaning."""
    return name in NAMES and not (module in ("mcp.types", "mcp_types") and name in _OTHER_MEANING)


def advice_for(module: str, name: str) -> str:
    """Return what to do about a name without a counterpart."""
    if "lowlevel" in module or (module in ("mcp.types", "mcp_types") and name in _OTHER_MEANING):
        return LOW_LEVEL
    return ADVICE.get(name, _NO_COUNTERPART)
