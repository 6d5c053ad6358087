"""An ASGI application around a server: HTTP comes in from any ASGI server, and all of MCP over HTTP is the server's.

Specification: asgi.readthedocs.io, HTTP and lifespan, version 3; MCP basic/transports/streamable-http.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from wasmcp.host import text
from wasmcp.host.exchange import http_request
from wasmcp.host.http_exchange import HttpExchange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from wasmcp.host.exchange import Exchange

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class App:
    """Serves one server. Closes it when the ASGI server's lifespan ends."""

    def __init__(self, server: Exchange) -> None:
        """Prepare.

        Args:
            server: What answers.
        """
        self._server = server
        self._loop: asyncio.AbstractEventLoop | None = None
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

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._begin()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await asyncio.get_running_loop().run_in_executor(None, self._server.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._server.limits.request
        if _ambiguous(scope):
            await _refuse(send, 400, b"Bad request: the length of the body is given twice\n")
            return
        body = await _read(receive, limit)
        if body is None:
            return
        data, size = body
        path = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string", b"")
        target = b"%b?%b" % (path, query) if query else path
        visit = self._server.sessions.visit(scope["headers"], target)
        if scope["method"] == "POST" and visit.receive(data, self._server.pool.questions):
            await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        request, is_text = http_request(
            scope["method"].encode(),
            target,
            visit.fields,
            text.encode(data),
            size=size,
            limit=limit,
        )
        cancels = _cancels(scope["headers"])
        exchange = HttpExchange(self, self._server, request, data, visit, is_text=is_text, cancels=cancels)
        self._server.pool.submit(exchange.call)
        if not await exchange.respond_at_once(send):
            await exchange.respond(receive, send)

    def arrived(self, exchange: HttpExchange, kind: str, value: Any) -> None:
        """Take news of an exchange; from other threads one wake-up of the event loop serves all of it."""
        if threading.get_ident() == self._thread and not self._arrived:
            exchange.take(kind, value)
            return
        self._arrived.append((exchange, kind, value))
        with self._lock:
            if self._scheduled:
                return
            self._scheduled = True
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._arrived.clear()

    def _deliver(self) -> None:
        with self._lock:
            self._scheduled = False
        while self._arrived:
            exchange, kind, value = self._arrived.popleft()
            exchange.take(kind, value)


def _ambiguous(scope: Scope) -> bool:
    """Tell whether readers of the request could differ on where its body ends (RFC 9112, sections 6.1 and 6.3)."""
    names = [name for name, _ in scope["headers"]]
    if b"transfer-encoding" not in names:
        return False
    return b"content-length" in names or scope.get("http_version") == "1.0"


async def _refuse(send: Send, status: int, body: bytes) -> None:
    """Answer without the server, and end the connection."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _cancels(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a client that goes takes its request back: so it is in 2026-07-28, and was not before."""
    return any(name == b"mcp-protocol-version" and value.strip() == b"2026-07-28" for name, value in headers)


async def _read(receive: Receive, limit: int) -> tuple[bytes, int] | None:
    """Read the body, and its size; beyond the limit only the size. None: the client is gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        elif parts:
            parts.clear()
        if not message.get("more_body", False):
            return (parts[0] if len(parts) == 1 else b"".join(parts)), size
