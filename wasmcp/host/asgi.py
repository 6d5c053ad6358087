"""An ASGI application around a server: HTTP comes in from any ASGI server, and all of MCP over HTTP is the server's.

Specification: asgi.readthedocs.io, HTTP and lifespan, version 3; MCP basic/transports/streamable-http.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from wasmcp.errors import GuestCancelled
from wasmcp.host import text
from wasmcp.host.exchange import http_request
from wasmcp.host.failure import error_message, report
from wasmcp.host.pool import Call
from wasmcp.host.subscriptions import Listener

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping

    from wasmcp.host.exchange import Exchange
    from wasmcp.host.sessions import Visit

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Watching for a disconnect takes a task for each request; most are answered before it would have been worth one.
_WATCH_AFTER = 0.02
# A comment in a silent stream, for whatever between us and the client closes idle connections (WHATWG HTML, 9.2.7).
_KEEP_ALIVE = 15.0
# What a client has not taken yet: above the first the code that talks to it waits, below the second it goes on.
_MUCH = 1 << 20
_LITTLE = 1 << 18
_JSON = (b"content-type", b"application/json")


class App:
    """Serves one server. Closes it when the ASGI server's lifespan ends."""

    def __init__(self, server: Exchange, *, hosts: Collection[str] | None = None) -> None:
        """Prepare.

        Args:
            server: What answers.
            hosts: The names under which clients may address it (the `Host` field, without its port), in lower case;
                None for any. A server that listens on this machine only should name them: a page whose own name was
                made to point here (DNS rebinding) sends that name.
        """
        self._server = server
        self._hosts = None if hosts is None else frozenset(name.encode() for name in hosts)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived: deque[tuple[_Exchange, str, Any]] = deque()
        self._scheduled = False
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the ASGI server."""
        if scope["type"] == "http":
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"`{scope['type']}` is not served, only `http`")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._loop = asyncio.get_running_loop()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await asyncio.get_running_loop().run_in_executor(None, self._server.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._hosts is not None and not self._addressed(scope["headers"]):
            await _misdirected(send)
            return
        limit = self._server.limits.request
        body = await _read(receive, limit)
        if body is None:
            return
        data, size = body
        if scope["method"] == "POST" and self._server.pool.questions.answer(data):
            await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        path = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string", b"")
        visit = self._server.sessions.visit(scope["headers"])
        request, is_text = http_request(
            scope["method"].encode(),
            b"%b?%b" % (path, query) if query else path,
            visit.fields,
            text.encode(data),
            size=size,
            limit=limit,
        )
        exchange = _Exchange(self, request, data, visit, is_text=is_text, cancels=_cancels(scope["headers"]))
        self._server.pool.submit(exchange.call)
        await exchange.respond(receive, send)

    def _addressed(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        for name, value in headers:
            if name == b"host":
                host = value.lower()
                if not host.endswith(b"]"):  # an IPv6 address without a port
                    host = host.rpartition(b":")[0] or host
                return host in (self._hosts or ())
        return True  # HTTP/1.0; browsers always name the host

    def arrived(self, exchange: _Exchange, kind: str, value: Any) -> None:
        """Take news of an exchange from another thread; one wake-up of the event loop serves all of it."""
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


class _Exchange:
    """One HTTP request and its response."""

    def __init__(
        self, app: App, request: tuple[bytes, ...], body: bytes, visit: Visit, *, is_text: bool, cancels: bool
    ) -> None:
        self._app = app
        self._body = body
        self._visit = visit
        self._opened: dict[str, Any] | None = None
        self._listener: Listener | None = None
        self._streaming = False
        self._is_text = is_text
        self._cancels = cancels
        self._news: deque[tuple[str, Any]] = deque()
        self._changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._received = self._sent = 0
        self._held = False
        self.call = Call(request, app._server.limits.timeout, self._done, self._event)  # noqa: SLF001 - one unit

    # On threads of the host

    def _done(self, call: Call) -> None:
        self._app.arrived(self, "done", call)

    def _event(self, kind: str, json_text: str) -> None:
        if kind in {"head", "chunk"}:
            self._received += len(json_text)
            self._app.arrived(self, kind, json_text)
            if self._received - self._sent > _MUCH:
                self._held = True
                self.call.hold()
                self._go_on()  # where all of it was sent just now
        else:
            self._opened = self._visit.event(kind, json_text) or self._opened

    def _message(self, message: bytes | None) -> None:
        """Take a message for the stream that the response has become; None ends it."""
        if message is not None:
            self._received += len(message)
            if self._received - self._sent > _MUCH:
                message = None  # a client that does not read: it may listen again
        self._app.arrived(self, "message", message)

    def _go_on(self) -> None:
        if self._held and self._received - self._sent < _LITTLE:
            self._held = False
            self.call.release()

    # On the event loop

    def take(self, kind: str, value: Any) -> None:
        """Take news, and wake the one who responds."""
        self._news.append((kind, value))
        if not self._changed.done():
            self._changed.set_result(None)

    async def respond(self, receive: Receive, send: Send) -> None:
        """Send the response as it comes; take the request back when the client goes."""
        loop = asyncio.get_running_loop()
        watches: list[asyncio.Task[None]] = []
        timer = loop.call_later(_WATCH_AFTER, lambda: watches.append(loop.create_task(self._watch(receive))))
        started = False
        try:
            while True:
                if not self._news:
                    if started:
                        await asyncio.wait((self._changed,), timeout=_KEEP_ALIVE)
                        if not self._changed.done():
                            await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
                            continue
                    else:
                        await self._changed
                    self._changed = loop.create_future()
                    continue
                kind, value = self._news.popleft()
                if kind == "done":
                    if not await self._finish(value, send, started=started):
                        return
                    started = True
                    continue
                if kind == "message":
                    if value is None:
                        await send({"type": "http.response.body", "body": b""})
                        return
                    await send({"type": "http.response.body", "body": b"data: %b\n\n" % value, "more_body": True})
                    self._sent += len(value)
                    continue
                content = json.loads(value)
                if kind == "head":
                    started = True
                    await _start(send, content["status"], content["headers"])
                elif started:
                    await send({"type": "http.response.body", "body": content.encode(), "more_body": True})
                self._sent += len(value)
                self._go_on()
        except BaseException:  # cancelled by the ASGI server, or the client is gone
            self.call.cancel()
            raise
        finally:
            timer.cancel()
            for watch in watches:
                watch.cancel()
            self._leave()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self._cancels:
            self.call.cancel()
        else:  # what it was asked it cannot answer any more where the call would hear of it
            self._app._server.pool.questions.drop(self.call)  # noqa: SLF001 - one unit
        if self._streaming:
            self.take("message", None)

    async def _finish(self, call: Call, send: Send, *, started: bool) -> bool:
        """Send what the call came to. True: it is the beginning of a stream."""
        if call.error is not None:
            await self._fail(call.error, send, started=started)
            return False
        status, fields, body = call.result
        if status == 0:
            await send({"type": "http.response.body", "body": body})
            return False
        if not self._is_text and status == 400:
            body = text.NOT_UTF8
        fields = self._visit.settle(fields)
        headers = [
            (name, value.strip()) for name, _, value in [line.partition(b":") for line in fields.split(b"\r\n") if line]
        ]
        if status == 200 and (self._opened or self._visit.attached):
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": True})
            self._stay()
            return True
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return False

    def _stay(self) -> None:
        """Have the response go on as a stream of notifications."""
        self._streaming = True
        if self._opened:
            self._listener = Listener(self._opened, self._message)
            self._app._server.hub.add(self._listener)  # noqa: SLF001 - one unit
        else:
            for message in self._visit.open(self._message):
                self._message(message)

    def _leave(self) -> None:
        if self._listener is not None:
            self._app._server.hub.remove(self._listener)  # noqa: SLF001 - one unit
        elif self._streaming:
            self._visit.close(self._message)

    async def _fail(self, error: Exception, send: Send, *, started: bool) -> None:
        if not isinstance(error, GuestCancelled):
            report(error)
        message = error_message(self._body, error) or b""
        if started:
            event = b"data: %b\n\n" % message if message else b""
            await send({"type": "http.response.body", "body": event})
            return
        # The status of a JSON-RPC error that HTTP has no word for, as in the transport.
        headers = [_JSON, (b"content-length", b"%d" % len(message))]
        await send({"type": "http.response.start", "status": 200 if message else 500, "headers": headers})
        await send({"type": "http.response.body", "body": message})


def _cancels(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a client that goes takes its request back: so it is in 2026-07-28, and was not before."""
    return any(name == b"mcp-protocol-version" and value.strip() == b"2026-07-28" for name, value in headers)


async def _start(send: Send, status: int, fields: list[list[str]]) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _misdirected(send: Send) -> None:
    """Answer a request that is for another host. RFC 9110, section 15.5.20."""
    body = b"Misdirected request: this server is not addressed by that name\n"
    await _start(send, 421, [["content-type", "text/plain; charset=utf-8"], ["content-length", str(len(body))]])
    await send({"type": "http.response.body", "body": body})


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
