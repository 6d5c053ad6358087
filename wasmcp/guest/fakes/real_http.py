"""Transport over the real network for unit tests, by `http.client`."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from wasmcp.guest.component.event_loop import on_thread
from wasmcp.guest.http.errors import HttpError, transfer_failed
from wasmcp.guest.http.messages import Headers, IncomingResponse, OutgoingRequest, RequestTimeouts, timeout_error
from wasmcp.guest.http.transport import TRANSPORTS

T = TypeVar("T")


@contextmanager
def real_http() -> Iterator[None]:
    """Grant ``http`` inside a ``with`` block: requests use the network of the machine that runs the test.

    .. code-block:: python

        def test_weather(local_server):
            with real_http():
                assert weather("Berlin") == "sunny"
    """
    transport = NetworkTransport()
    TRANSPORTS.append(transport)
    try:
        yield
    finally:
        TRANSPORTS.remove(transport)


class NetworkTransport:
    """Transport that uses one connection for each request."""

    async def send(self, request: OutgoingRequest, timeouts: RequestTimeouts) -> IncomingResponse:
        """Send a request; see `Transport.send`."""
        url = request.url
        seconds, phase = timeouts.remaining("connect")
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.host, url.port, timeout=seconds)
        # `fake_http` can be active outside of this block, with a substitute in its place.
        connection._create_connection = socket.create_connection  # type: ignore[attr-defined]  # noqa: SLF001
        try:
            await _blocking(timeouts, phase, connection.connect)
            held = connection.sock  # the connection drops it when the server announces that it will close
            await self._write(connection, request, timeouts)
            seconds, phase = timeouts.remaining("first_byte")
            held.settimeout(seconds)
            response = await _blocking(timeouts, phase, connection.getresponse)
        except BaseException:
            _hang_up(connection.sock)
            connection.close()
            raise
        return _IncomingResponse(connection, held, response)

    async def _write(
        self, connection: http.client.HTTPConnection, request: OutgoingRequest, timeouts: RequestTimeouts
    ) -> None:
        connection.putrequest(request.method, request.url.target, skip_accept_encoding=True)
        for name, value in request.headers.pairs:
            connection.putheader(name, value.encode("latin-1", "ignore") if value.isascii() else _bytes(value))
        body = request.body
        chunked = isinstance(body, AsyncIterator) and "content-length" not in request.headers
        if chunked:
            connection.putheader("transfer-encoding", "chunked")
        seconds, phase = timeouts.remaining("between_bytes")
        connection.sock.settimeout(seconds)
        try:
            await _blocking(timeouts, phase, connection.endheaders)
            if isinstance(body, bytes):
                await _blocking(timeouts, phase, connection.send, body)
            elif body is not None:
                async for piece in body:
                    part = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
                    await _blocking(timeouts, phase, connection.send, part)
                if chunked:
                    await _blocking(timeouts, phase, connection.send, b"0\r\n\r\n")
        except HttpError as error:
            # A server can stop reading before the end of the body, and still respond.
            if getattr(error, "code", "") != "connection-terminated":
                raise


class _IncomingResponse:
    """A response of a connection."""

    def __init__(
        self, connection: http.client.HTTPConnection, held: socket.socket, response: http.client.HTTPResponse
    ) -> None:
        self._connection = connection
        self._socket = held
        self._response = response
        self.status = response.status
        self.headers = Headers([(name.lower(), _text(value)) for name, value in response.getheaders()])

    async def read(self, size: int, timeouts: RequestTimeouts) -> bytes:
        """Read a part of the body; see `IncomingResponse.read`."""
        seconds, phase = timeouts.remaining("between_bytes")
        if self._socket.fileno() >= 0:
            self._socket.settimeout(seconds)
        length = self._response.length
        found = await _blocking(timeouts, phase, self._response.read1, size)
        if not found and length:
            raise transfer_failed("HTTP-response-incomplete", f"{length} bytes are missing")
        return found

    def close(self) -> None:
        """Close the response; see `IncomingResponse.close`."""
        _hang_up(self._socket)
        self._response.close()
        self._connection.close()


def _hang_up(held: socket.socket | None) -> None:
    """Wake a thread that is still reading: closing the socket would wait for it."""
    if held is not None:
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)


async def _blocking(timeouts: RequestTimeouts, phase: str, function: Callable[..., T], *arguments: Any) -> T:
    """Call a blocking function; for coroutines on a thread, so that other tasks can continue."""
    try:
        if timeouts.concurrent:
            return await on_thread(function, *arguments)
        return function(*arguments)
    except TimeoutError:
        raise timeout_error(phase) from None
    except socket.gaierror as error:
        raise transfer_failed("DNS-error", str(error.strerror)) from None
    except ConnectionRefusedError:
        raise transfer_failed("connection-refused") from None
    except ssl.SSLCertVerificationError as error:
        raise transfer_failed("TLS-certificate-error", error.verify_message) from None
    except ssl.SSLError as error:
        raise transfer_failed("TLS-protocol-error", str(error.reason)) from None
    except http.client.IncompleteRead:
        raise transfer_failed("HTTP-response-incomplete") from None
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        raise transfer_failed("connection-terminated") from None
    except (http.client.HTTPException, ValueError) as error:
        raise transfer_failed("HTTP-protocol-error", type(error).__name__) from None
    except OSError as error:
        raise transfer_failed("destination-unavailable", str(error.strerror)) from None


def _bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def _text(value: str) -> str:
    data = value.encode("latin-1")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return value
