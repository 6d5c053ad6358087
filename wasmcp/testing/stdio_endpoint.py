"""Stdio endpoint of a server under test: a command whose input and output are those of a session with the server."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from wasmcp.host.transports.listening import listen_unix
from wasmcp.host.transports.stdio import StdioSession, quiet, read_lines

if TYPE_CHECKING:
    from wasmcp.testing.heard_server import HeardServer

_BRIDGE = Path(__file__).with_name("stdio_bridge.py")


class StdioEndpoint:
    """Endpoint of an open server: a Unix domain socket, in a folder that only this user can read.

    Attributes:
        command: The command that connects to it.
    """

    def __init__(self, server: HeardServer) -> None:
        """Listen, and accept clients on another thread.

        Raises:
            HostError: The socket cannot be made.
        """
        self._server = server
        self._folder = tempfile.mkdtemp(prefix="wasmcp-")
        path = Path(self._folder) / "stdio"
        self._socket = listen_unix(path, 0o600)
        self.command = [sys.executable, "-I", "-S", str(_BRIDGE), str(path)]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._accept, name="wasmcp-stdio-endpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all sessions, and stop listening."""
        with self._lock:
            self._closed = True
            opened = list(self._open)
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # ends `accept`
        for connection in opened:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="wasmcp-stdio-session", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        def send(message: bytes) -> None:
            self._server.heard("<-", message, session)
            connection.sendall(message + b"\n")

        def line(message: bytes) -> None:
            self._server.heard("->", message, session)
            session.line(message)

        session = StdioSession(quiet(send, lambda: None), self._server.limits)
        session.ready(self._server)
        try:
            with suppress(OSError):
                read_lines(connection.fileno(), self._server.limits.request, line)
            session.drain(shared=True)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()
