"""A server with authorization, behind a proxy on loopback that adds an access token to each request.

The suite and the inspector know no tokens; with the proxy they run against a protected server unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

from support.server_processes import WASMCP, free_port, listening

from wasmcp.auth.issuer import serving

_LARGEST_HEAD = 64 * 1024
_SCOPE = "mcp:use"


@contextlib.contextmanager
def authorized(server: Path) -> Iterator[int]:
    """Serve with `wasmcp serve`, which requires a token and a scope; yield the port of the proxy.

    Raises:
        RuntimeError: The server answers a request without a token.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    with serving(audience=url, lifetime=86400) as issuer:
        settings = {**issuer.settings(), "JWT_REQUIRED_SCOPES": _SCOPE}
        variables = [f"{name}={value}" for name, value in settings.items()]
        command = ["env", *variables, *WASMCP, "serve", str(server), "--host", "127.0.0.1", "--port", str(port)]
        with listening(command, port):
            for token, expected in ((None, 401), (issuer.token(), 403)):
                if status(port, token) != expected:
                    raise RuntimeError(f"the server does not answer {expected}: it is not protected")
            with proxy(port, issuer.token(scopes=[_SCOPE])) as entrance:
                yield entrance


def status(port: int, token: str | None) -> int:
    """Return the status of a request with a token, or without one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", "/mcp", b"{}", {} if token is None else {"Authorization": f"Bearer {token}"})
        return connection.getresponse().status


@contextlib.contextmanager
def proxy(port: int, token: str) -> Iterator[int]:
    """Forward requests to a port until the block ends, with a token; yield the port of the proxy.

    Each connection carries one request (`Connection: close`), so that only its head needs to be read; the rest is
    passed on byte by byte, in both directions, as it arrives.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(
            lambda reader, writer: _forward(reader, writer, port, token), "127.0.0.1", 0, limit=_LARGEST_HEAD
        )

    async def stop(server: asyncio.Server) -> None:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, token: str) -> None:
    with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        first, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        kept = [field for field in fields if field.partition(b":")[0].lower() not in {b"connection", b"keep-alive"}]
        added = [b"Connection: close", b"Authorization: Bearer " + token.encode()]
        onward, back = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(back):
            back.write(b"\r\n".join([first, *kept, *added, b"", b""]))
            both = [asyncio.ensure_future(copying) for copying in (_copy(reader, back), _copy(onward, writer))]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in both:
                    task.cancel()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on bytes until one side closes."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
