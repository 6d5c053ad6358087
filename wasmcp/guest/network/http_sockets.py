"""Seam of `http.client` and `urllib3`, below `urllib.request` and `requests`: sockets for HTTP only.

Requests that are written to such a socket are sent by the component's HTTP client; reading returns their responses.
"""

from __future__ import annotations

import errno
import io
import socket
import ssl
from http.client import BadStatusLine
from typing import Any

from wasmcp.guest.http.messages import (
    ConnectError,
    HttpError,
    InvalidRequestError,
    ProtocolError,
    TlsError,
    TransferTimeoutError,
)
from wasmcp.guest.http.responses import run_blocking
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
from wasmcp.guest.network.seams import Patch

_DEFAULT = getattr(socket, "_GLOBAL_DEFAULT_TIMEOUT", None)


def patches(library: Any) -> list[Patch]:
    """Return the replacements for `http.client` or `urllib3`."""
    if library.__name__ == "urllib3":
        return [Patch(library.connection.HTTPConnection, "_new_conn", _new_conn), _wrapping()]
    return [Patch(library, "socket", _Sockets()), _wrapping()]


class _Sockets:
    """The module `socket`, with another function `create_connection`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)

    @staticmethod
    def create_connection(
        address: tuple[str, int],
        timeout: Any = _DEFAULT,
        source_address: Any = None,
        *,
        all_errors: bool = False,
    ) -> HttpSocket:
        """Return a socket for HTTP; see `socket.create_connection`."""
        del source_address, all_errors
        host, port = address
        return HttpSocket(host, port, socket.getdefaulttimeout() if timeout is _DEFAULT else timeout)


def _wrapping() -> Patch:
    original = ssl.SSLContext.wrap_socket

    def wrap_socket(context: Any, sock: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(sock, HttpSocket):
            return original(context, sock, *arguments, **options)
        sock.start_tls(context, options.get("server_hostname"))
        return sock

    return Patch(ssl.SSLContext, "wrap_socket", wrap_socket)


def _new_conn(connection: Any) -> HttpSocket:
    """Return the socket of a connection of `urllib3`."""
    if connection.proxy is not None:
        from urllib3.exceptions import NewConnectionError

        raise NewConnectionError(connection, PROXIES)
    timeout = connection.timeout
    return _PooledSocket(connection, timeout if isinstance(timeout, (int, float)) else socket.getdefaulttimeout())


class HttpSocket:
    """The part of a socket that HTTP clients use, for one request and its response.

    The request is sent when it has been written; a failure of the connection is raised then, all others when the
    response is read.

    Args:
        host: The name or address of the server.
        port: Its port.
        timeout: Seconds for the connection, and for all other operations until `settimeout`; None for no limit.
    """

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = 0

    def __init__(self, host: str, port: int, timeout: float | None) -> None:
        self._host = host
        self._port = port
        self._connect = timeout
        self._timeout = timeout
        self._scheme = "http"
        self._parser = RequestParser()
        self._exchange: Exchange | None = None
        self._writer: ResponseWriter | None = None
        self._readable = bytearray()
        self._failure: Exception | None = None
        self._is_closed = False
        self._files = 0

    def start_tls(self, context: Any, server_hostname: str | None) -> None:
        """Send the request over `https`; see `ssl.SSLContext.wrap_socket`.

        Raises:
            ssl.SSLError: The host does not support the settings of the context.
        """
        check_tls(context)
        if server_hostname and server_hostname.strip("[]").rstrip(".") != self._host.strip("[]").rstrip("."):
            raise ssl.SSLError(
                ssl.SSL_ERROR_SSL,
                f"the host of a component checks the certificate for `{self._host}`, not for `{server_hostname}`",
            )
        self._scheme = "https"

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Write a part of a request; when the request is complete, send it.

        Raises:
            OSError: It cannot be sent.
        """
        del flags
        try:
            request = self._parser.feed(data)
        except InvalidRequestError as error:
            raise os_error(error) from error
        if self._parser.waits:
            self._parser.waits = False
            self._readable += CONTINUE
        if request is not None:
            self._written(request)

    def send(self, data: Any, flags: int = 0) -> int:
        """Write a part of a request; see `sendall`."""
        self.sendall(data, flags)
        return len(data)

    def _written(self, request: WrittenRequest) -> None:
        try:
            self._send(request)
        except (ConnectError, TlsError, InvalidRequestError) as error:
            raise os_error(error) from error
        except TransferTimeoutError as error:
            if error.phase == "connect":
                raise os_error(error) from error
            self._failure = os_error(error)
        except HttpError as error:
            self._fail(error)

    def _send(self, request: WrittenRequest) -> None:
        self._exchange = Exchange(
            request.method,
            request.url(self._scheme, self._host, self._port),
            request.headers,
            request.body,
            connect=self._connect,
            write=self._timeout,
            read=self._timeout,
            concurrent=False,
        )
        self._writer = ResponseWriter(run_blocking(self._exchange.send()), request.method)
        self._readable += self._writer.head()
        if not self._writer.has_body:
            self._end()

    def _fail(self, error: HttpError) -> None:
        """End reading, or make it fail: libraries have their own exceptions for responses that end too early."""
        if isinstance(error, ProtocolError) and error.code in ("connection-terminated", "HTTP-response-incomplete"):
            self._end()
        else:
            self._failure = os_error(error)

    def _end(self) -> None:
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return a part of the response; empty bytes at its end.

        Raises:
            OSError: The transfer failed.
        """
        del flags
        while not self._readable and self._failure is None and self._exchange is not None:
            try:
                piece = run_blocking(self._exchange.read())
            except HttpError as error:
                self._fail(error)
                break
            if self._writer is not None:
                self._readable += self._writer.part(piece)
            if not piece:
                self._end()
        if not self._readable and self._failure is not None:
            raise self._failure
        data = bytes(self._readable[:size])
        del self._readable[:size]
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read a part of the response into a buffer; see `recv`."""
        data = self.recv(nbytes or len(buffer), flags)
        buffer[: len(data)] = data
        return len(data)

    def makefile(self, mode: str = "r", buffering: int | None = None, **_: Any) -> io.BufferedReader:
        """Return a file to read the response from, in binary mode."""
        if mode != "rb":
            raise ValueError(f"a socket for HTTP is read in mode `rb`, not `{mode}`")
        self._files += 1
        return io.BufferedReader(_Reader(self), buffering if buffering and buffering > 0 else io.DEFAULT_BUFFER_SIZE)

    def file_closed(self) -> None:
        """Release the resources of a file of `makefile`."""
        self._files -= 1
        if self._is_closed and not self._files:
            self._end()

    def close(self) -> None:
        """Close the socket; a file of `makefile` can be read further."""
        self._is_closed = True
        if not self._files:
            self._end()

    def settimeout(self, value: float | None) -> None:
        """Set the time-out of all further operations, in seconds; None for no limit."""
        self._timeout = value

    def gettimeout(self) -> float | None:
        """Return the time-out of all further operations, in seconds."""
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        """Set no time-out, or the shortest one."""
        self._timeout = None if flag else 0.0

    def setsockopt(self, *_: Any) -> None:
        """Do nothing: the host makes the connection."""

    def getsockopt(self, *_: Any) -> int:
        """Return 0: the host makes the connection."""
        return 0

    def getpeername(self) -> tuple[str, int]:
        """Return the name and the port of the server."""
        return self._host, self._port or PORTS[self._scheme]

    def getsockname(self) -> tuple[str, int]:
        """Return an unspecified address."""
        return "0.0.0.0", 0  # noqa: S104 - nothing listens

    def getpeercert(self, binary_form: bool = False) -> Any:
        """Refuse to return the certificate of the server.

        Raises:
            ssl.SSLError: Always.
        """
        del binary_form
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, "the host of a component does not reveal the certificate of the server")

    def fileno(self) -> int:
        """Return -1: the socket has no file descriptor."""
        return -1

    def shutdown(self, how: int) -> None:
        """Close the connection in both directions."""
        del how
        self._end()

    def unwrap(self) -> HttpSocket:
        """Return the socket itself."""
        return self

    def selected_alpn_protocol(self) -> None:
        """Return None: the host decides."""

    def version(self) -> None:
        """Return None: the host decides."""

    def cipher(self) -> None:
        """Return None: the host decides."""

    def __enter__(self) -> HttpSocket:  # noqa: PYI034 - as `socket.socket`
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _PooledSocket(HttpSocket):
    """The socket of a connection of `urllib3`, which sets the time-out for reading after it has written the request."""

    def __init__(self, connection: Any, timeout: float | None) -> None:
        super().__init__(connection.host, connection.port, timeout)
        self._connection = connection
        self._waiting: WrittenRequest | None = None

    def _written(self, request: WrittenRequest) -> None:
        self._waiting = request

    def recv(self, size: int, flags: int = 0) -> bytes:
        request, self._waiting = self._waiting, None
        if request is not None:
            try:
                self._send(request)
            except HttpError as error:
                self._raise(error)
        return super().recv(size, flags)

    def _raise(self, error: HttpError) -> None:
        """Raise the exception that `urllib3` has for a connection that was not established."""
        from urllib3 import exceptions

        connection = self._connection
        if isinstance(error, ConnectError):
            cause = os_error(error)
            if isinstance(cause, socket.gaierror):
                raise exceptions.NameResolutionError(connection.host, connection, cause) from error
            message = f"Failed to establish a new connection: {error}"
            raise exceptions.NewConnectionError(connection, message) from error
        if isinstance(error, TransferTimeoutError) and error.phase == "connect":
            message = f"Connection to {connection.host} timed out. (connect timeout={self._connect})"
            raise exceptions.ConnectTimeoutError(connection, message) from error
        self._fail(error)


class _Reader(io.RawIOBase):
    """A file that is read from a socket."""

    def __init__(self, source: HttpSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            self._source.file_closed()
        super().close()


def os_error(error: HttpError) -> Exception:
    """Return the exception that a socket raises for a failed transfer; that of a denied request is unchanged."""
    text = str(error)
    if isinstance(error, TransferTimeoutError):
        return TimeoutError(text)
    if isinstance(error, TlsError):
        kind = ssl.SSLCertVerificationError if error.code == "TLS-certificate-error" else ssl.SSLError
        return kind(ssl.SSL_ERROR_SSL, text)
    if isinstance(error, ConnectError):
        if error.code.startswith("DNS-"):
            return socket.gaierror(socket.EAI_NONAME, text)
        if error.code == "connection-refused":
            return ConnectionRefusedError(errno.ECONNREFUSED, text)
        return OSError(errno.EHOSTUNREACH, text)
    if isinstance(error, ProtocolError):
        return BadStatusLine(text)
    if isinstance(error, InvalidRequestError):
        return OSError(errno.EINVAL, text)
    return error
