"""Endpoints of a server under test for other clients, which pass the messages of their clients on.

Over stdio, a command whose input and output are those of a session with the server; over HTTP, a listener on a thread,
on a free port of 127.0.0.1; in this process, the transports of `mcp.Client` and `fastmcp.Client`, without a socket.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wasmcp.errors import HostError
from wasmcp.host.client.server import Server
from wasmcp.host.transports.http_body import WHOLE_BODY
from wasmcp.host.transports.listener import listen_unix
from wasmcp.host.transports.stdio import StdioSession, quiet, read_lines

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from types import TracebackType

    from wasmcp.host.transports.asgi_middleware import Application, Scope
    from wasmcp.host.transports.asgi_response import Send
    from wasmcp.host.transports.http_body import Receive


class OnMessage(Protocol):
    """Callback for messages of clients of a server's endpoints."""

    def __call__(self, direction: str, text: str, client: object) -> None:
        """Take a message: to the server (`->`) or from it (`<-`); the ids of requests are those of `client`."""


class HeardServer(Server):
    """A server in this process, and the callback for the messages of clients of its endpoints.

    Attributes:
        on_message: Called with these messages, on any thread; None for no callback.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Begin with the arguments of `Server`, without a callback."""
        super().__init__(*arguments, **options)
        self.on_message: OnMessage | None = None

    def report_message(self, direction: str, text: bytes, client: object) -> None:
        """Pass a message of a client on to `on_message`."""
        if self.on_message is not None and text:
            self.on_message(direction, text.decode("utf-8", "backslashreplace"), client)


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
            self._server.report_message("<-", message, session)
            connection.sendall(message + b"\n")

        def line(message: bytes) -> None:
            self._server.report_message("->", message, session)
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
            HostError: httptools is not installed, or the thread does not start to serve.
        """
        try:
            import httptools  # noqa: F401 - `http_connection` imports it
        except ImportError as error:
            raise HostError(f"an HTTP endpoint needs `{error.name}`: install `wasmcp[test]`") from None
        from wasmcp.host.transports.asgi import App
        from wasmcp.host.transports.connections import Connections, connection_limit
        from wasmcp.host.transports.http_connection import HttpConnection
        from wasmcp.host.transports.listener import Listener, listen_tcp

        self._server = server
        self._socket = listen_tcp(_HOST, 0)
        self.url = f"http://{_HOST}:{self._socket.getsockname()[1]}/mcp"
        app = App(server)
        bounds = server.limits.http
        connections = Connections(bounds, connection_limit(bounds, server.pool.size), app.unread)
        started = threading.Event()

        class Endpoint(Listener):
            def listening(self) -> None:
                started.set()

        self._listener = Endpoint(Heard(app, server), HttpConnection.bound_to(connections), seconds=1, is_plain=True)
        self._thread = threading.Thread(target=self._run, name="wasmcp-http-endpoint", daemon=True)
        self._thread.start()
        if not started.wait(_SECONDS):
            self._socket.close()
            raise HostError(f"the HTTP endpoint did not start within {_SECONDS:.0f} seconds")

    def close(self) -> None:
        """End all requests, and stop listening."""
        self._listener.end()
        self._server.hub.close()  # open streams of notifications would not end
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        self._listener.run(self._socket)


class Heard:
    """Application whose messages a server under test records: those of a request and of its response, by exchange."""

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
            self._server.report_message("->", request.take(), exchange)

        async def received() -> MutableMapping[str, Any]:
            message = await receive()
            is_body = message["type"] == "http.request" and request.add(message.get("body", b""))
            if is_body and not message.get("more_body", False):
                self._server.report_message("->", request.take(), exchange)
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
                    self._server.report_message("<-", response.take(), exchange)
            await send(message)

        await self._app(scope, received, sent)


class _Body:
    """Parts of a body, up to a limit; a larger one is not reported."""

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


_WAITING = 1000  # messages that the client has not read


class InMemoryTransport:
    """Transport of the official SDK: an asynchronous context manager with a stream to read and one to write.

    Messages are those of the stdio transport. It can be used once.
    """

    def __init__(self, server: HeardServer) -> None:
        """Prepare the transport.

        Raises:
            HostError: The package `mcp` is not installed.
        """
        try:
            import mcp  # noqa: F401
        except ImportError as error:
            raise HostError(f"a transport for `mcp.Client` needs `{error.name}`: install `mcp`") from None
        self._server = server
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> tuple[Any, Any]:
        import anyio
        from anyio.from_thread import BlockingPortal
        from mcp.shared.message import SessionMessage
        from mcp.types import JSONRPCMessage
        from pydantic import TypeAdapter, ValidationError

        adapter: TypeAdapter[Any] = TypeAdapter(JSONRPCMessage)
        to_client, received = anyio.create_memory_object_stream[Any](_WAITING)
        sent, from_client = anyio.create_memory_object_stream[Any](_WAITING)
        stack = await self._stack.__aenter__()
        portal = await stack.enter_async_context(BlockingPortal())
        ended = False

        async def deliver(message: bytes) -> None:
            try:
                item: Any = SessionMessage(adapter.validate_json(message))
            except ValidationError as error:
                item = error
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await to_client.send(item)

        def write(message: bytes) -> None:
            self._server.report_message("<-", message, session)
            if not ended:
                portal.start_task_soon(deliver, message)

        session = StdioSession(write, self._server.limits)
        session.ready(self._server)

        async def pump() -> None:
            async with from_client:
                async for item in from_client:
                    text = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
                    self._server.report_message("->", text, session)
                    await anyio.to_thread.run_sync(session.line, text, abandon_on_cancel=True)

        group = await stack.enter_async_context(anyio.create_task_group())
        group.start_soon(pump)

        async def end() -> None:
            nonlocal ended
            ended = True
            group.cancel_scope.cancel()
            for stream in (to_client, received, sent):
                await stream.aclose()

        stack.push_async_callback(end)
        return received, sent

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)


def fastmcp_transport(server: HeardServer) -> Any:
    """Return a `fastmcp.client.transports.ClientTransport` for a server in this process.

    Raises:
        HostError: The package `fastmcp` is not installed.
    """
    try:
        from fastmcp.client.transports import ClientTransport  # type: ignore[import-not-found, unused-ignore]
        from mcp import ClientSession
    except ImportError as error:
        raise HostError(f"a transport for `fastmcp.Client` needs `{error.name}`: install `fastmcp`") from None

    class InMemory(ClientTransport):  # type: ignore[misc, unused-ignore]
        @contextlib.asynccontextmanager
        async def connect_session(
            self, *, transport_options: Any = None, **session: Any
        ) -> AsyncIterator[ClientSession]:
            del transport_options  # of HTTP
            async with InMemoryTransport(server) as (reading, writing):
                kind = _session_class()
                async with kind(reading, writing, **session) as opened:
                    yield opened

        def __repr__(self) -> str:
            return "<a server under test>"

    return InMemory()


def _session_class() -> Any:
    """Return FastMCP's own session, which supports its extensions, or that of the SDK."""
    try:
        from fastmcp.client.transports.base import (  # type: ignore[import-not-found, unused-ignore]
            VersionAwareClientSession,
        )
    except ImportError:
        from mcp import ClientSession

        return ClientSession
    return VersionAwareClientSession
