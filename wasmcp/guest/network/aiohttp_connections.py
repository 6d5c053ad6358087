"""Seam of `aiohttp`: the private method of its connector that makes a connection, of the versions in `VERSIONS`."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Iterable
from typing import Any

from wasmcp.guest.http.messages import (
    ConnectError,
    HttpError,
    InvalidRequestError,
    ProtocolError,
    TlsError,
    TransferTimeoutError,
)
from wasmcp.guest.network.exchanges import (
    CONTINUE,
    PORTS,
    PROXIES,
    Exchange,
    RequestParser,
    ResponseWriter,
    WrittenRequest,
    check_tls,
)
from wasmcp.guest.network.http_sockets import os_error
from wasmcp.guest.network.seams import Patch

VERSIONS = ((3, 10), (3, 15))
"""The first version that works, and the first one that is not tested."""


class UnsupportedVersionError(ImportError):
    """A version of a library whose seam is not known to work."""


def patches(aiohttp: Any) -> list[Patch]:
    """Return the replacements for `aiohttp`.

    Raises:
        UnsupportedVersionError: The version is not supported. In a unit test each connection raises this error instead.
    """
    problem = _problem(str(aiohttp.__version__))
    if problem is not None and sys.platform == "wasi":
        raise problem

    async def create_connection(connector: Any, request: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109
        del traces
        if problem is not None:
            raise problem
        return _connected(aiohttp, connector, request, timeout)

    return [Patch(aiohttp.TCPConnector, "_create_connection", create_connection)]


def _problem(version: str) -> UnsupportedVersionError | None:
    first, end = VERSIONS
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if first <= numbers < end:
        return None
    wanted = f"aiohttp>={first[0]}.{first[1]},<{end[0]}.{end[1]}"
    return UnsupportedVersionError(
        f"aiohttp {version} is not supported in a component, where its private method is replaced: require `{wanted}`"
    )


def _connected(aiohttp: Any, connector: Any, request: Any, timeout: Any) -> Any:
    """Return the protocol of a connection for one request.

    Raises:
        aiohttp.ClientConnectorError: The request goes through a proxy, or the check of certificates is turned off.
    """
    key = request.connection_key
    if request.proxy is not None:
        raise aiohttp.ClientProxyConnectionError(key, OSError(None, PROXIES))
    if request.is_ssl():
        try:
            check_tls(connector._get_ssl_context(request))  # noqa: SLF001 - the seam
        except ssl.SSLError as error:
            raise aiohttp.ClientConnectorSSLError(key, error) from error
    protocol = connector._factory()  # noqa: SLF001 - the seam
    protocol.connection_made(_Transport(aiohttp, protocol, request, timeout))
    return protocol


class _Transport(asyncio.Transport):
    """A connection for one request and its response."""

    def __init__(self, aiohttp: Any, protocol: Any, request: Any, timeout: Any) -> None:
        super().__init__()
        self._aiohttp = aiohttp
        self._protocol = protocol
        self._request = request
        limits = [seconds for seconds in (timeout.connect, timeout.sock_connect) if seconds]
        self._connect = min(limits, default=None)
        self._parser = RequestParser()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False
        self._reading = asyncio.Event()
        self._reading.set()

    def write(self, data: Any) -> None:
        """Write a part of the request; when the request is complete, send it."""
        if self._is_closing:
            return
        loop = asyncio.get_running_loop()
        try:
            written = self._parser.feed(data)
        except InvalidRequestError as error:
            loop.call_soon(self._fail, error)
            return
        if self._parser.waits:
            self._parser.waits = False
            loop.call_soon(self._protocol.data_received, CONTINUE)
        if written is not None:
            self._task = loop.create_task(self._exchange(written))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Write parts of the request; see `write`."""
        self.write(b"".join(list_of_data))

    async def _exchange(self, written: WrittenRequest) -> None:
        """Send the request, and give the response to the protocol."""
        exchange = None
        try:
            url = self._request.url
            scheme = "https" if self._request.is_ssl() else "http"
            exchange = Exchange(
                written.method,
                written.url(scheme, url.raw_host, url.port or PORTS[scheme]),
                written.headers,
                written.body,
                connect=self._connect,
                write=None,
                read=None,  # the protocol has timers of its own
                concurrent=True,
            )
            writer = ResponseWriter(await exchange.send(), written.method)
            self._protocol.data_received(writer.head())
            while writer.has_body and not self._is_closing:
                await self._reading.wait()
                piece = await exchange.read()
                part = writer.part(piece)
                if part and not self._is_closing:
                    self._protocol.data_received(part)
                if not piece:
                    break
            self._lose(None)
        except Exception as error:  # noqa: BLE001 - the protocol raises it where the response is read
            self._fail(error)
        finally:
            if exchange is not None:
                exchange.close()

    def _fail(self, error: Exception) -> None:
        """Let the protocol raise the exception that it has for a failed transfer."""
        if isinstance(error, ProtocolError) and error.code in ("connection-terminated", "HTTP-response-incomplete"):
            self._lose(None)  # the protocol determines if the response is complete
        elif not self._is_closing:
            self._protocol.set_exception(self._exception(error))
            self._lose(None)

    def _exception(self, error: Exception) -> Exception:
        aiohttp, key = self._aiohttp, self._request.connection_key
        text = str(error)
        if isinstance(error, (ConnectError, TlsError)):
            cause = os_error(error)
            if isinstance(error, TlsError):
                is_certificate = error.code == "TLS-certificate-error"
                kind = aiohttp.ClientConnectorCertificateError if is_certificate else aiohttp.ClientConnectorSSLError
            else:
                is_name = error.code.startswith("DNS-")
                kind = aiohttp.ClientConnectorDNSError if is_name else aiohttp.ClientConnectorError
            found: Exception = kind(key, cause)
        elif isinstance(error, TransferTimeoutError):
            is_connecting = error.phase == "connect"
            found = (aiohttp.ConnectionTimeoutError if is_connecting else aiohttp.SocketTimeoutError)(text)
        elif isinstance(error, ProtocolError):
            found = aiohttp.http_exceptions.BadHttpMessage(text)
        elif isinstance(error, InvalidRequestError):
            found = aiohttp.ClientConnectionError(text)
        else:
            return error  # for example a missing grant
        if isinstance(error, HttpError):
            found.__cause__ = error
        return found

    def _lose(self, error: Exception | None) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._protocol.connection_lost(error)

    def close(self) -> None:
        """Close the connection, and drop the rest of the response."""
        if self._is_closing:
            return
        self._is_closing = True
        self._reading.set()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """Close the connection; see `close`."""
        self.close()

    def is_closing(self) -> bool:
        """Return True if the connection is closed."""
        return self._is_closing

    def can_write_eof(self) -> bool:
        """Return False."""
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the default: the host makes the connection."""
        del name
        return default

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        """Set the protocol."""
        self._protocol = protocol

    def get_write_buffer_size(self) -> int:
        """Return 0: a request is sent when it is complete."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing; see `get_write_buffer_size`."""

    def is_reading(self) -> bool:
        """Return False while the protocol has paused reading."""
        return self._reading.is_set()

    def pause_reading(self) -> None:
        """Stop delivering the response, until `resume_reading`."""
        self._reading.clear()

    def resume_reading(self) -> None:
        """Deliver the response again."""
        self._reading.set()
