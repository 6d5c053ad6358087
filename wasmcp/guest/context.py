"""The context of a call: its request, its client, and notifications to the client."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from wasmcp.guest.client_requests import ClientRequestMethods
from wasmcp.guest.errors import ExpiredContextError, MismatchError, NotGrantedError
from wasmcp.guest.json_types.conversions import dump_any
from wasmcp.guest.json_types.json_codec import encode, sendable
from wasmcp.guest.json_types.uris import sendable_uri
from wasmcp.guest.mrtr import ClientRequests, InputRequiredSignal

if TYPE_CHECKING:
    from wasmcp.guest.json_types.uris import Pattern
    from wasmcp.guest.kv.buckets import Session

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


@dataclass(frozen=True)
class Identity:
    """The authenticated client. Specification: basic/authorization.

    Attributes:
        subject: The claim ``sub`` of the token.
        issuer: The claim ``iss`` of the token.
        scopes: The granted OAuth scopes.
        claims: All verified claims, by name.
    """

    subject: str
    issuer: str | None
    scopes: Sequence[str]
    claims: Mapping[str, Any]


@dataclass(frozen=True)
class HttpRequest:
    """The HTTP request that carried the call.

    Attributes:
        method: The HTTP method, for example ``POST``.
        path: The path, with the query.
        headers: Values by lower-case name; the last value of a repeated header.
    """

    method: str
    path: str
    headers: Mapping[str, str]


class Request(Protocol):
    """The request as the component's host provides it; JSON values are strings here.

    The WIT resource ``wasmcp:mcp-v20260728/messages.request``, or `wasmcp.guest.testing.LocalContext` in a unit test.
    """

    def id(self) -> str: ...  # noqa: D102 - documented in the WIT
    def target(self) -> str | None: ...  # noqa: D102
    def match_template(self, uri: str, templates: Sequence[Pattern]) -> Any: ...  # noqa: D102
    def meta(self) -> str | None: ...  # noqa: D102
    def protocol_version(self) -> str: ...  # noqa: D102
    def client_capabilities(self) -> str: ...  # noqa: D102
    def identity(self) -> Any: ...  # noqa: D102
    def session(self) -> str | None: ...  # noqa: D102
    def http(self) -> Any: ...  # noqa: D102
    def progress(self, progress: float, total: float | None, message: str | None) -> None: ...  # noqa: D102
    def log(self, level: Any, logger: str | None, data: str) -> None: ...  # noqa: D102
    def cancelled(self) -> bool: ...  # noqa: D102
    def notify_tools_changed(self) -> None: ...  # noqa: D102
    def notify_prompts_changed(self) -> None: ...  # noqa: D102
    def notify_resources_changed(self) -> None: ...  # noqa: D102
    def notify_resource_updated(self, uri: str) -> None: ...  # noqa: D102
    def input_responses(self) -> list[tuple[str, str]]: ...  # noqa: D102
    def input_state(self) -> bytes | None: ...  # noqa: D102
    def client_request(self, method: str, params: str, key: str | None) -> Any: ...  # noqa: D102
    def stored_value(self, name: str) -> str | None: ...  # noqa: D102
    def store_value(self, name: str, value: str) -> None: ...  # noqa: D102


class Context(ClientRequestMethods):
    """The call that a handler answers. Declare a parameter of this type to get it; clients do not see the parameter.

    A context is valid during its call: afterwards every use raises `ExpiredContextError`. In unit tests pass a
    `wasmcp.guest.testing.LocalContext`.
    """

    __slots__ = ("_client_requests", "_held", "_levels")

    def __init__(self, request: Request | None, levels: Mapping[str, Any] | None = None) -> None:
        """Wrap a request; ``levels`` maps the names of log levels to the values that ``request.log`` takes.

        Without a request the context has expired.
        """
        self._held: Request | None = request
        self._levels = levels
        self._client_requests: ClientRequests | None = None

    @property
    def _request(self) -> Request:
        if self._held is None:
            raise ExpiredContextError
        return self._held

    def _expire(self) -> None:
        self._held = None

    def _get_client_requests(self) -> ClientRequests:
        if self._client_requests is None:
            self._client_requests = ClientRequests(lambda: self._request)
        return self._client_requests

    def match_template(self, uri: str, templates: Sequence[Pattern]) -> Any:
        """Return the first template that a URI matches, the record `uri-match`; None if it matches none."""
        return self._request.match_template(uri, templates) if templates else None

    def _idle(self) -> None:
        if self._client_requests is not None and self._client_requests.waiting:
            raise InputRequiredSignal

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Send a progress notification, if the client requested progress. Specification: basic/patterns/progress.

        Args:
            progress: The progress so far; must increase from call to call.
            total: The value of `progress` at the end, if known.
            message: A text that describes the current step.
        """
        self._request.progress(
            float(progress), None if total is None else float(total), None if message is None else sendable(message)
        )

    def log(self, level: LogLevel, data: Any, *, logger: str | None = None) -> None:
        """Send a log message, if the client requested this level. Specification: server/utilities/logging.

        Args:
            level: A severity of RFC 5424.
            data: A string, or any value that JSON can represent.
            logger: The name of the logger.

        Raises:
            ValueError: The level is unknown.
            TypeError: The data has no JSON form.
        """
        request = self._request
        levels = self._levels or _LEVELS
        if level not in levels:
            raise ValueError(f"unknown log level {level!r}; known: {', '.join(levels)}")
        try:
            text = encode(dump_any(data))
        except MismatchError as mismatch:
            raise TypeError(f"a log message must be a value that JSON can hold: {mismatch}") from None
        request.log(levels[level], None if logger is None else sendable(logger), text)

    def debug(self, data: Any) -> None:
        """Send a log message of level ``debug``."""
        self.log("debug", data)

    def info(self, data: Any) -> None:
        """Send a log message of level ``info``."""
        self.log("info", data)

    def warning(self, data: Any) -> None:
        """Send a log message of level ``warning``."""
        self.log("warning", data)

    def error(self, data: Any) -> None:
        """Send a log message of level ``error``."""
        self.log("error", data)

    @property
    def cancelled(self) -> bool:
        """True after the client has cancelled the request. Check it regularly in a long-running tool.

        Specification: basic/patterns/cancellation.
        """
        return self._request.cancelled()

    def tools_changed(self) -> None:
        """Send `notifications/tools/list_changed` to subscribed clients.

        Specification: basic/patterns/subscriptions.
        """
        self._request.notify_tools_changed()

    def prompts_changed(self) -> None:
        """Send `notifications/prompts/list_changed` to subscribed clients; see `tools_changed`."""
        self._request.notify_prompts_changed()

    def resources_changed(self) -> None:
        """Send `notifications/resources/list_changed` to subscribed clients: resources and resource templates."""
        self._request.notify_resources_changed()

    def resource_updated(self, uri: str) -> None:
        """Send `notifications/resources/updated` to the clients that are subscribed to a resource.

        Specification: basic/patterns/subscriptions.

        Args:
            uri: The URI of the resource; sent in the normal form that lists contain.

        Raises:
            ValueError: The URI has no scheme.
        """
        self._request.notify_resource_updated(sendable_uri(uri))

    @property
    def target(self) -> str:
        """The name of the requested tool or prompt, or the URI of the requested resource."""
        return self._request.target() or ""

    @property
    def tool_name(self) -> str:
        """The name of the called tool."""
        return self._request.target() or ""

    @property
    def request_id(self) -> str | int:
        """The JSON-RPC id of the request: unique among the client's pending requests."""
        found: str | int = json.loads(self._request.id())
        return found

    @property
    def protocol_version(self) -> str:
        """The protocol revision of the response, for example ``2026-07-28``."""
        return self._request.protocol_version()

    @property
    def client_capabilities(self) -> dict[str, Any]:
        """The client's capabilities. Specification: schema `ClientCapabilities`."""
        return _object(self._request.client_capabilities())

    @property
    def meta(self) -> dict[str, Any]:
        """The request's ``_meta``; empty if the request has none."""
        return _object(self._request.meta())

    @property
    def session(self) -> Session | None:
        """The session of a client of a handshake revision: its `id`, and values that last as long as the session.

        None without a session: clients of 2026-07-28 have none. The values need the grant ``sessions``.
        """
        return SESSIONS[-1](lambda: self._request)

    @property
    def identity(self) -> Identity | None:
        """The authenticated client; None without authentication."""
        found = self._request.identity()
        if found is None:
            return None
        return Identity(found.subject, found.issuer, tuple(found.scopes), _object(found.claims))

    @property
    def http(self) -> HttpRequest | None:
        """The HTTP request that carried the call; None on another transport."""
        found = self._request.http()
        return None if found is None else HttpRequest(found.method, found.path, dict(found.headers))

    @property
    def input_responses(self) -> dict[str, Any]:
        """The client's results for an earlier `InputRequired`, by key; empty on a first call."""
        return {key: json.loads(value) for key, value in self._request.input_responses()}

    @property
    def input_state(self) -> bytes | None:
        """The state of the earlier `InputRequired`; None without one."""
        return self._request.input_state()


EXPIRED = Context(None)
"""The expired context of calls that do not use theirs."""


class _Ungranted:
    """A session whose values are not granted to the component."""

    def __init__(self, request: Callable[[], Request]) -> None:
        self._request = request

    @property
    def id(self) -> str:
        return self._request().session() or ""

    def __getattr__(self, name: str) -> Any:
        raise NotGrantedError("sessions")

    __contains__ = __getitem__ = __delitem__ = __getattr__

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotGrantedError("sessions")

    def __iter__(self) -> Any:
        raise NotGrantedError("sessions")


def _ungranted(request: Callable[[], Request]) -> Any:
    return None if request().session() is None else _Ungranted(request)


SESSIONS: list[Callable[[Callable[[], Request]], Session | None]] = [_ungranted]
"""The last function returns the session of a request; a component with the grant ``sessions`` adds one."""

_LEVELS = {name: name for name in ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")}


def _object(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}
