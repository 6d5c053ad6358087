"""ASGI middleware that measures requests, for logs and metrics; and the admission of requests by rate limits."""

from __future__ import annotations

import ipaddress
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from wasmcp.host.operations.rate_limits import refusal
from wasmcp.host.operations.request_facts import Identities, Identity, received
from wasmcp.host.operations.request_logs import RequestRecord
from wasmcp.host.transports.http_options import HEALTH, READY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wasmcp.host.operations.rate_limits import RateLimiter
    from wasmcp.host.transports.asgi_response import Send
    from wasmcp.host.transports.endpoint import Application, Scope
    from wasmcp.host.transports.http_body import Receive

RECORD = "wasmcp.record"
"""Key of the ASGI scope with the record of a request."""


class Observation:
    """Application whose requests are measured. Health checks are not."""

    def __init__(
        self, app: Application, observers: Sequence[Callable[[RequestRecord], None]], root_path: str = ""
    ) -> None:
        """Wrap an application.

        Args:
            app: The application.
            observers: Functions that are called with each request that has ended; they must not block.
            root_path: A prefix of all paths that a proxy keeps.
        """
        self._app = app
        self._observers = observers
        self._checks = {prefix + path for prefix in ("", root_path) for path in (HEALTH, READY)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the ASGI server."""
        if scope["type"] != "http" or scope["path"] in self._checks:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        target = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string", b"")
        record = RequestRecord(
            time(),
            client[0] if client else None,
            scope["method"],
            (target + b"?" + query if query else target).decode("latin-1"),
            scope.get("http_version", "1.1"),
            _field(scope, b"user-agent") or "",
            _field(scope, b"mcp-session-id"),
            port=client[1] if client else 0,
        )
        began = monotonic()
        scope[RECORD] = record

        async def observed(message: Any) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
            else:
                body = message.get("body", b"")
                record.sent += len(body)
                if record.trace is not None:
                    record.trace.sent(body)
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            record.seconds = monotonic() - began
            for observer in self._observers:
                observer(record)


class Admission:
    """Messages and identities of requests, for their records, and refusals by rate limits.

    Attributes:
        identifies: True if the identities of requests are logged.
        limits_identities: True if rate limits count by identity.
        identities: The identities that are known.
    """

    def __init__(
        self, limiter: RateLimiter | None, is_session: Callable[[str], bool], *, identifies: bool = False
    ) -> None:
        """Admit requests.

        Args:
            limiter: The rate limits; None for none.
            is_session: Function that returns True if a session with this identifier exists.
            identifies: Log the identities of requests.
        """
        self.identifies = identifies
        self.limits_identities = limiter is not None and limiter.by == "identity"
        self.identities = Identities()
        self._limiter = limiter
        self._is_session = is_session

    def identified(self, scope: Scope, field: bytes) -> None:
        """Add the identity that the server has found to the record of a request."""
        record = scope.get(RECORD)
        if record is not None:
            record.identity = Identity.of(field)

    def refuse(
        self, scope: Scope, body: bytes, identity: Identity | None = None
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
        """Return the response to a request above a limit: status, header fields, body. Return None otherwise.

        Args:
            scope: The scope of the request.
            body: The body of the request.
            identity: The identity whose limits count; None for those of the address or session.
        """
        record = scope.get(RECORD)
        messages = record.messages if record is not None else ()
        if not messages and scope["method"] == "POST":
            messages = received(body)
        if record is not None:
            record.messages = messages
            record.identity = identity
        if self._limiter is None:
            return None
        client = self._client(scope) if identity is None else identity.client
        limited = self._limiter.admit(client, messages)
        if limited is None:
            return None
        if record is not None:
            record.limited = True
        answer = refusal(messages, limited, is_batch=body.lstrip()[:1] == b"[") or b""
        fields = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer)),
            (b"retry-after", b"%d" % limited.retry_after),
        ]
        return 429, fields, answer

    def _client(self, scope: Scope) -> str:
        if self._limiter is not None and self._limiter.by == "session":
            session = _field(scope, b"mcp-session-id")
            if session and self._is_session(session):
                return f"session {session}"
        client = scope.get("client")
        return network_of(client[0]) if client else "unknown"


def network_of(address: str) -> str:
    """Return the address of a client, of IPv6 the first 64 bits: one client can have all addresses below them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def _field(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)
