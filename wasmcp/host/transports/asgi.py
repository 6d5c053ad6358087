"""An ASGI application around a server: HTTP comes in from any ASGI server, and all of MCP over HTTP is the server's.

Specification: asgi.readthedocs.io, HTTP and lifespan, version 3; MCP basic/transports/streamable-http.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError
from wasmcp.host.client.connection import http_request
from wasmcp.host.mcp import encoding
from wasmcp.host.transports.asgi_response import HttpExchange
from wasmcp.host.transports.budget import Budget
from wasmcp.host.transports.http_body import Bodies, BodyError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from wasmcp.host.client.connection import Exchange

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TICK = 1.0  # seconds between two looks at clients that do not read, and at sessions that are over
_BUSY = b"Service unavailable: the server has as many requests as it may; try again later\n"


class App:
    """ASGI application of one server, within the bounds of its `Limits.http`; closes it when the lifespan ends.

    Attributes:
        bodies: Budget of the bodies of requests in progress.
        streams: Budget of streams of notifications, by number.
        filters: Budget of the bytes of their URIs.
        unread: Budget of the bytes that clients have not read yet.
    """

    def __init__(self, server: Exchange) -> None:
        """Prepare.

        Args:
            server: What answers.
        """
        self._server = server
        self._limits = limits = server.limits.http
        self.bodies = Budget(limits.request_bytes)
        self.streams = Budget(limits.streams)
        self.filters = Budget(limits.streams_bytes)
        self.unread = Budget(limits.unread_bytes)
        self._reading = Bodies(self.bodies, limits.body_time)
        self._requests = 0
        self._sending: dict[HttpExchange, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arrived: deque[tuple[HttpExchange, str, Any]] = deque()
        self._scheduled = False
        self._lock = threading.Lock()
        self._thread = 0  # the event loop's

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the ASGI server."""
        if scope["type"] == "http":
            if self._loop is None:
                self._begin()
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"`{scope['type']}` is not served, only `http`")

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._timer = self._loop.call_later(_TICK, self._tick)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._begin()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._timer is not None:
                    self._timer.cancel()
                await asyncio.get_running_loop().run_in_executor(None, self._server.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _tick(self) -> None:
        """Look after what no request asks for: sessions that are over, clients that do not read."""
        self._server.sessions.expire()
        now = asyncio.get_running_loop().time()
        for exchange in list(self._sending):
            exchange.look(now, crowded=self._server.pool.crowded)
        self._timer = asyncio.get_running_loop().call_later(_TICK, self._tick)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._requests >= self._limits.requests:
            await _refuse(send, BodyError(503, _BUSY))
            return
        if _ambiguous(scope):
            await _refuse(send, BodyError(400, b"Bad request: the length of the body is given twice\n"))
            return
        self._requests += 1
        limit = self._server.limits.request
        try:
            body = await self._reading.read(receive, limit, _length(scope["headers"]))
        except BodyError as refused:
            self._requests -= 1
            await _refuse(send, refused)
            return
        except BaseException:
            self._requests -= 1
            raise
        if body is None:
            self._requests -= 1
            return
        path = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string", b"")
        target = b"%b?%b" % (path, query) if query else path
        visit = self._server.sessions.visit(scope["headers"], target)
        if scope["method"] == "POST" and visit.receive(body.data, self._server.pool.questions):
            self._requests -= 1
            self.bodies.give(len(body.data))
            await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        request, is_text = http_request(
            scope["method"].encode(),
            target,
            visit.fields,
            encoding.encode(body.data),
            size=body.size,
            limit=limit,
        )
        cancels = _cancels(scope["headers"])
        exchange = HttpExchange(self, self._server, request, body, visit, is_text=is_text, cancels=cancels)
        try:
            self._server.pool.submit(exchange.call)
        except HostError:  # it is closed
            visit.ended(exchange.call)
            self._requests -= 1
            self.bodies.give(len(body.data))
            await _refuse(send, BodyError(503, b"Service unavailable: the server ends\n"))
            return
        if await exchange.respond_at_once(send):
            return
        self._sending[exchange] = None
        try:
            await exchange.respond(receive, send)
        finally:
            del self._sending[exchange]

    def make_room(self) -> None:
        """Give up the exchange whose client has left most unread."""
        most = max(self._sending, key=lambda exchange: exchange.unread, default=None)
        if most is not None:
            most.give_up()

    def arrived(self, exchange: HttpExchange, kind: str, value: Any) -> None:
        """Take news of an exchange; from other threads one wake-up of the event loop serves all of it."""
        if threading.get_ident() == self._thread and not self._arrived:
            self._take(exchange, kind, value)
            return
        self._arrived.append((exchange, kind, value))
        with self._lock:
            if self._scheduled:
                return
            self._scheduled = True
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed, and all responses with it
                self._arrived.clear()

    def _deliver(self) -> None:
        with self._lock:
            self._scheduled = False
        while self._arrived:
            self._take(*self._arrived.popleft())

    def _take(self, exchange: HttpExchange, kind: str, value: Any) -> None:
        if kind == "done":
            self._requests -= 1
        if self.unread.used > self.unread.most:
            self.make_room()
        exchange.take(kind, value)


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Return the announced length of a body."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else None
    return None


def _ambiguous(scope: Scope) -> bool:
    """Tell whether readers of the request could differ on where its body ends (RFC 9112, sections 6.1 and 6.3)."""
    names = [name for name, _ in scope["headers"]]
    if b"transfer-encoding" not in names:
        return False
    return b"content-length" in names or scope.get("http_version") == "1.0"


async def _refuse(send: Send, refused: BodyError) -> None:
    """Answer without the server, and end the connection."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(refused.text)),
        (b"connection", b"close"),
    ]
    if refused.status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": refused.text})


def _cancels(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a client that goes cancels its request: so it is in 2026-07-28, and was not before."""
    return any(name == b"mcp-protocol-version" and value.strip() == b"2026-07-28" for name, value in headers)
