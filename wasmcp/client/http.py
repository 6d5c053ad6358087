"""HTTP transport of a client. Specification: basic/transports, Streamable HTTP, of all revisions."""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from wasmcp.client.transport import MOST, Failure, Inbox, Message, encoded, events, parsed
from wasmcp.errors import ConnectionFailedError, HttpStatusError, WasmcpError
from wasmcp.protocol import LATEST
from wasmcp.terminal import printable

_SENTINEL = re.compile(r"=\?base64\?.*\?=")
_SAFE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_MOST_RESUMED = 1000
_LONGEST_PAUSE = 30.0  # seconds


class HttpTransport:
    """HTTP endpoint of a server. Redirects are not followed: they would carry tokens to another server."""

    is_http = True

    def __init__(self, url: str, fields: Mapping[str, str], timeout: float) -> None:
        """Prepare the connection.

        Args:
            url: The URL of the endpoint.
            fields: Header fields of all requests, `Authorization` for example.
            timeout: Maximum number of seconds without data.
        """
        self.inbox: Inbox = SimpleQueue()
        self._url = url
        self._fields = dict(fields)
        self._timeout = timeout
        self._revision = ""
        self._session = ""
        self._open: dict[int | None, HTTPResponse] = {}
        self._sent: dict[int, HTTPConnection] = {}  # requests without a response
        self._forgotten: set[int] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        self._opener = opener_to(url)

    def send(self, message: Message, fields: dict[str, str]) -> None:
        """Send a message on a thread of its own; notifications and responses are sent before this returns."""
        request = message.get("id") if "method" in message else None
        if request is None:
            try:
                self._post(message, fields, None)
            except WasmcpError as error:
                self.inbox.put(Failure(None, error))
            return
        threading.Thread(
            target=self._exchange, args=(message, fields, request), name="wasmcp-client-request", daemon=True
        ).start()

    def adopt(self, revision: str) -> None:
        """Use a revision; with a handshake revision, open the stream for messages outside of requests.

        Args:
            revision: The revision; the empty string before `initialize`.
        """
        self._revision = revision
        if revision and revision != LATEST:
            threading.Thread(target=self._listen, name="wasmcp-client-stream", daemon=True).start()

    def forget(self, request: int) -> None:
        """Close the response to a request: in 2026-07-28 this cancels it."""
        with self._lock:
            self._forgotten.add(request)
            response = self._open.pop(request, None)
            connection = self._sent.pop(request, None)
        if response is not None:
            _shut(response)
        elif connection is not None:
            _shut_socket(connection.sock)

    def close(self) -> None:
        """End the session, and close all responses."""
        self._is_closed = True
        with self._lock:
            opened, sent = list(self._open.values()), list(self._sent.values())
            self._open.clear()
            self._sent.clear()
        for response in opened:
            _shut(response)
        for connection in sent:
            _shut_socket(connection.sock)
        if self._session:
            request = urllib.request.Request(self._url, method="DELETE", headers=self._headers({}))  # noqa: S310
            with suppress(OSError, HTTPException, ConnectionFailedError):
                self._opener.open(request, timeout=min(self._timeout, 5)).close()

    def diagnostics(self) -> list[str]:
        """Return nothing: the standard error of the server is elsewhere."""
        return []

    def _headers(self, fields: Mapping[str, str]) -> dict[str, str]:
        given = {"User-Agent": "wasmcp", **fields}
        if self._revision:
            given["MCP-Protocol-Version"] = self._revision
        if self._session:
            given["Mcp-Session-Id"] = self._session
        return {**given, **self._fields}

    def _exchange(self, message: Message, fields: dict[str, str], request: int) -> None:
        try:
            self._post(message, fields, request)
        except WasmcpError as error:
            self.inbox.put(Failure(request, error))
        except Exception as error:  # noqa: BLE001 - of a response that was closed meanwhile, or is not HTTP
            problem = ConnectionFailedError(self._url, f"sent an invalid response: {error}")
            self.inbox.put(Failure(request, problem))

    def _post(self, message: Message, fields: Mapping[str, str], request: int | None) -> None:
        accept = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        response = self._opened("POST", {**accept, **fields}, encoded(message), request)
        with self._kept(request, response):
            session = response.headers.get("Mcp-Session-Id")
            if session and message.get("method") == "initialize":
                self._session = session
            kind = response.headers.get_content_type()
            if response.status >= 300:
                self._refused(response, request)
            elif request is None:
                return
            elif kind == "text/event-stream":
                _wait_forever(response)  # the client has a limit of its own, without the time that input takes
                self._follow(response, request)
            else:
                found = parsed(_read(response, self._url))
                if found is None:
                    reason = f"responded to `{message['method']}` without a JSON-RPC message: is it an MCP endpoint?"
                    raise ConnectionFailedError(self._url, reason)
                self.inbox.put(found)

    def _opened(
        self, method: str, fields: Mapping[str, str], body: bytes | None = None, number: int | None = None
    ) -> HTTPResponse:
        request = _Request(self._url, body, self._headers(fields), method=method)
        if number is not None:
            request.on_connection = partial(self._connected, number)
        try:
            response: HTTPResponse = self._opener.open(request, timeout=self._timeout)
        except urllib.error.URLError as error:
            raise ConnectionFailedError(self._url, f"cannot be reached: {_reason(error.reason)}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise ConnectionFailedError(self._url, f"cannot be reached: {_reason(error)}") from None
        finally:
            if number is not None:
                with self._lock:
                    self._sent.pop(number, None)
        return response

    def _connected(self, request: int, connection: HTTPConnection) -> None:
        """Note the connection of a request.

        Raises:
            ConnectionAbortedError: The request was forgotten before it was sent.
        """
        with self._lock:
            if self._is_closed or request in self._forgotten:
                raise ConnectionAbortedError("the request was cancelled")
            self._sent[request] = connection

    def _kept(self, request: int | None, response: HTTPResponse) -> _Open:
        return _Open(self._open, self._lock, request, response)

    def _refused(self, response: HTTPResponse, request: int | None) -> None:
        """Report a response with an error status.

        Raises:
            HttpStatusError: The response has no JSON-RPC error.
        """
        body = _read(response, self._url)
        found = parsed(body) if response.headers.get_content_type() == "application/json" else None
        # An error of OAuth is a string (RFC 6750, section 3).
        if found is not None and isinstance(found.get("error"), dict) and request is not None:
            self.inbox.put({**found, "id": request})
            return
        status = response.status
        shown = f"HTTP {status} {printable(response.reason or '')}".rstrip()
        if status in {401, 403}:
            challenge = printable(response.headers.get("WWW-Authenticate") or "")
            wanted = f" ({challenge})" if challenge else ""
            verb = "refuses the request without valid authorization" if status == 401 else "does not permit the request"
            which = "a token" if status == 401 else "a token that permits it"
            reason = f"{verb}: {shown}{wanted}. Give {which} by `--token VARIABLE`"
        elif 300 <= status < 400:
            where = printable(response.headers.get("Location") or "")
            reason = f"redirects to `{where}`, and redirects are not followed: give that URL if you trust it"
        else:
            text = printable(body[:300].decode("utf-8", "replace").strip())
            reason = f"responded with {shown}" + (f": {text}" if text else "")
        raise HttpStatusError(self._url, status, reason)

    def _follow(self, response: HTTPResponse, request: int) -> None:
        """Put the messages of a stream into the inbox; resume it when the server closes it before the response."""
        last, pause = "", 1.0
        for _ in range(_MOST_RESUMED):
            for event in events(_lines(response, self._url)):
                last = event.id or last
                pause = pause if event.retry is None else min(event.retry / 1000, _LONGEST_PAUSE)
                found = parsed(event.data) if event.data else None
                if found is None:
                    continue
                self.inbox.put(found)
                if "method" not in found and found.get("id") == request:
                    return
            if not last or self._revision == LATEST or self._is_over(request):
                break
            time.sleep(pause)
            fields = {"Accept": "text/event-stream", "Last-Event-ID": last}
            response = self._opened("GET", fields)
            _wait_forever(response)
            with self._lock:
                self._open[request] = response
            if response.status != 200:
                break
        raise ConnectionFailedError(self._url, "closed the stream before the response")

    def _is_over(self, request: int) -> bool:
        with self._lock:
            return self._is_closed or request in self._forgotten

    def _listen(self) -> None:
        """Receive messages outside of requests, as far as the server has a stream for them."""
        with suppress(Exception):  # a server can have no such stream, and can close it at any time
            response = self._opened("GET", {"Accept": "text/event-stream"})
            with self._kept(None, response):
                if response.status != 200 or response.headers.get_content_type() != "text/event-stream":
                    return
                _wait_forever(response)
                for event in events(_lines(response, self._url)):
                    found = parsed(event.data) if event.data else None
                    if found is not None:
                        self.inbox.put(found)


class _Open:
    """Response that another thread can close."""

    def __init__(
        self, table: dict[int | None, HTTPResponse], lock: Any, request: int | None, response: HTTPResponse
    ) -> None:
        self._table, self._lock, self._request, self._response = table, lock, request, response

    def __enter__(self) -> None:
        with self._lock:
            self._table[self._request] = self._response

    def __exit__(self, *_: object) -> None:
        with self._lock:
            last = self._table.pop(self._request, None)
        for response in {self._response, last} - {None}:
            with suppress(OSError, ValueError, AttributeError):
                response.close()  # type: ignore[union-attr]


class _Request(urllib.request.Request):
    """Request that passes on its connection, so that another thread can close it before the response.

    Attributes:
        on_connection: Called when the connection is open, before anything is sent.
    """

    on_connection: Callable[[HTTPConnection], None] | None = None


class _HttpHandler(urllib.request.HTTPHandler):
    """Handler that passes the connections of requests on."""

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_passing_on(HTTPConnection, req), req)


