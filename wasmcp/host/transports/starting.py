"""ASGI application of a server that is being opened: it answers lists, and other requests wait for the server.

Specification: asgi.readthedocs.io, HTTP and lifespan, version 3.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from wasmcp.host.engine.limits import Budget
from wasmcp.host.transports.asgi import begin_trace, refuse
from wasmcp.host.transports.http_body import WHOLE_BODY, Bodies, BodyError
from wasmcp.host.transports.request_head import RequestHead

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmcp.host.client.server import Server
    from wasmcp.host.engine.limits import HttpLimits
    from wasmcp.host.mcp.manifest_responder import EarlyLists
    from wasmcp.host.operations.tracing import Tracing
    from wasmcp.host.transports.asgi import App
    from wasmcp.host.transports.asgi_middleware import Admission, Scope
    from wasmcp.host.transports.asgi_response import Send
    from wasmcp.host.transports.http_body import Receive

MOST_WAITING = 128
"""Maximum number of requests that wait until the server is open; others get 503."""

_COMPILES = b"Service unavailable: the server is being compiled, and many requests wait for it; try again later\n"
_FAILED = b"Service unavailable: the server cannot be started\n"
_RETRY = 5  # seconds of `Retry-After`


class Opening:
    """A server that is opened on a thread, while its process serves already.

    Attributes:
        server: The server; None until it is open.
        error: The error that ended the attempt; None for none.
    """

    def __init__(self, open_: Callable[[], Server]) -> None:
        """Prepare to open a server.

        Args:
            open_: Function that opens the server and checks it.
        """
        self._open = open_
        self._lock = threading.Lock()
        self._is_closed = False
        self.server: Server | None = None
        self.error: Exception | None = None

    @classmethod
    def of(cls, server: Server) -> Opening:
        """Return a server that is open already."""
        opening = cls(lambda: server)
        opening.server = server
        return opening

    def start(self, on_end: Callable[[], None]) -> None:
        """Open the server on a thread, which then calls `on_end`."""

        def run() -> None:
            try:
                server = self._open()
            except Exception as error:  # noqa: BLE001 - raised by the thread that ends the process
                self.error = error
            else:
                with self._lock:
                    is_closed = self._is_closed
                    self.server = server
                if is_closed:
                    server.close()
            on_end()

        threading.Thread(target=run, name="wasmcp-open", daemon=True).start()  # it is abandoned at the end

    def close(self) -> None:
        """Close the server, now or when it has been opened."""
        with self._lock:
            self._is_closed = True
            server = self.server
        if server is not None:
            server.close()

    def is_session(self, session: str) -> bool:
        """Return True if a session with this identifier exists."""
        return self.server is not None and self.server.sessions.is_alive(session)


class Starting:
    """Application of a server that is being opened, until `use` sets the application of the open server."""

    def __init__(
        self,
        limits: HttpLimits,
        lists: EarlyLists | None,
        admission: Admission | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """Prepare the application.

        Args:
            limits: The limits of the server.
            lists: The responder to requests for lists; None if all requests wait.
            admission: The rate limits of requests; None for none.
            tracing: The traces of requests; None for none.
        """
        self._lists = lists
        self._admission = admission
        self._tracing = tracing
        self._longest = 0 if lists is None else lists.longest
        self._budget = Budget(min(limits.request_bytes, MOST_WAITING * self._longest))
        self._reading = Bodies(self._budget, limits.body_time)
        self._waiting = 0
        self._ready = asyncio.Event()
        self._app: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the ASGI server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] == "http" and not self._ready.is_set():
            try:
                if await self._is_handled(scope, receive, send):
                    return
            except BodyError as refused:
                await refuse(send, refused)
                return
        if self._app is None:
            await refuse(send, BodyError(503, _FAILED))
            return
        await self._app(scope, receive, send)

    def use(self, app: App | None) -> None:
        """Pass all requests on to the application of the open server; None if it cannot be opened."""
        self._app = app
        self._ready.set()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._app is not None:
                    await self._app.end()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _is_handled(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a request, or wait until the server is open. Return False if the server has to process the request.

        Raises:
            BodyError: The body cannot be read, or too many requests wait.
        """
        held = 0
        try:
            if self._lists is not None and scope["method"] == "POST":
                length = RequestHead.of_scope(scope).length
                if WHOLE_BODY not in scope and length is not None and length <= self._longest:
                    body = await self._reading.read(receive, self._longest, length)
                    if body is None:
                        return True
                    held = len(body.data)
                    scope[WHOLE_BODY] = body.data
                if await self._is_answered(self._lists, scope, send):
                    return True
            return await self._has_left(scope, receive)
        finally:
            self._budget.give(held)

    async def _is_answered(self, lists: EarlyLists, scope: Scope, send: Send) -> bool:
        body = scope.get(WHOLE_BODY)
        if body is None:
            return False
        answer = lists.answer(scope["method"], RequestHead.of_scope(scope).target, scope["headers"], body)
        if answer is None:
            return False
        if self._tracing is not None:
            begin_trace(self._tracing, scope, body)
        refused = None if self._admission is None else self._admission.refuse(scope, body)
        fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        status, headers, content = refused or (200, fields, answer)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        return True

    async def _has_left(self, scope: Scope, receive: Receive) -> bool:
        """Wait until the server is open. Return True if the client disconnects before.

        Raises:
            BodyError: Too many requests wait.
        """
        if self._waiting >= MOST_WAITING:
            raise BodyError(503, _COMPILES, retry_after=_RETRY)
        loop = asyncio.get_running_loop()
        ready: asyncio.Task[Any] = loop.create_task(self._ready.wait())
        waits = {ready}
        if WHOLE_BODY in scope:  # otherwise the server reads the body, and the event of the disconnection
            waits.add(loop.create_task(_disconnection(receive)))
        self._waiting += 1
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return not self._ready.is_set()
        finally:
            self._waiting -= 1
            for task in waits:
                task.cancel()


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
