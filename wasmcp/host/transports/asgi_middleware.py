"""ASGI middleware in front of a server: paths, health checks, addresses behind proxies, observation, and admission.

Requests are measured for logs and metrics, and admitted by rate limits.

Specification: asgi.readthedocs.io, version 3.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from wasmcp.host.operations.rate_limits import refusal
from wasmcp.host.operations.request_records import Identities, Identity, RequestRecord, received
from wasmcp.host.transports.http_options import ENDPOINT, HEALTH, READY, WELL_KNOWN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    from wasmcp.host.operations.rate_limits import RateLimiter
    from wasmcp.host.transports.asgi_response import AsgiResponse, Send
    from wasmcp.host.transports.http_body import Receive
    from wasmcp.host.transports.request_head import RequestHead

    Scope = MutableMapping[str, Any]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_ENDPOINT = ENDPOINT.encode()
_CHECKS = frozenset({HEALTH.encode(), READY.encode()})
_WELL_KNOWN = WELL_KNOWN.encode()
_MOST_HOPS = 32  # maximum number of addresses in `X-Forwarded-For` that are read


class Endpoint:
    """Application behind health checks, with the endpoint at a path of the operator's choice."""

    def __init__(
        self, app: Application, problem: Callable[[], str | None], *, path: str = ENDPOINT, root_path: str = ""
    ) -> None:
        """Wrap an application.

        Args:
            app: The application, whose endpoint is `/mcp`.
            problem: Function that returns the reason if requests cannot be processed, else None.
            path: The path of the endpoint.
            root_path: A prefix of all paths that a proxy keeps.
        """
        self._problem = problem
        self._path = path.encode()
        self._root = root_path.encode()
        self._is_default = path == ENDPOINT and not root_path
        names = self._path, self._root + self._path
        self._names = {name for name in names if self._is_endpoint(self._without_root(name))}
        self.replace(app)

    def replace(self, app: Application) -> None:
        """Pass later requests on to another application."""
        self._app = app
        self._begin = getattr(app, "begin_at_once", None)

    def begin_at_once(
        self, head: RequestHead, body: bytes, client: tuple[str, int] | None
    ) -> tuple[int, bytes, bytes] | AsgiResponse | None:
        """Begin a request whose body has arrived; see `App.begin_at_once`. Return None for requests to other paths."""
        if self._begin is None or head.raw_path not in self._names:
            return None
        begun: tuple[int, bytes, bytes] | AsgiResponse | None = self._begin(
            head if self._is_default else head.at(_ENDPOINT), body, client
        )
        return begun

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the ASGI server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        target = self._without_root(scope.get("raw_path") or scope["path"].encode())
        if target in _CHECKS:
            await self._check(target, scope, send)
            return
        if not self._is_default:
            mapped = self._mapped(target)
            if mapped is None:
                await respond(send, 404, f"Not found: the endpoint is {self._path.decode()}\n")
                return
            scope["raw_path"] = mapped
            scope["path"] = mapped.decode("ascii", "replace")
        await self._app(scope, receive, send)

    def _without_root(self, target: bytes) -> bytes:
        """Return the path behind the prefix that a proxy keeps."""
        if self._root and (target == self._root or target.startswith(self._root + b"/")):
            return target[len(self._root) :] or b"/"
        return target

    def _is_endpoint(self, target: bytes) -> bool:
        return target not in _CHECKS and self._mapped(target) == _ENDPOINT

    def _mapped(self, target: bytes) -> bytes | None:
        """Return the path inside the server: of the endpoint, below it, and of its metadata (RFC 9728, section 3.1)."""
        if target.startswith(_WELL_KNOWN):
            kind, _, rest = target[len(_WELL_KNOWN) :].partition(b"/")
            inside = self._inside(b"/" + rest) if rest else b""
            return None if inside is None else _WELL_KNOWN + kind + inside
        return self._inside(target)

    def _inside(self, target: bytes) -> bytes | None:
        if target == self._path:
            return _ENDPOINT
        if target.startswith(self._path + b"/"):
            return _ENDPOINT + target[len(self._path) :]
        return None

    async def _check(self, target: bytes, scope: Scope, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            await respond(send, 405, "Method not allowed: a health check is a GET\n", (b"allow", b"GET, HEAD"))
            return
        problem = self._problem() if target == READY.encode() else None
        if problem is None:
            await respond(send, 200, "ok\n", (b"cache-control", b"no-store"))
        else:
            await respond(send, 503, f"not ready: {problem}\n", (b"cache-control", b"no-store"))


class ProxiedClients:
    """Application that sees the addresses of clients, where a trusted proxy reports them.

    The client is the last address in `X-Forwarded-For` that is not a trusted proxy: everything before it can be forged.
    """

    def __init__(self, app: Application, trusted: Sequence[str]) -> None:
        """Wrap an application.

        Args:
            app: The application.
            trusted: Addresses and networks of proxies; `unix` for everything that arrives at a Unix domain socket.
        """
        self._app = app
        self._trusts_unix = "unix" in trusted
        self._networks = [ipaddress.ip_network(each) for each in trusted if each != "unix"]
        self._is_trusted = lru_cache(4096)(self._compute_trust)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the ASGI server."""
        if scope["type"] == "http":
            client = scope.get("client")
            if self._trusts_unix if client is None else self._is_trusted(client[0]):
                self._apply(scope)
        await self._app(scope, receive, send)

    def _apply(self, scope: Scope) -> None:
        hops: list[str] = []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                hops += value.decode("latin-1").split(",")
            elif name == b"x-forwarded-proto" and value.strip().lower() in {b"http", b"https"}:
                scope["scheme"] = value.strip().lower().decode()
        found = None
        for hop in reversed(hops[-_MOST_HOPS:]):
            address = _address(hop)
            if address is None:
                break  # what is before an unreadable entry cannot be trusted
            found = address
            if not self._is_trusted(address):
                break
        if found is not None:
            scope["client"] = (found, 0)

    def _compute_trust(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)


def _address(hop: str) -> str | None:
    """Return the IP address of an entry in `X-Forwarded-For`, which can have a port; None if it has none."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text)) if len(text) < 64 else None
    except ValueError:
        return None


async def respond(send: Send, status: int, text: str, *fields: tuple[bytes, bytes]) -> None:
    """Send a response with a text."""
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)), *fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


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
