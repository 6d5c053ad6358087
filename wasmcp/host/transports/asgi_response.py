"""One HTTP response, on the event loop."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from functools import partial
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from wasmcp.errors import ClientStalledError, GuestCancelledError
from wasmcp.host.bindings.messages import NO_REQUEST, Chunk, Head, InputCancelled
from wasmcp.host.mcp import jsonrpc
from wasmcp.host.mcp.jsonrpc import INTERNAL_ERROR, error_response, internal_error_response, report
from wasmcp.host.mcp.subscriptions import Listener, filter_size
from wasmcp.host.scheduling.call import Call
from wasmcp.host.transports.http_body import Body
from wasmcp.host.transports.http_exchange import Exchange, field_pairs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from wasmcp.host.bindings.messages import Event, HttpRequest
    from wasmcp.host.client.connection import Connection
    from wasmcp.host.engine.limits import Budget
    from wasmcp.host.mcp.http_sessions import SessionRequest
    from wasmcp.host.transports.http_body import Receive

    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    """Function that sends a message to a client. Specification: asgi.readthedocs.io, version 3."""

# Watching for a disconnect needs a task; most requests are answered before that is worthwhile.
_WATCH_AFTER = 0.02
# Seconds between comments in an idle stream, because proxies can close idle connections (WHATWG HTML, 9.2.7).
KEEP_ALIVE = 15.0
# Maximum seconds that a client can leave events unread while other requests wait for an instance.
PATIENCE = 1.0
_JSON = (b"content-type", b"application/json")
_FREED = {whole: Body(b"", 0, whole) for whole in (True, False)}  # replacements of bodies
_NO_STREAM = "Internal error: the server has as many streams as it may; try again later"
_NO_STREAM_OF_SESSION = "Internal error: the session has as many streams as it may"
_NO_FILTER = "Internal error: the server has no room for the URIs of this stream, which may take {} bytes"


@dataclass(slots=True)
class CallEnded:
    """The end of the call of a response."""

    call: Call


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A message on the stream of notifications."""

    message: bytes


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The end of the stream of notifications."""


ResponseEvent = Head | Chunk | CallEnded | StreamMessage | StreamEnded


_NO_EVENTS: deque[ResponseEvent] = deque()


class Application(Protocol):
    """The application that a response belongs to: its budgets, and its event loop."""

    bodies: Budget
    streams: Budget
    filters: Budget
    unread: Budget

    def arrived(self, response: AsgiResponse, event: ResponseEvent) -> None:
        """Pass an event on to the event loop."""

    async def respond(self, response: AsgiResponse, receive: Receive, send: Send) -> None:
        """Send a response."""


class AsgiResponse:
    """The response to one HTTP request.

    Attributes:
        body: The body of the request, which counts in the budget of bodies until the response begins.
        call: The call into the server.
        begins: The thread that submits the call, if it calls `begun` then; otherwise 0.
    """

    # Values of most responses, which are not set for each.
    begins = 0
    body = _FREED[True]
    _events = _NO_EVENTS  # replaced at the first event
    _opened: dict[str, Any] | None = None
    _listener: Listener | None = None
    _filter = 0  # bytes of the URIs of the stream
    _streaming = False
    _closed = False  # True if nothing more is sent on the stream
    _changed: asyncio.Future[None] | None = None  # the next event, once a task waits for events
    _received = _sent = 0
    _held = 0.0  # time since which the call waits for the client to read, or 0
    _stalled = False  # True if unread data was dropped, and no more is queued
    _left = False  # True if the response has ended
    _has_ended = False  # True if the call has ended within `Pool.submit`, and `begun` was not called yet

    def __init__(
        self,
        app: Application,
        server: Connection,
        request: HttpRequest,
        data: bytes,
        session_request: SessionRequest,
        *,
        is_text: bool,
        cancels: bool,
    ) -> None:
        """Prepare the call; submit it, then respond.

        Args:
            app: The application, which passes events of other threads to the event loop.
            server: The server that processes the request.
            request: The arguments of the call.
            data: The data of the body.
            session_request: The request in its session.
            is_text: True if the body is UTF-8.
            cancels: True if a disconnect cancels the request.
        """
        self._app = app
        self._server = server
        self._limits = server.limits.http
        self._session_request = session_request
        self._is_text = is_text
        self._cancels = cancels
        self.call = Call(request, server.limits.timeout, self._done, self._event, server.pool.pending_inputs)
        session_request.began(self.call, data)

    @property
    def unread(self) -> int:
        """The bytes that the client has not read yet."""
        return self._received - self._sent

    # On threads of the host

    def _done(self, call: Call) -> None:
        if self.begins and self.begins == get_ident():
            self._has_ended = True
            return
        self._session_request.ended(call)
        self._app.arrived(self, CallEnded(call))

    def _event(self, _call: Call, event: Event) -> None:
        if isinstance(event, InputCancelled):
            event = Chunk(json.dumps(f"data: {event.text}\n\n"))
        if isinstance(event, Head | Chunk):
            self._received += len(event.text)
            over = self._app.unread.exceed(len(event.text))
            self._app.arrived(self, event)
            if over or self.unread > self._limits.unread:
                self._held = self._held or monotonic()
                self.call.hold()
                self._release_call()  # if everything was sent in the meantime
        else:
            self._opened = self._session_request.event(event) or self._opened

    def _message(self, message: bytes | None) -> None:
        """Send a message on the stream of notifications; None ends it."""
        if self._closed:
            return
        if message is None or self._stalled or self.unread + len(message) > self._limits.unread:
            # The client does not read; it can subscribe again.
            self._closed = True
            self._unlisten()
            self._app.arrived(self, StreamEnded())
        else:
            self._received += len(message)
            self._app.unread.exceed(len(message))
            self._app.arrived(self, StreamMessage(message))

    def _release_call(self) -> None:
        if self._held and self.unread < self._limits.unread / 4:
            self._held = 0.0
            self.call.release()

    # On the event loop

    def take(self, event: ResponseEvent) -> None:
        """Queue an event, and wake the task that sends the response."""
        if self._left or (self._stalled and isinstance(event, Chunk)):
            self._dropped(event)
            return
        if self._events is _NO_EVENTS:
            self._events = deque()
        self._events.append(event)
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def check_stalled(self, now: float, *, has_waiting_calls: bool) -> None:
        """Abandon the response if the client has not read for too long.

        Args:
            now: The time, by `monotonic`.
            has_waiting_calls: True if requests wait for an instance.
        """
        held = self._held
        if held and now - held > (PATIENCE if has_waiting_calls else self._limits.write_time):
            self.abandon()

    def abandon(self) -> None:
        """Drop unread and later data; the request is cancelled, or continues without sending."""
        if self._stalled:
            return
        self._stalled = True
        for _ in range(len(self._events)):
            event = self._events.popleft()
            if isinstance(event, Head | CallEnded):
                self._events.append(event)
            else:
                self._dropped(event)
        self._held = 0.0
        if self._streaming:
            self._unlisten()
            self.take(StreamEnded())
            return
        self.call.release()
        if self._cancels:
            self.call.cancel()
        else:
            self._server.pool.pending_inputs.drop(self.call)

    def _count_sent(self, size: int) -> None:
        self._sent += size
        self._app.unread.give(size)

    def _dropped(self, event: ResponseEvent) -> None:
        """Free the budget of an event that is not sent."""
        if isinstance(event, CallEnded):
            self._drop_body()
        elif not isinstance(event, StreamEnded):
            self._count_sent(_size(event))

    def _drop_body(self) -> Body:
        body, self.body = self.body, _FREED[self.body.whole]
        self._app.bodies.give(len(body.data))
        return body

    def _ended(self) -> Call | None:
        """Return the call if it has ended, and its result is all that is to be sent; otherwise None."""
        first = self._events[0] if len(self._events) == 1 else None
        if not isinstance(first, CallEnded) or self._opened or self._session_request.attached:
            return None
        return first.call

    def begun(self, data: bytes) -> tuple[int, bytes, bytes] | None:
        """Return status, header lines and body if the call has ended within `Pool.submit`, and they are the response.

        A response that was returned must be sent. Otherwise return None: `respond` sends the response then.

        Args:
            data: The data of the body.
        """
        self.begins = 0
        if not self._has_ended:
            return None
        call, session_request = self.call, self._session_request
        is_open = bool(self._received) or self._opened is not None
        result = call.result
        if session_request.is_named:
            session_request.ended(call)
            is_open = is_open or session_request.attached
            is_open = is_open or (result is not None and session_request.can_block(result[1]))
        if is_open or result is None or not result[0]:
            self._app.arrived(self, CallEnded(call))
            return None
        status, lines, body = result
        if status == 400 and not self._is_text:
            body = jsonrpc.NOT_UTF8
        return session_request.conclude(status, lines, body, data, self._server.pool.pending_inputs)

    def _conclude(self, result: tuple[int, bytes, bytes], request: bytes) -> tuple[int, bytes, bytes]:
        status, lines, body = result
        return self._session_request.conclude(status, lines, body, request, self._server.pool.pending_inputs)

    async def __call__(self, _scope: object, receive: Receive, send: Send) -> None:
        """Send the response to its request, as its application."""
        await self._app.respond(self, receive, send)

    async def respond_at_once(self, send: Send) -> bool:
        """Send the response of a call that has ended. Return False if it has not, or if it opens a stream."""
        call = self._ended()
        if call is None:
            return False
        await self._finish(call, send, started=False)
        return True

    async def respond(self, receive: Receive, send: Send) -> None:
        """Send the response as its events arrive; cancel the request when the client disconnects."""
        loop = asyncio.get_running_loop()
        watches: list[asyncio.Task[None]] = []

        def begin_to_watch() -> None:
            if self.body.whole:  # otherwise `receive` would request the rest (`100 Continue`)
                watches.append(loop.create_task(self._watch(receive)))

        timer = loop.call_later(_WATCH_AFTER, begin_to_watch)
        started = False
        try:
            while True:
                if not self._events:
                    changed = self._changed = loop.create_future()
                    if not started:
                        await changed
                    elif not (await asyncio.wait((changed,), timeout=KEEP_ALIVE))[0]:
                        await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
                    continue
                event = self._events.popleft()
                if isinstance(event, CallEnded):
                    if not await self._finish(event.call, send, started=started):
                        return
                    started = True
                    continue
                if isinstance(event, StreamEnded):
                    await send({"type": "http.response.body", "body": b""})
                    return
                try:
                    if isinstance(event, StreamMessage):
                        part = b"data: %b\n\n" % event.message
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                    elif isinstance(event, Head):
                        status, fields = self._session_request.of_stream(json.loads(event.text))
                        await start_response(send, status, fields)
                        started = True
                    elif started:
                        part = json.loads(event.text).encode()
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                finally:
                    self._count_sent(_size(event))
                self._release_call()
        except BaseException:  # cancelled by the ASGI server, or the client has disconnected
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
        else:  # responses to server-to-client requests could not be used any more
            self._server.pool.pending_inputs.drop(self.call)
        if self._streaming:
            self.take(StreamEnded())

    async def _finish(self, call: Call, send: Send, *, started: bool) -> bool:
        """Send the result of the call. Return True if a stream of notifications follows."""
        # The stream can last long: free request and response early.
        request, result, error, whole = self._take_result(call)
        if error is not None:
            await self._fail(request, error, send, started=started)
            return False
        conclude = partial(self._conclude, result, request)
        if self._session_request.can_block(result[1]):
            status, fields, body = await asyncio.get_running_loop().run_in_executor(None, conclude)
        else:
            status, fields, body = conclude()
        if status == 0:
            # Specification: basic/patterns/cancellation: no further messages for a cancelled request.
            await send({"type": "http.response.body", "body": b"" if call.cancelled else body})
            return False
        if status == 200 and (self._opened or self._session_request.attached):
            refused = self._admit_stream()
            if refused is None:
                await send({"type": "http.response.start", "status": status, "headers": list(field_pairs(fields))})
                await send({"type": "http.response.body", "body": body, "more_body": True})
                self._start_stream()
                return True
            status, fields = 503, b"content-type: application/json\r\nretry-after: 10\r\n"
            body = error_response(request, INTERNAL_ERROR, refused)
        exchange = getattr(send, "__self__", None)  # of `wasmcp serve`, unless an application in between observes
        if isinstance(exchange, Exchange) and exchange.can_respond:
            exchange.respond(status, fields, body, closes=not whole)
            return False
        headers = [*field_pairs(fields), (b"content-length", b"%d" % len(body))]
        if not whole:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return False

    def _take_result(self, call: Call) -> tuple[bytes, Any, Exception | None, bool]:
        """Take the result of the call, and free the request.

        Returns:
            The request's body; status, header lines and body of the response, or None; the error; and True if the
            whole body of the request was read.
        """
        request, _, whole = self._drop_body()
        result, error = call.result, call.error
        call.request, call.result = NO_REQUEST, None
        if self._stalled and self._cancels and (error is not None or call.cancelled):
            error = ClientStalledError()
        if error is None and not self._is_text and result[0] == 400:
            result = (*result[:2], jsonrpc.NOT_UTF8)
        return request, result, error, whole

    def _admit_stream(self) -> str | None:
        """Reserve the budget of a stream. Return the reason if it cannot be opened, or None."""
        size = filter_size(self._opened) if self._opened else 0
        most = self._limits.stream_bytes
        if self._session_request.attached and not self._session_request.can_open:
            return _NO_STREAM_OF_SESSION
        if size > most or not self._app.filters.take(size):
            return _NO_FILTER.format(most)
        if not self._app.streams.take(1):
            self._app.filters.give(size)
            return _NO_STREAM
        self._filter = size
        self._streaming = True
        return None

    def _start_stream(self) -> None:
        """Start the stream of notifications."""
        if self._opened:
            self._listener = Listener(self._opened, self._message)
            self._opened = None
            self._server.hub.add(self._listener)
        else:
            for message in self._session_request.open(self._message):
                self._message(message)

    def _unlisten(self) -> None:
        """End the subscription."""
        if self._listener is not None:
            self._server.hub.remove(self._listener)
        else:
            self._session_request.close(self._message)

    def _leave(self) -> None:
        """Free the resources of the response."""
        self._left = True
        while self._events:
            self._dropped(self._events.popleft())
        if self._streaming:
            self._streaming = False
            self._unlisten()
            self._app.streams.give(1)
            self._app.filters.give(self._filter)

    async def _fail(self, request: bytes, error: Exception, send: Send, *, started: bool) -> None:
        if not isinstance(error, GuestCancelledError | ClientStalledError):
            report(error)
        message = internal_error_response(request, error) or b""
        if started:
            event = b"data: %b\n\n" % message if message and not isinstance(error, GuestCancelledError) else b""
            await send({"type": "http.response.body", "body": event})
            return
        # 200 for a JSON-RPC error without a matching HTTP status, as in the transport.
        headers = [_JSON, (b"content-length", b"%d" % len(message))]
        await send({"type": "http.response.start", "status": 200 if message else 500, "headers": headers})
        await send({"type": "http.response.body", "body": message})


def _size(event: Head | Chunk | StreamMessage) -> int:
    """Return the bytes of an event that count as unread."""
    return len(event.message if isinstance(event, StreamMessage) else event.text)


async def start_response(send: Send, status: int, fields: list[list[str]]) -> None:
    """Send status and header fields."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})
