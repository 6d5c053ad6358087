"""The decorators and classes of FastMCP and of the official SDK, for servers that were written for them.

.. code-block:: python

    from wasmcp.guest.fastmcp import FastMCP

    mcp = FastMCP("demo")

    @mcp.tool
    def add(a: int, b: int) -> int:
        '''Add two numbers.'''
        return a + b

Also the names of ``mcp.types``, ``fastmcp.exceptions``, ``fastmcp.server.dependencies`` and others are here: this
module replaces all of them.
"""

from __future__ import annotations

import logging

from wasmcp.guest.fastmcp.context import (
    AcceptedElicitation,
    CancelledElicitation,
    Context,
    DeclinedElicitation,
    ElicitationResult,
    ReadResourceContents,
    SamplingResult,
    ServerSession,
)
from wasmcp.guest.fastmcp.dependencies import (
    AccessToken,
    CurrentContext,
    CurrentFastMCP,
    CurrentHeaders,
    Depends,
    get_access_token,
    get_context,
    get_http_headers,
    get_http_request,
    get_server,
)
from wasmcp.guest.fastmcp.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    FastMCPError,
    MCPError,
    McpError,
    NotFoundError,
    PromptError,
    ResourceError,
    ToolError,
    UnsupportedFeatureError,
    ValidationError,
)
from wasmcp.guest.fastmcp.server import FastMCP, MCPServer, Prompt, Resource, TextResource, Tool
from wasmcp.guest.fastmcp.values import (
    Annotations,
    AssistantMessage,
    Audio,
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ErrorData,
    File,
    GetPromptResult,
    Icon,
    Image,
    ImageContent,
    Message,
    ModelHint,
    ModelPreferences,
    PromptMessage,
    PromptResult,
    ResourceContent,
    ResourceLink,
    ResourceResult,
    SamplingMessage,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
    ToolResult,
    TransportSecuritySettings,
    UserMessage,
)

FunctionTool = Tool
FunctionPrompt = Prompt
FunctionResource = Resource
ContentBlock = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource


def get_logger(name: str) -> logging.Logger:
    """Return a logger of the standard library; its records go to the operator, on standard error."""
    return logging.getLogger(name)


__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "AcceptedElicitation",
    "AccessToken",
    "Annotations",
    "AssistantMessage",
    "Audio",
    "AudioContent",
    "BlobResourceContents",
    "CallToolResult",
    "CancelledElicitation",
    "ContentBlock",
    "Context",
    "CurrentContext",
    "CurrentFastMCP",
    "CurrentHeaders",
    "DeclinedElicitation",
    "Depends",
    "ElicitationResult",
    "EmbeddedResource",
    "ErrorData",
    "FastMCP",
    "FastMCPError",
    "File",
    "FunctionPrompt",
    "FunctionResource",
    "FunctionTool",
    "GetPromptResult",
    "Icon",
    "Image",
    "ImageContent",
    "MCPError",
    "MCPServer",
    "McpError",
    "Message",
    "ModelHint",
    "ModelPreferences",
    "NotFoundError",
    "Prompt",
    "PromptError",
    "PromptMessage",
    "PromptResult",
    "ReadResourceContents",
    "Resource",
    "ResourceContent",
    "ResourceError",
    "ResourceLink",
    "ResourceResult",
    "SamplingMessage",
    "SamplingResult",
    "ServerSession",
    "TextContent",
    "TextResource",
    "TextResourceContents",
    "Tool",
    "ToolAnnotations",
    "ToolError",
    "ToolResult",
    "TransportSecuritySettings",
    "UnsupportedFeatureError",
    "UserMessage",
    "ValidationError",
    "get_access_token",
    "get_context",
    "get_http_headers",
    "get_http_request",
    "get_logger",
    "get_server",
]
