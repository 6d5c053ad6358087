"""HTTP endpoint of a server under test: uvicorn on a thread, on a free port of 127.0.0.1."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from wasmcp.errors import HostError

if TYPE_CHECKING:
    from wasmcp.host.client.server import Server

_HOST = "127.0.0.1"
_SECONDS = 30.0  # for the start


class HttpEndpoint:
    """Endpoint of an open server.

    Attributes:
        url: Its URL.
    """

    def __init__(self, server: Server) -> None:
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
            app,
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
