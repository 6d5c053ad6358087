"""Exceptions under the names of FastMCP and the official SDK, whose texts are sent to the client; refused features."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from wasmcp.guest import errors
from wasmcp.guest.declarations.rules import refuse, warn_at
from wasmcp.guest.errors import DeclarationError
from wasmcp.guest.fastmcp.values import ErrorData

_HERE = __name__.rpartition(".")[0]


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


class UnsupportedFeatureError(DeclarationError):
    """A feature of FastMCP or the official SDK that a component does not have.

    Attributes:
        feature: The name of the method or argument.
        advice: The way to get the same with wasmcp.
        place: The file and the line of its use.
    """

    def __init__(self, feature: str, advice: str, place: tuple[str, int] | None) -> None:
        TypeError.__init__(self, f"`{feature}` is not available in a component: {advice}")
        self.kind = "server"
        self.tool = feature
        self.parameter = None
        self.feature = feature
        self.advice = advice
        self.place = place


def author_frame() -> FrameType:
    """Return the innermost frame outside this package: the author's line."""
    frame = sys._getframe(1)  # noqa: SLF001 - the line to name in messages
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(_HERE):
        frame = frame.f_back
    return frame


def refuse_feature(feature: str, advice: str) -> None:
    """Refuse a feature; while a component is built, the error is collected with the others.

    Raises:
        UnsupportedFeatureError: The error, outside of a build.
    """
    frame = author_frame()
    refuse(UnsupportedFeatureError(feature, advice, (frame.f_code.co_filename, frame.f_lineno)))


def warn_of(message: str) -> None:
    """Warn of an argument that has no effect in a component."""
    frame = author_frame()
    warn_at(frame.f_code.co_filename, frame.f_lineno, message)


class RefusedMethod:
    """A method that is refused when it is used, on the class and on its objects.

    Args:
        advice: The way to get the same with wasmcp.
    """

    def __init__(self, advice: str) -> None:
        self.advice = advice
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"{owner.__name__}.{name}"

    def __get__(self, instance: object, owner: type) -> Any:
        def refused(*given: Any, **_: Any) -> Any:
            refuse_feature(self.name, self.advice)
            # Reached in a build only, where further errors are to be found: also by a decorator.
            return given[0] if given and callable(given[0]) else (lambda function: function)

        return refused
