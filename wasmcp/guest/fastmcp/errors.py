"""Exceptions under the names of FastMCP and the official SDK. Their texts are sent to the client."""

from __future__ import annotations

from typing import Any

from wasmcp.guest import errors
from wasmcp.guest.fastmcp.values import ErrorData


class FastMCPError(Exception):
    """Base of the exceptions whose text is meant for the client.

    Args:
        args: The text.
        log_level: The level of the record in the server's log; without effect in a component.
    """

    def __init__(self, *args: object, log_level: int | None = None) -> None:
        super().__init__(*args)
        self.log_level = log_level


class ToolError(FastMCPError, errors.ToolError):
    """Error of a tool; its text is sent to the client unchanged."""


class ResourceError(FastMCPError):
    """Error of a resource; its text is sent to the client unchanged."""


class PromptError(FastMCPError):
    """Error of a prompt; its text is sent to the client unchanged."""


class ValidationError(FastMCPError):
    """Error in the values of arguments; its text is sent to the client unchanged."""


class NotFoundError(Exception):
    """The resource, prompt or tool does not exist."""


class McpError(errors.McpError):
    """JSON-RPC error response, of an `ErrorData` or of a code, a message and data."""

    def __init__(
        self, error: ErrorData | int | None = None, message: str = "", data: Any = None, *, code: int = -32603
    ) -> None:
        if isinstance(error, ErrorData):
            super().__init__(error.code, error.message, error.data)
        else:
            super().__init__(code if error is None else error, message, data)

    @property
    def error(self) -> ErrorData:
        """The error as a value of the protocol."""
        return ErrorData(code=self.code, message=self.message, data=self.data)


MCPError = McpError

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
