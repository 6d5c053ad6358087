"""ASGI application of a server: it passes HTTP requests of any ASGI server on to the MCP server.

Specification: asgi.readthedocs.io, HTTP and lifespan, version 3; MCP basic/transports/streamable-http.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError, StoreRequestError
from wasmcp.host.bindings.messages import HttpRequest
from wasmcp.host.client.connection import http_request
from wasmcp.host.engine.limits import Budget
from wasmcp.host.mcp import jsonrpc
from wasmcp.host.mcp.http_sessions import ID, IDENTIFY, IDENTITY, RESERVED, SessionRequest
from wasmcp.host.operations.request_records import Identity
from wasmcp.host.scheduling.call import Call
from wasmcp.host.transports.asgi_middleware import RECORD
from wasmcp.host.transports.asgi_response import AsgiResponse, CallEnded
from wasmcp.host.transports.http_body import WHOLE_BODY, Bodies, Body, BodyError
from wasmcp.host.transports.request_head import RequestHead

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from wasmcp.host.client.connection import Connection
    from wasmcp.host.operations.tracing import RequestTrace, Tracing
    from wasmcp.host.transports.asgi_middleware import Admission
    from wasmcp.host.transports.asgi_response import ResponseEvent, Send
    from wasmcp.host.transports.http_body import Receive

    Scope = MutableMapping[str, Any]

TICK = 1.0  # seconds between checks for clients that do not read, and for expired sessions
_NO_STORE = b"Service unavailable: the store of sessions cannot be reached; try again later\n"
_BUSY = b"Service unavailable: the server has as many requests as it may; try again later\n"


class App:
    """ASGI application of one server, within its `Limits.http`. It closes the server when the lifespan ends.

    Attributes:
        requests: Number of requests in progress.
        bodies: Budget of the bytes of bodies of requests in progress.
        streams: Budget of the number of streams of notifications.
        filters: Budget of the bytes of the URIs of these streams.
        unread: Budget of the bytes that clients have not read yet.
    """

    def __init__(
        self,
        server: Connection,
        admission: Admission | None = None,
        tracing: Tracing | None = None,
        unread: Budget | None = None,
    ) -> None:
        """Prepare the application.

        Args:
            server: The server that processes the requests.
            admission: The rate limits of requests; None for none.
            tracing: The traces of requests, which need `Observation`; None for none.
            unread: The budget of the bytes that clients have not read yet; None for one of its own.
        """
        self._server = server
        self._admission = admission
        self._tracing = tracing
        self._limits = limits = server.limits.http
        self._begins_at_once = admission is None and tracing is None
        self.bodies = Budget(limits.request_bytes)
        self.streams = Budget(limits.streams)
        self.filters = Budget(limits.streams_bytes)
        self.unread = unread or Budget(limits.unread_bytes)
        self._reading = Bodies(self.bodies, limits.body_time)
        self.requests = 0
        self._sending: dict[AsgiResponse, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arrived: deque[tuple[AsgiResponse, ResponseEvent]] = deque()
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
        self._timer = self._loop.call_later(TICK, self._tick)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._begin()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.end()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def end(self) -> None:
        """Close the server."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.get_running_loop().run_in_executor(None, self._server.close)

    def _tick(self) -> None:
        """Perform periodic work: expire sessions, and end requests of clients that do not read."""
        self._server.sessions.expire()
        now = asyncio.get_running_loop().time()
        for response in list(self._sending):
            response.check_stalled(now, has_waiting_calls=self._server.pool.has_waiting_calls)
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.requests >= self._limits.requests:
            await refuse(send, BodyError(503, _BUSY))
            return
        head = RequestHead.of_scope(scope)
        if head.is_ambiguous:
            await refuse(send, BodyError(400, b"Bad request: the length of the body is given twice\n"))
            return
        limit = self._server.limits.request
        whole = scope.get(WHOLE_BODY)
        try:
            if whole is None:
                body = await self._reading.read(receive, limit, head.length)
            else:
                body = self._reading.take(whole, limit)
        except BodyError as refused:
            await refuse(send, refused)
            return
        if body is None:
            return
        # A place is taken when the body is there: clients that do not send theirs would keep all others out.
        if whole is None and self.requests >= self._limits.requests:
            self.bodies.give(len(body.data))
            await refuse(send, BodyError(503, _BUSY))
            return
        self.requests += 1
        target = head.target
        trace = None if self._tracing is None else begin_trace(self._tracing, scope, body.data)
        if self._admission is not None and await self._is_refused(self._admission, scope, target, body.data, send):
            return
        session_request = await self._begin_request(head, body, send)
        if session_request is None:
            return
        if scope["method"] == "POST" and session_request.receive(body.data, self._server.pool.pending_inputs):
            self.requests -= 1
            self.bodies.give(len(body.data))
            await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        try:
            response = self._submit(head, body, session_request, (scope.get("client") or (None,))[0], trace)
        except HostError:  # the server is closed
            await refuse(send, BodyError(503, b"Service unavailable: the server ends\n"))
            return
        try:
            await self.respond(response, receive, send)
        finally:
            if self._admission is not None and session_request.identity is not None:
                self._admission.identified(scope, session_request.identity)

    def begin_at_once(
        self, head: RequestHead, data: bytes, client: tuple[str, int] | None
    ) -> tuple[int, bytes, bytes] | AsgiResponse | None:
        """Begin a request whose body has arrived, without the objects of ASGI.

        Return status, header lines and body if the call has ended already and nothing has to be waited for. Otherwise
        return the response, which is an ASGI application for the request. Return None for a request that has to be
        passed on to this application as any other, because something has to be waited for, or refused, or recorded.
        Nothing has been done then.

        Args:
            head: The head of the request.
            data: The body.
            client: The address of the client.
        """
        server, size = self._server, len(data)
        sessions, pool, most = server.sessions, server.pool, server.limits.request
        named = head.for_sessions
        if not (
            self._begins_at_once
            and self._loop is not None
            and head.method == "POST"
            and not head.is_ambiguous
            and self.requests < self._limits.requests
            and size <= most
            and self.bodies.used + size <= self.bodies.most
            and not pool.pending_inputs.by_call  # the message can be for one of them
        ):
            return None
        if named.identifier is None:
            session_request = SessionRequest(sessions, named, None)
        elif sessions.ended is None or not sessions.ended.is_shared:
            session_request = sessions.begin_of(named)
            session_request.receive(data, pool.pending_inputs)
        else:
            return None
        is_text = data.isascii() or jsonrpc.encode(data) is not None
        request = HttpRequest(*head.texts, session_request.lines, data if is_text else jsonrpc.NOT_JSON)
        response = AsgiResponse(self, server, request, data, session_request, is_text=is_text, cancels=head.cancels)
        call = response.call
        call.client = None if client is None else client[0]
        if head.named is not None:
            call.target = head.named
        response.begins = self._thread
        try:
            pool.submit(call)
        except HostError:  # the server is closed
            session_request.ended(call)
            return None
        answer = response.begun(data)
        if answer is not None:
            return answer
        self.requests += 1
        response.body = self._reading.take(data, most)
        return response

    def _submit(
        self,
        head: RequestHead,
        body: Body,
        session_request: SessionRequest,
        client: str | None,
        trace: RequestTrace | None = None,
    ) -> AsgiResponse:
        """Submit the call of a request, which counts as in progress.

        Raises:
            HostError: The server is closed. The request does not count any more.
        """
        limit = self._server.limits.request
        request, is_text = http_request(
            head.method.encode(),
            head.target,
            session_request.lines,
            jsonrpc.encode(body.data if trace is None else trace.body(limit)),
            size=body.size,
            limit=limit,
        )
        response = AsgiResponse(
            self, self._server, request, body.data, session_request, is_text=is_text, cancels=head.cancels
        )
        response.body = body
        response.call.client = client
        response.call.observer = trace
        try:
            self._server.pool.submit(response.call)
        except HostError:
            session_request.ended(response.call)
            self.requests -= 1
            self.bodies.give(len(body.data))
            raise
        return response

    async def respond(self, response: AsgiResponse, receive: Receive, send: Send) -> None:
        """Send a response."""
        if await response.respond_at_once(send):
            return
        self._sending[response] = None
        try:
            await response.respond(receive, send)
        finally:
            del self._sending[response]

    async def _begin_request(self, head: RequestHead, body: Body, send: Send) -> SessionRequest | None:
        """Begin a request in its session. Refuse it and return None if the store of ended sessions cannot be used."""
        sessions = self._server.sessions
        has_ended = None
        try:
            named = head.for_sessions
            if sessions.ended is not None and sessions.ended.can_block and any(name == ID for name, _ in named.kept):
                has_ended = await asyncio.get_running_loop().run_in_executor(None, sessions.has_ended, named.kept)
            session_request = sessions.begin_of(named, has_ended=has_ended)
        except BaseException as error:
            self.requests -= 1
            self.bodies.give(len(body.data))
            if not isinstance(error, StoreRequestError):
                raise
            await refuse(send, BodyError(503, _NO_STORE))
            return None
        if self._admission is not None and self._admission.identifies:
            session_request.identify()
        return session_request

    async def _identity(self, admission: Admission, scope: Scope, target: bytes) -> Identity | None:
        """Return the identity whose rate limits count: one that is known, or that the server finds for the head."""
        if not admission.limits_identities:
            return None
        digest, known = admission.identities.find(scope["headers"])
        if digest is None or known is not None:
            return known
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def end() -> None:
            if not ended.done():
                ended.set_result(None)

        def done(_call: Call) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(end)

        fields = [(name, value) for name, value in scope["headers"] if not name.startswith(RESERVED)]
        lines = jsonrpc.field_lines([*fields, (IDENTIFY, b"only")])
        method = jsonrpc.encode(scope["method"].encode()) or b"?"
        request = HttpRequest(method, jsonrpc.encode(target) or b"?", lines, b"")
        pool = self._server.pool
        call = Call(request, self._server.limits.timeout, done, pending_inputs=pool.pending_inputs)
        call.client = (scope.get("client") or (None,))[0]
        try:
            pool.submit(call)
            await ended
        except HostError:  # the server is closed
            return None
        except BaseException:
            call.cancel()
            raise
        for line in call.result[1].split(b"\r\n") if call.result is not None else ():
            name, _, value = line.partition(b": ")
            if name == IDENTITY:
                known = Identity.of(value)
                admission.identities.keep(digest, known)
        return known

    async def _is_refused(self, admission: Admission, scope: Scope, target: bytes, body: bytes, send: Send) -> bool:
        """Respond to a request above a rate limit. Return False for others."""
        try:
            identity = await self._identity(admission, scope, target)
        except BaseException:
            self.requests -= 1
            self.bodies.give(len(body))
            raise
        refused = admission.refuse(scope, body, identity)
        if refused is None:
            return False
        self.requests -= 1
        self.bodies.give(len(body))
        status, headers, answer = refused
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})
        return True

    def make_room(self) -> None:
        """Abandon the response with the most unread bytes."""
        most = max(self._sending, key=lambda response: response.unread, default=None)
        if most is not None:
            most.abandon()

    def arrived(self, response: AsgiResponse, event: ResponseEvent) -> None:
        """Process an event of a response; several events of other threads need one wake-up of the event loop."""
        if threading.get_ident() == self._thread and not self._arrived:
            self._take(response, event)
            return
        self._arrived.append((response, event))
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

    def _take(self, response: AsgiResponse, event: ResponseEvent) -> None:
        if isinstance(event, CallEnded):
            self.requests -= 1
        if self.unread.used > self.unread.most:
            self.make_room()
        response.take(event)


def begin_trace(tracing: Tracing, scope: Scope, body: bytes) -> RequestTrace | None:
    """Begin the spans of the messages of a request; None if it has none."""
    record = scope.get(RECORD)
    if record is None or scope["method"] != "POST":
        return None
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return tracing.begin(record, fields, body)


async def refuse(send: Send, refused: BodyError) -> None:
    """Send an error response without the server, and end the connection."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(refused.text)),
        (b"connection", b"close"),
    ]
    if refused.status == 503:
        headers.append((b"retry-after", b"%d" % refused.retry_after))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": refused.text})
