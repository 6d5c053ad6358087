"""HTTP endpoint of a server under test: uvicorn on a thread, on a free port of 127.0.0.1."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from wasmcp.errors import HostError
from wasmcp.host.transports.http_body import WHOLE_BODY

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from wasmcp.host.transports.asgi_response import Send
    from wasmcp.host.transports.endpoint import Application, Scope
    from wasmcp.host.transports.http_body import Receive
    from wasmcp.testing.heard_server import HeardServer

_HOST = "127.0.0.1"
_SECONDS = 30.0  # for the start


class HttpEndpoint:
    """Endpoint of an open server.

    Attributes:
        url: Its URL.
    """

    def __init__(self, server: HeardServer) -> None:
        """Listen, and serve on another thread.

        Raises:
            HostError: uvicorn or httptools is not installed, or the thread does not start to serve.
        """
        try:
            import httptools  # noqa: F401 - `http_connection` imports it
            import uvicorn
        except ImportError as error:
            raise HostError(f"an HTTP endpoint needs `{error.name}`: install `wasmcp[test]`") from None
        from wasmcp.host.transports.asgi import App
        from wasmcp.host.transports.connections import BACKLOG, Connections, connection_limit
        from wasmcp.host.transports.http_connection import HttpConnection
        from wasmcp.host.transports.listening import listen_tcp

        self._server = server
        self._socket = listen_tcp(_HOST, 0)
        self.url = f"http://{_HOST}:{self._socket.getsockname()[1]}/mcp"
        app = App(server)
        bounds = server.limits.http
        connections = Connections(bounds, connection_limit(bounds, server.pool.size), app.unread)
        config = uvicorn.Config(
            Heard(app, server),
            http=HttpConnection.bound_to(connections),
            backlog=BACKLOG,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        started = threading.Event()

        class Listener(uvicorn.Server):
            async def startup(self, sockets: object = None) -> None:
                await super().startup(sockets)  # type: ignore[arg-type]
                started.set()

        self._listener = Listener(config)
        self._thread = threading.Thread(target=self._run, name="wasmcp-http-endpoint", daemon=True)
        self._thread.start()
        if not started.wait(_SECONDS):
            self._socket.close()
            raise HostError(f"the HTTP endpoint did not start within {_SECONDS:.0f} seconds")

    def close(self) -> None:
        """End all requests, and stop listening."""
        self._listener.should_exit = True
        self._server.hub.close()  # open streams of notifications would not end
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        self._listener.run(sockets=[self._socket])


class Heard:
    """Application whose messages a server under test hears: those of a request and of its response, by exchange."""

    def __init__(self, app: Application, server: HeardServer) -> None:
        """Wrap the application of a server."""
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or self._server.on_message is None:
            await self._app(scope, receive, send)
            return
        exchange = object()
        limits = self._server.limits
        request, response = _Body(limits.request), _Body(limits.response)
        is_stream = False
        whole = scope.get(WHOLE_BODY)
        if whole is not None and request.add(whole):
            self._server.heard("->", request.take(), exchange)

        async def received() -> MutableMapping[str, Any]:
            message = await receive()
            is_body = message["type"] == "http.request" and request.add(message.get("body", b""))
            if is_body and not message.get("more_body", False):
                self._server.heard("->", request.take(), exchange)
            return message

        async def sent(message: MutableMapping[str, Any]) -> None:
            nonlocal is_stream
            if message["type"] == "http.response.start":
                is_stream = any(
                    name.lower() == b"content-type" and value.startswith(b"text/event-stream")
                    for name, value in message.get("headers", ())
                )
            elif message["type"] == "http.response.body":
                response.add(message.get("body", b""))
                if is_stream or not message.get("more_body", False):
                    self._server.heard("<-", response.take(), exchange)
            await send(message)

        await self._app(scope, received, sent)


class _Body:
    """Parts of a body, up to a limit; a larger one is not heard."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._data = bytearray()
        self._is_above = False

    def add(self, data: bytes) -> bool:
        """Add a part; return False for a body above the limit."""
        self._is_above = self._is_above or (self._limit is not None and len(self._data) + len(data) > self._limit)
        if self._is_above:
            self._data.clear()
        else:
            self._data += data
        return not self._is_above

    def take(self) -> bytes:
        """Return what was added since the last time."""
        data = bytes(self._data)
        self._data.clear()
        return data
