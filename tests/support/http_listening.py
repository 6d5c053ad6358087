"""ASGI applications behind the listener and the connections of `wasmcp serve`, with real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from wasmcp.host.engine.limits import Budget, HttpLimits
from wasmcp.host.transports.connections import Connections
from wasmcp.host.transports.http_connection import HttpConnection
from wasmcp.host.transports.listener import Listener

App = TypeVar("App", bound=Callable[..., Any])


class _Listener(Listener):
    """Listener that notes its start."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.listens = threading.Event()

    def listening(self) -> None:
        self.listens.set()


class _WithoutLifespan:
    """Application that does not get the events of its lifespan."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.begin_at_once = getattr(app, "begin_at_once", None)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        else:
            await self._app(scope, receive, send)


class Listening(Generic[App]):
    """An application on a free port, in a thread.

    Attributes:
        app: The application.
        connections: The connections, with their limits.
        port: The port.
        listener: The listener.
    """

    def __init__(
        self,
        app: App,
        connections: Connections | None = None,
        *,
        send_buffer: int = 0,
        seconds: float = 1.0,
        has_lifespan: bool = True,
    ) -> None:
        """Begin to listen.

        Args:
            app: The application.
            connections: The connections; None for the default limits.
            send_buffer: Bytes of the buffer of each socket; 0 for the system's default.
            seconds: Maximum seconds for requests in progress at the end.
            has_lifespan: The application gets the events of its lifespan: that of a server closes it at the end.
        """
        self.app = app
        self.connections = Connections(HttpLimits(), 100, Budget(1 << 20)) if connections is None else connections
        bound = socket.socket()
        if send_buffer:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        bound.bind(("127.0.0.1", 0))
        self.port: int = bound.getsockname()[1]
        served = app if has_lifespan else _WithoutLifespan(app)
        self.listener = _Listener(served, HttpConnection.bound_to(self.connections), seconds=seconds)
        self._thread = threading.Thread(target=self.listener.run, args=(bound,), daemon=True)
        self._thread.start()
        assert self.listener.listens.wait(30)

    def connect(self, data: bytes = b"") -> socket.socket:
        """Connect and send data."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(data)
        return connection

    def ask(self, data: bytes) -> bytes:
        """Send data, close the sending side, and return all that is sent back until the connection ends."""
        with self.connect(data) as connection:
            return rest(connection)

    def close(self) -> None:
        """Stop the server."""
        self.listener.end()
        self._thread.join(20)


async def lifespan(receive: Any, send: Any) -> None:
    """Answer the events of the lifespan of an application that has nothing to start or end."""
    for event in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{event}"
        await send({"type": f"lifespan.{event}.complete"})


def rest(connection: socket.socket) -> bytes:
    """Read until the end of a connection."""
    parts = []
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)
