"""Dependencies of functions, and access to the current call: ``Depends``, ``get_context`` and similar functions."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wasmcp.guest.fastmcp.context import Context

CURRENT: ContextVar[Context] = ContextVar("wasmcp_fastmcp_context")
"""The context of the call that is running."""

_CONNECTION = frozenset({"host", "content-length", "content-type", "connection", "transfer-encoding", "accept", "te"})


class Dependency:
    """A parameter's default that is made for each call; clients do not see the parameter.

    Args:
        function: A function that makes the value: plain, ``async def``, or a context manager that is closed after the
            call. Its own defaults can be dependencies.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.needs = {
            name: parameter.default
            for name, parameter in inspect.signature(function).parameters.items()
            if isinstance(parameter.default, Dependency)
        }

    @property
    def is_async(self) -> bool:
        """True if the value, or one that it needs, can only be made in an event loop."""
        plain = inspect.unwrap(self.function)
        own = inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)
        return own or any(need.is_async for need in self.needs.values())

    def make(self, stack: contextlib.ExitStack) -> Any:
        """Return the value; a context manager is closed by the stack."""
        value = self.function(**{name: need.make(stack) for name, need in self.needs.items()})
        return stack.enter_context(value) if isinstance(value, contextlib.AbstractContextManager) else value

    async def make_async(self, stack: contextlib.AsyncExitStack) -> Any:
        """Return the value; a context manager is closed by the stack."""
        value = self.function(**{name: await need.make_async(stack) for name, need in self.needs.items()})
        if isinstance(value, contextlib.AbstractAsyncContextManager):
            return await stack.enter_async_context(value)
        if isinstance(value, contextlib.AbstractContextManager):
            return stack.enter_context(value)
        return await value if inspect.isawaitable(value) else value


def Depends(function: Callable[..., Any]) -> Any:  # noqa: N802 - the name in FastMCP
    """Return a parameter's default that is made by a function, for each call; see `Dependency`."""
    return Dependency(function)


def CurrentContext() -> Any:  # noqa: N802
    """Return a parameter's default that becomes the `Context` of the call."""
    return Dependency(get_context)


def CurrentFastMCP() -> Any:  # noqa: N802
    """Return a parameter's default that becomes the `FastMCP` object."""
    return Dependency(get_server)


def CurrentHeaders() -> Any:  # noqa: N802
    """Return a parameter's default that becomes the headers of the HTTP request."""
    return Dependency(get_http_headers)


def get_context() -> Context:
    """Return the context of the call that is running.

    Raises:
        RuntimeError: No call is running.
    """
    try:
        return CURRENT.get()
    except LookupError:
        raise RuntimeError("no call is running: a Context exists during a call only") from None


def get_server() -> Any:
    """Return the `FastMCP` object of the call that is running.

    Raises:
        RuntimeError: No call is running.
    """
    return get_context().fastmcp


def get_http_headers(include_all: bool = False, **_: Any) -> dict[str, str]:
    """Return the headers of the HTTP request by lower-case name; empty on another transport.

    Args:
        include_all: True to include the headers of the connection, such as ``host`` and ``content-length``.
    """
    http = get_context().plain.http
    found: Mapping[str, str] = {} if http is None else http.headers
    return {name: value for name, value in found.items() if include_all or name not in _CONNECTION}


class HttpRequest:
    """The HTTP request of a call.

    Attributes:
        method: The method.
        headers: Values by lower-case name.
        path: The path, with the query.
    """

    def __init__(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        self.method = method
        self.path = path
        self.headers = dict(headers)


def get_http_request() -> HttpRequest:
    """Return the HTTP request of the call.

    Raises:
        RuntimeError: The call came over another transport.
    """
    http = get_context().plain.http
    if http is None:
        raise RuntimeError("this call did not come over HTTP")
    return HttpRequest(http.method, http.path, http.headers)


class AccessToken:
    """The verified token of a call; its text stays with the host.

    Attributes:
        client_id: The claim ``client_id`` or ``azp``; else the subject.
        subject: The claim ``sub``.
        scopes: The granted OAuth scopes.
        claims: All verified claims.
    """

    def __init__(self, subject: str, scopes: list[str], claims: dict[str, Any]) -> None:
        self.subject = subject
        self.scopes = scopes
        self.claims = claims
        self.client_id = str(claims.get("client_id") or claims.get("azp") or subject)


def get_access_token() -> AccessToken | None:
    """Return the verified token of the call; None without authentication."""
    identity = get_context().plain.identity
    return None if identity is None else AccessToken(identity.subject, list(identity.scopes), dict(identity.claims))
