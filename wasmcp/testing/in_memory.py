"""Transports of other clients to a server in this process, without a socket: `mcp.Client` and `fastmcp.Client`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError
from wasmcp.host.transports.stdio import StdioSession

if TYPE_CHECKING:
    from types import TracebackType

    from wasmcp.testing.endpoints import HeardServer

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
            self._server.heard("<-", message, session)
            if not ended:
                portal.start_task_soon(deliver, message)

        session = StdioSession(write, self._server.limits)
        session.ready(self._server)

        async def pump() -> None:
            async with from_client:
                async for item in from_client:
                    text = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
                    self._server.heard("->", text, session)
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
    """Return FastMCP's own session, which knows its extensions, or that of the SDK."""
    try:
        from fastmcp.client.transports.base import (  # type: ignore[import-not-found, unused-ignore]
            VersionAwareClientSession,
        )
    except ImportError:
        from mcp import ClientSession

        return ClientSession
    return VersionAwareClientSession
