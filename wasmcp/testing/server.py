"""Server under test: one client API over three transports, and the server handed over to other clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

from wasmcp.errors import HostError
from wasmcp.host.client.server import open_server
from wasmcp.testing.endpoints import HeardServer

if TYPE_CHECKING:
    import os

    from wasmcp.testing.connections import Connections
    from wasmcp.testing.endpoints import HttpEndpoint, InMemoryTransport, OnMessage, StdioEndpoint
    from wasmcp.testing.world import KeyValues, World

TRANSPORTS = ("in-process", "stdio", "http")
"""Transports of the methods of a server under test."""


class ServerUnderTest(HeardServer):
    """A server in this process whose methods use one of three transports.

    With `in-process` the methods call the server directly, and a trap raises `GuestTrapError`. With `stdio` and `http`
    they are a client in front of a pipe or a socket: a trap is the error response that such a client gets. `send` and
    `http` always use the server directly.

    Attributes:
        transport: `in-process`, `stdio` or `http`.
    """

    observes = True
    has_tasks = True
    __test__ = False  # not a class of tests

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Begin with the arguments of `Server`, and the transport `in-process`."""
        super().__init__(*arguments, **options)
        self.transport = "in-process"
        self._endpoints_stack = ExitStack()
        self._endpoints_lock = threading.RLock()
        self._endpoints: dict[str, Any] = {}

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Send a request of MCP 2026-07-28 over the transport and return its result object.

        Raises:
            RequestError: The server returned an error response.
            GuestTrapError: In-process, the server's code trapped, timed out, or exhausted its memory.
            ConnectionFailedError: Over stdio and HTTP, no response arrived in time, or the connection failed.
        """
        if self.transport == "in-process":
            return super().request(method, params, on_event=on_event, timeout=timeout)
        return self._connections.request(method, params or {}, on_event=on_event, timeout=timeout)

    @property
    def url(self) -> str:
        """The URL of its endpoint, on a free port of 127.0.0.1; served until the server is closed.

        Raises:
            HostError: httptools is not installed.
        """
        return self._http.url

    def stdio_command(self) -> list[str]:
        """Return a command that connects its standard input and output to this server; each run is a client.

        The server stays in this process, so that rules, clocks and stored values hold for such clients as well.
        """
        return self._stdio.command

    def in_memory(self) -> InMemoryTransport:
        """Return a transport for `mcp.Client` of the official SDK, in this process and without a socket.

        Raises:
            HostError: The package `mcp` is not installed.
        """
        from wasmcp.testing.endpoints import InMemoryTransport

        return InMemoryTransport(self)

    def fastmcp(self) -> Any:
        """Return a transport for `fastmcp.Client`, in this process and without a socket.

        Raises:
            HostError: The package `fastmcp` is not installed.
        """
        from wasmcp.testing.endpoints import fastmcp_transport

        return fastmcp_transport(self)

    @property
    def keyvalue(self) -> KeyValues:
        """The values of the key-value store, to preset and inspect them.

        Raises:
            HostError: The server has no key-value store.
        """
        from wasmcp.testing.world import KeyValues

        if self._keyvalue is None:
            raise HostError("this server has no key-value store: no component of it has the grant `kv`")
        return KeyValues(self._keyvalue.sessions)

    def close(self) -> None:
        """Stop the server, its endpoints and its clients."""
        with self._endpoints_lock:
            stack, self._endpoints_stack = self._endpoints_stack, ExitStack()
        try:
            stack.close()
        finally:
            super().close()

    # Endpoints, made at first use

    def _endpoint(self, name: str, make: Callable[[], Any]) -> Any:
        with self._endpoints_lock:
            if name not in self._endpoints:
                made = make()
                self._endpoints_stack.callback(made.close)
                self._endpoints[name] = made
            return self._endpoints[name]

    @property
    def _http(self) -> HttpEndpoint:
        from wasmcp.testing.endpoints import HttpEndpoint

        return cast("HttpEndpoint", self._endpoint("http", lambda: HttpEndpoint(self)))

    @property
    def _stdio(self) -> StdioEndpoint:
        from wasmcp.testing.endpoints import StdioEndpoint

        return cast("StdioEndpoint", self._endpoint("stdio", lambda: StdioEndpoint(self)))

    @property
    def _connections(self) -> Connections:
        from wasmcp.testing.connections import Connections

        def make() -> Connections:
            token = {"Authorization": f"Bearer {self._token}"} if self._token is not None else {}
            if self.transport == "http":
                return Connections.over_http(self.url, token, self.limits.timeout)
            return Connections.over_stdio(self.stdio_command(), self.limits.timeout)

        return cast("Connections", self._endpoint("connections", make))


def open_for_test(
    source: str | os.PathLike[str] | bytes,
    *,
    transport: str = "in-process",
    world: World | None = None,
    clock: bool = True,
    on_message: OnMessage | None = None,
    **options: Any,
) -> ServerUnderTest:
    """Load a composed server for tests.

    Args:
        source: The composed server, a file or its bytes.
        transport: `in-process`, `stdio` or `http`: the transport of the server's methods.
        world: The world around it; by default it has outgoing HTTP, clocks and random numbers of this machine.
        clock: False to leave clocks and random numbers out of the world.
        on_message: Called with the messages of clients of its endpoints; those of `in-process` methods, and of `send`
            and `http`, are for `on_wire`.
        options: The options of `wasmcp.host.open_server`.

    Raises:
        HostError: The transport is unknown, or cannot be used with the options.
        ArtifactError: See `wasmcp.host.open_server`, as for other errors.
    """
    if transport not in TRANSPORTS:
        raise HostError(
            f"`{transport}` is not a transport of tests: expected {', '.join(f'`{one}`' for one in TRANSPORTS)}"
        )
    if transport == "stdio" and options.get("token") is not None:
        raise HostError("the stdio transport has no authorization: use `http` or `in-process` with an access token")
    if world is not None:
        options["substitutes"] = world.substitutes(clock=clock)
    server = cast("ServerUnderTest", open_server(source, kind=ServerUnderTest, **options))
    server.transport = transport
    server.on_message = on_message
    return server


Directories = Iterable[tuple[str, str, bool]]
"""Directories that a server sees: ``(host path, guest path, writable)``."""