class _HttpsHandler(urllib.request.HTTPSHandler):
    """Handler of TLS that passes the connections of requests on."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._given = context

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_passing_on(HTTPSConnection, req), req, context=self._given)


def _passing_on(kind: type[HTTPConnection], request: urllib.request.Request) -> Callable[..., HTTPConnection]:
    """Return a function that makes a connection which calls `on_connection` of its request."""
    on_connection = getattr(request, "on_connection", None)

    def make(host: str, **options: Any) -> HTTPConnection:
        connection = kind(host, **options)
        if on_connection is not None:
            connect = connection.connect

            def connected() -> None:
                connect()
                on_connection(connection)

            connection.connect = connected  # type: ignore[method-assign]
        return connection

    return make


def _shut(response: HTTPResponse) -> None:
    """Shut the socket of a response down, so that a thread that reads from it ends."""
    with suppress(OSError, ValueError, AttributeError):
        _shut_socket(_socket(response))


def _shut_socket(opened: socket.socket | None) -> None:
    with suppress(OSError, ValueError):
        if opened is not None:
            opened.shutdown(socket.SHUT_RDWR)


def _wait_forever(response: HTTPResponse) -> None:
    """Wait for further data of a stream without a limit."""
    with suppress(OSError, ValueError, AttributeError):
        _socket(response).settimeout(None)


def _socket(response: HTTPResponse) -> socket.socket:
    found: socket.socket = response.fp.raw._sock  # type: ignore[attr-defined]  # noqa: SLF001 - no other way to it
    return found


def opener_to(url: str) -> urllib.request.OpenerDirector:
    """Return an opener that neither follows redirects nor raises errors for statuses.

    Proxies of the environment apply, but not to loopback addresses.
    """
    host = urlsplit(url).hostname or ""
    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.ProxyHandler({} if _is_loopback(host) else None),
        _HttpHandler(),
        _HttpsHandler(ssl.create_default_context()),
    ]
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read(response: HTTPResponse, url: str) -> bytes:
    try:
        body = response.read(MOST + 1)
    except (OSError, HTTPException) as error:
        raise ConnectionFailedError(url, f"sent an incomplete response: {_reason(error)}") from None
    if len(body) > MOST:
        raise ConnectionFailedError(url, f"sent a response above {MOST:,} bytes")
    return body


def _lines(response: HTTPResponse, url: str) -> Iterator[bytes]:
    size = 0
    while True:
        try:
            line = response.readline(MOST)
        except (OSError, HTTPException, ValueError, AttributeError):  # closed here, or by the server
            return
        if not line:
            return
        size = 0 if not line.strip() else size + len(line)
        if size >= MOST:
            raise ConnectionFailedError(url, f"sent a message above {MOST:,} bytes")
        yield line


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no data arrived in time"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(text or type(error).__name__)


def header_value(text: str) -> str:
    """Return a value for a header field (2026-07-28, basic/transports: values outside ASCII are base64)."""
    if (_SAFE.fullmatch(text) or not text) and not _SENTINEL.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def parameter_fields(schema: Any, arguments: Any, depth: int = 0) -> dict[str, str]:
    """Return the fields `Mcp-Param-*` for the arguments of a tool (2026-07-28, `x-mcp-header`)."""
    found: dict[str, str] = {}
    if not isinstance(schema, dict) or not isinstance(arguments, dict) or depth > 32:
        return found
    properties = schema.get("properties")
    for name, member in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(member, dict) or arguments.get(name) is None:
            continue
        value, field = arguments[name], member.get("x-mcp-header")
        if isinstance(field, str) and isinstance(value, bool | str | int):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            found[f"Mcp-Param-{field}"] = header_value(text)
        found.update(parameter_fields(member, value, depth + 1))
    return found
