"""One HTTP request and its response, on the event loop."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

from wasmcp.errors import GuestCancelled
from wasmcp.host import text
from wasmcp.host.call import Call
from wasmcp.host.failure import error_message, report
from wasmcp.host.subscriptions import Listener

if TYPE_CHECKING:
    from wasmcp.host.asgi import App, Receive, Send
    from wasmcp.host.exchange import Exchange
    from wasmcp.host.sessions import Visit

# Watching for a disconnect takes a task for each request; most are answered before it would have been worth one.
_WATCH_AFTER = 0.02
# A comment in a silent stream, for whatever between us and the client closes idle connections (WHATWG HTML, 9.2.7).
_KEEP_ALIVE = 15.0
# What a client has not taken yet: above the first the code that talks to it waits, below the second it goes on.
_MUCH = 1 << 20
_LITTLE = 1 << 18
_JSON = (b"content-type", b"application/json")


class HttpExchange:
    """One HTTP request and its response."""

    def __init__(
        self,
        app: App,
        server: Exchange,
        request: tuple[bytes, ...],
        body: bytes,
        visit: Visit,
        *,
        is_text: bool,
        cancels: bool,
    ) -> None:
        """Prepare the call; submit it, then respond.

        Args:
            app: Brings news from other threads to the event loop.
            server: What answers.
            request: The arguments of the call.
            body: What the client sent.
            visit: Its session, where there is one.
            is_text: Whether the body is UTF-8.
            cancels: Whether a client that goes takes the request back.
        """
        self._app = app
        self._server = server
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
        self.call = Call(request, server.limits.timeout, self._done, self._event)
        visit.began(self.call, body)

    # On threads of the host

    def _done(self, call: Call) -> None:
        self._visit.ended(call)
        self._app.arrived(self, "done", call)

    def _event(self, kind: str, json_text: str) -> None:
        if kind == "withdrawn":
            kind, json_text = "chunk", json.dumps(f"data: {json_text}\n\n")
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

    async def respond_at_once(self, send: Send) -> bool:
        """Send the response of a call that is done already. False: it is not, or its response goes on."""
        if len(self._news) != 1 or self._news[0][0] != "done" or self._opened or self._visit.attached:
            return False
        await self._finish(self._news[0][1], send, started=False)
        return True

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
                    await start_response(send, content["status"], content["headers"])
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
            self._server.pool.questions.drop(self.call)
        if self._streaming:
            self.take("message", None)

    async def _finish(self, call: Call, send: Send, *, started: bool) -> bool:
        """Send what the call came to. True: it is the beginning of a stream."""
        if call.error is not None:
            await self._fail(call.error, send, started=started)
            return False
        status, fields, body = call.result
        self._visit.taken(status, self._body, self._server.pool.questions)
        if status == 0:
            # Specification: basic/patterns/cancellation: nothing more for a request that was taken back.
            await send({"type": "http.response.body", "body": b"" if call.cancelled else body})
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
            self._server.hub.add(self._listener)
        else:
            for message in self._visit.open(self._message):
                self._message(message)

    def _leave(self) -> None:
        if self._listener is not None:
            self._server.hub.remove(self._listener)
        elif self._streaming:
            self._visit.close(self._message)

    async def _fail(self, error: Exception, send: Send, *, started: bool) -> None:
        if not isinstance(error, GuestCancelled):
            report(error)
        message = error_message(self._body, error) or b""
        if started:
            event = b"data: %b\n\n" % message if message and not isinstance(error, GuestCancelled) else b""
            await send({"type": "http.response.body", "body": event})
            return
        # The status of a JSON-RPC error that HTTP has no word for, as in the transport.
        headers = [_JSON, (b"content-length", b"%d" % len(message))]
        await send({"type": "http.response.start", "status": 200 if message else 500, "headers": headers})
        await send({"type": "http.response.body", "body": message})


async def start_response(send: Send, status: int, fields: list[list[str]]) -> None:
    """Send status and header fields."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})
