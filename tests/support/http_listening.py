"""ASGI applications behind the HTTP protocol of `wasmcp serve`, with real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import uvicorn

from wasmcp.host.engine.limits import Budget, HttpLimits
from wasmcp.host.transports.connections import Connections
from wasmcp.host.transports.http_connection import HttpConnection

App = TypeVar("App", bound=Callable[..., Any])


class Listening(Generic[App]):
    """An application on a free port, in a thread, behind the protocol of `wasmcp serve`.

    Attributes:
        app: The application.
        connections: The connections, with their limits.
        port: The port.
        server: The HTTP server.
    """

    def __init__(self, app: App, connections: Connections | None = None, *, send_buffer: int = 0) -> None:
        self.app = app
        self.connections = Connections(HttpLimits(), 100, Budget(1 << 20)) if connections is None else connections
        self._socket = socket.socket()
        if send_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            http=HttpConnection.bound_to(self.connections),
            ws="none",
            loop="auto",
            lifespan="off",
            log_level="critical",
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        until(lambda: self.server.started)

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
        self.server.should_exit = True
        self._thread.join(20)


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most 30 seconds."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def rest(connection: socket.socket) -> bytes:
    """Read until the end of a connection."""
    parts = []
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)
