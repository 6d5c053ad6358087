"""Client connections of a server under test, over stdio and HTTP: one for each request in progress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wasmcp.client.connection import Callbacks, Client
from wasmcp.host.scheduling.interruption import current_scope

if TYPE_CHECKING:
    from wasmcp.client.transport import Transport

_SECONDS = 60.0
_MARGIN = 5.0  # seconds: the server answers a call at its limit before the client gives up

OnEvent = Callable[[dict[str, Any]], None]


class Connections:
    """Connections to one server. A connection has one request at a time; concurrent requests get their own."""

    def __init__(self, target: str, connect: Callable[[], Transport], seconds: float | None) -> None:
        """Begin without connections.

        Args:
            target: The server, for messages.
            connect: Opens a transport.
            seconds: The limit of a request on the server's side; None for none.
        """
        self._target = target
        self._connect = connect
        self._seconds = _SECONDS if seconds is None else seconds
        self._idle: list[_Connection] = []
        self._all: list[_Connection] = []
        self._lock = threading.Lock()

    @classmethod
    def over_http(cls, url: str, fields: Mapping[str, str], seconds: float | None) -> Connections:
        """Return the connections to a URL."""
        from wasmcp.client.http import HttpTransport

        limit = (_SECONDS if seconds is None else seconds) + 2 * _MARGIN
        return cls(url, lambda: HttpTransport(url, fields, limit), seconds)

    @classmethod
    def over_stdio(cls, command: Sequence[str], seconds: float | None) -> Connections:
        """Return the connections by a command."""
        from wasmcp.client.transport import StdioTransport

        return cls(command[0], lambda: StdioTransport("the server under test", command), seconds)

    def request(
        self, method: str, params: Mapping[str, Any], *, on_event: OnEvent | None, timeout: float | None
    ) -> dict[str, Any]:
        """Send a request and return its result object.

        Raises:
            RequestError: The server returned an error response.
            ConnectionFailedError: No response arrived in time, or the connection failed.
            GuestCancelledError: The innermost `wasmcp.host.CancelScope` was cancelled; so is the request in the server.
        """
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = _Connection(self._target, self._connect(), self._seconds)
            with self._lock:
                self._all.append(connection)
        limit = self._seconds + _MARGIN if timeout is None else timeout
        scope = current_scope()
        running = _Running(connection)
        if scope is not None:
            scope.add(running)
        try:
            result = connection.request(method, params, on_event, limit)
        finally:
            running.end()
            if scope is not None:
                scope.discard(running)
            if connection.is_usable and not connection.is_cancelled:
                with self._lock:
                    self._idle.append(connection)
            elif connection.is_cancelled:
                with self._lock:
                    self._all = [one for one in self._all if one is not connection]
                connection.close()
        return result

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            connections, self._all, self._idle = self._all, [], []
        for connection in connections:
            connection.close()


class _Running:
    """A request in progress, as scopes cancel it. After its end nothing is cancelled."""

    def __init__(self, connection: _Connection) -> None:
        self._connection: _Connection | None = connection
        self._lock = threading.Lock()

    def cancel(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.cancel()

    def end(self) -> None:
        with self._lock:
            self._connection = None


class _Connection:
    """A client, with the handler of the request in progress.

    Attributes:
        is_usable: False after an error that leaves messages of the request behind.
        is_cancelled: True after a cancellation.
    """

    def __init__(self, target: str, transport: Transport, seconds: float) -> None:
        self.is_usable = True
        self.is_cancelled = False
        self._on_event: OnEvent | None = None
        callbacks = Callbacks(on_notification=self._take)
        self._client = Client(target, transport, callbacks, timeout=seconds + _MARGIN)

    def request(
        self, method: str, params: Mapping[str, Any], on_event: OnEvent | None, seconds: float
    ) -> dict[str, Any]:
        from wasmcp.errors import RequestError

        self._on_event = on_event
        self.is_usable = False
        try:
            result = self._client.once(method, params, seconds=seconds)
        except RequestError:
            self.is_usable = True
            raise
        self.is_usable = True
        return result

    def cancel(self) -> None:
        """Cancel the request in progress, or the next one. For another thread."""
        self.is_cancelled = True
        self._client.cancel()

    def close(self) -> None:
        self._client.close()

    def _take(self, message: dict[str, Any]) -> None:
        if self._on_event is not None:
            self._on_event(message)
