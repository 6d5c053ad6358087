"""Seam of `httpcore` and `httpcore2`, on which `httpx` and `httpx2` are built: methods of their connection pools.

A pool that was made before, at the top of a module, uses them as well.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from wasmcp.guest.http.messages import (
    ConnectError,
    IncomingResponse,
    InvalidRequestError,
    ProtocolError,
    TlsError,
    TransferTimeoutError,
    Url,
)
from wasmcp.guest.http.responses import run_blocking
from wasmcp.guest.network.exchanges import PORTS, PROXIES, Exchange, check_tls, header_bytes, reason_of
from wasmcp.guest.network.seams import Patch

_BUFFERED = 1024 * 1024
"""Size of a body up to which it is sent as a whole, in bytes."""

_FIRST_DELAY = 0.5


def patches(core: Any) -> list[Patch]:
    """Return the replacements for `httpcore` or `httpcore2`."""
    aclose_original = core.AsyncConnectionPool.aclose

    def handle_request(pool: Any, request: Any) -> Any:
        sender = _Sender(core, pool, request, concurrent=False)
        body = sender.body
        if body is None and sender.has_body:
            body = b"".join(request.stream) if sender.is_buffered else _async(request.stream)
        for delay in sender.delays(body):
            try:
                with sender.mapped("write"):
                    exchange = sender.exchange(body)
                    return sender.response(run_blocking(exchange.send()), _Body(sender, exchange))
            except (core.ConnectError, core.ConnectTimeout):
                if delay is None:
                    raise
                time.sleep(delay)
        raise AssertionError

    async def handle_async_request(pool: Any, request: Any) -> Any:
        sender = _Sender(core, pool, request, concurrent=True)
        body = sender.body
        if body is None and sender.has_body:
            pieces = aiter(request.stream)
            body = b"".join([piece async for piece in pieces]) if sender.is_buffered else pieces
        for delay in sender.delays(body):
            try:
                with sender.mapped("write"):
                    exchange = sender.exchange(body)
                    return sender.response(await exchange.send(), _AsyncBody(sender, exchange))
            except (core.ConnectError, core.ConnectTimeout):
                if delay is None:
                    raise
                await asyncio.sleep(delay)
        raise AssertionError

    async def aclose(pool: Any) -> None:
        if pool.connections:  # of requests before the seam was applied
            await aclose_original(pool)

    return [
        Patch(core.ConnectionPool, "handle_request", handle_request),
        Patch(core.AsyncConnectionPool, "handle_async_request", handle_async_request),
        Patch(core.AsyncConnectionPool, "aclose", aclose),
    ]


class _Sender:
    """A request of `httpcore`, in the form of an exchange.

    Attributes:
        body: The body, if it is known without reading the stream; else None.
        has_body: True if the request has a body.
        is_buffered: True if the body is sent as a whole.
    """

    def __init__(self, core: Any, pool: Any, request: Any, *, concurrent: bool) -> None:
        self._core = core
        self._pool = pool
        self._request = request
        self._concurrent = concurrent
        self._headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
        folded = {name.lower(): value for name, value in self._headers}
        length = folded.get("content-length", "")
        self.has_body = length != "" or "transfer-encoding" in folded
        self.body: Any = b"" if length == "0" else None
        self.is_buffered = length.isdecimal() and int(length) <= _BUFFERED

    def exchange(self, body: Any) -> Exchange:
        """Return the exchange for the request."""
        core, pool, url = self._core, self._pool, self._request.url
        scheme = url.scheme.decode("ascii")
        if scheme not in PORTS:
            problem = (
                f"has an unsupported protocol '{scheme}://'"
                if scheme
                else "is missing an 'http://' or 'https://' protocol"
            )
            raise core.UnsupportedProtocol(f"Request URL {problem}.")  # the text of httpcore
        if getattr(pool, "_proxy", None) is not None or getattr(pool, "_proxy_url", None) is not None:
            raise core.ProxyError(PROXIES)
        if getattr(pool, "_uds", None) is not None:
            raise core.UnsupportedProtocol("a component cannot connect to a Unix domain socket")
        if scheme == "https":
            check_tls(pool._ssl_context)  # noqa: SLF001 - the seam
        host = url.host.decode("ascii").strip("[]").lower()
        target = Url(scheme, host, url.port or PORTS[scheme], url.target.decode("latin-1"))
        seconds = self._request.extensions.get("timeout", {})
        return Exchange(
            self._request.method.decode("ascii"),
            target,
            self._headers,
            body,
            connect=seconds.get("connect"),
            write=seconds.get("write"),
            read=seconds.get("read"),
            concurrent=self._concurrent,
        )

    def response(self, incoming: IncomingResponse, content: Any) -> Any:
        """Return the response of `httpcore`."""
        headers = [(name.encode("latin-1"), header_bytes(value)) for name, value in incoming.headers.pairs]
        extensions = {"http_version": b"HTTP/1.1", "reason_phrase": reason_of(incoming.status).encode()}
        return self._core.Response(incoming.status, headers=headers, content=content, extensions=extensions)

    def delays(self, body: Any) -> Iterator[float | None]:
        """Yield the seconds to wait after each failed connection, None after the last: the option ``retries``."""
        if body is None or isinstance(body, bytes):
            for attempt in range(self._pool._retries):  # noqa: SLF001 - the seam
                yield _FIRST_DELAY * 2 ** (attempt - 1) if attempt else 0
        yield None

    @contextmanager
    def mapped(self, direction: str) -> Iterator[None]:
        """Raise the exceptions of `httpcore` instead of those of `wasmcp.guest.http`.

        Args:
            direction: ``write`` while the request is sent, ``read`` while the response is read.
        """
        core = self._core
        between = core.WriteTimeout if direction == "write" else core.ReadTimeout
        try:
            yield
        except TransferTimeoutError as error:
            kinds = {"connect": core.ConnectTimeout, "between_bytes": between}
            raise kinds.get(error.phase, core.ReadTimeout)(str(error)) from error
        except (ConnectError, TlsError, ssl.SSLError) as error:
            raise core.ConnectError(str(error)) from error
        except ProtocolError as error:
            raise core.RemoteProtocolError(str(error)) from error
        except InvalidRequestError as error:
            raise core.LocalProtocolError(str(error)) from error


class _Body:
    """The body of a response, for synchronous code."""

    def __init__(self, sender: _Sender, exchange: Exchange) -> None:
        self._sender = sender
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        with self._sender.mapped("read"):
            while piece := run_blocking(self._exchange.read()):
                yield piece

    def close(self) -> None:
        self._exchange.close()


class _AsyncBody:
    """The body of a response, for coroutines."""

    def __init__(self, sender: _Sender, exchange: Exchange) -> None:
        self._sender = sender
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._sender.mapped("read"):
            while piece := await self._exchange.read():
                yield piece

    async def aclose(self) -> None:
        self._exchange.close()


async def _async(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
