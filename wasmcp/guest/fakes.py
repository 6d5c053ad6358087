"""Fakes of host interfaces for unit tests, exported by `wasmcp.guest.testing`. Not part of components."""

# ruff: noqa: D102 - the functions of the WIT resource `bucket`

from __future__ import annotations

import asyncio
import http.client
import json as json_module
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from wasmcp.guest.component.event_loop import on_thread
from wasmcp.guest.http.messages import (
    Headers,
    HeadersLike,
    HttpError,
    IncomingResponse,
    InvalidRequestError,
    OutgoingRequest,
    RequestTimeouts,
    timeout_error,
    transfer_failed,
    url_of,
)
from wasmcp.guest.http.responses import TRANSPORTS
from wasmcp.guest.kv.buckets import STORES, Bucket
from wasmcp.guest.kv.values import (
    LimitExceededError,
    NotACounterError,
    OutOfRangeError,
    StoreError,
    Tagged,
    plain,
    tagged,
)
from wasmcp.guest.network.seams import Seams

_NAME = 512
_KEY = 1024
_SESSION_KEY = 256
_VALUE = 2 * 1024 * 1024
_BATCH = 1000
_BATCH_BYTES = 2 * 1024 * 1024
_PAGE = 1000
_RESERVED = "wasmcp:"
_RESERVED_NAME = f"names that begin with `{_RESERVED}` are reserved for the framework"
_RESERVED_KEYS = (_RESERVED, "wasmcp.")
_RESERVED_KEY = "keys that begin with `wasmcp:` or `wasmcp.` are reserved for the framework"
_S64 = 1 << 63


class FakeValues:
    """The values of one bucket or session, in memory.

    Args:
        key_limit: The maximum length of a key, in bytes.
        values: The initial values.
    """

    def __init__(self, key_limit: int = _KEY, values: Mapping[str, Any] | None = None) -> None:
        self._key_limit = key_limit
        self._lock = threading.RLock()
        self.held: MutableMapping[str, Tagged] = {key: tagged(value) for key, value in (values or {}).items()}

    def plain(self) -> dict[str, Any]:
        """Return all values as Python values, by key."""
        return {key: plain(value) for key, value in self.held.items()}

    def get(self, key: str) -> Tagged | None:
        return self.held.get(self._checked(key))

    def set(self, key: str, value: Tagged) -> None:
        self.held[self._checked(key)] = _fitting(value)

    def delete(self, key: str) -> None:
        self.held.pop(self._checked(key), None)

    def exists(self, key: str) -> bool:
        return self._checked(key) in self.held

    def get_many(self, keys: Sequence[str]) -> list[Tagged | None]:
        _check_batch(len(keys))
        return [self.get(key) for key in keys]

    def set_many(self, entries: Sequence[tuple[str, Tagged]]) -> None:
        _check_batch(len(entries), sum(_size(value) for _, value in entries))
        for key, value in entries:
            self._checked(key)
            _fitting(value)
        with self._lock:
            self.held.update(entries)

    def delete_many(self, keys: Sequence[str]) -> None:
        _check_batch(len(keys))
        for key in [self._checked(key) for key in keys]:
            self.held.pop(key, None)

    def increment(self, key: str, delta: int) -> int:
        if not -_S64 <= delta < _S64:
            raise OverflowError(f"a counter changes by an integer of 64 bits, not {delta}")
        with self._lock:
            case, before = self.held.get(self._checked(key), ("s64", 0))
            if case != "s64":
                raise NotACounterError
            if not -_S64 <= before + delta < _S64:
                raise OutOfRangeError
            self.held[key] = ("s64", before + delta)
            return int(before + delta)

    def compare_and_swap(self, key: str, expected: Tagged | None, replacement: Tagged) -> bool:
        with self._lock:
            if self.held.get(self._checked(key)) != expected:
                return False
            self.held[key] = _fitting(replacement)
            return True

    def list_keys(self, prefix: str, cursor: str | None) -> tuple[list[str], str | None]:
        found = sorted(key for key in self.held if key.startswith(prefix) and (cursor is None or key > cursor))
        return found[:_PAGE], found[_PAGE - 1] if len(found) > _PAGE else None

    def _checked(self, key: str) -> str:
        size = len(key.encode())
        if not 1 <= size <= self._key_limit:
            raise LimitExceededError(f"a key has 1 to {self._key_limit} bytes")
        if key.startswith(_RESERVED_KEYS) and self._key_limit == _KEY:  # a bucket can contain the values of sessions
            raise StoreError(_RESERVED_KEY)
        return key


class FakeSession(FakeValues):
    """The values of one session."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        super().__init__(_SESSION_KEY, values)

    def keys(self) -> list[str]:
        return sorted(self.held)


class FakeKv:
    """The buckets of a test, made by `fake_kv`."""

    def __init__(self) -> None:
        self._buckets: dict[str, FakeValues] = {}

    def open(self, name: str) -> FakeValues:
        """Open a bucket; see `wasmcp.guest.kv.buckets.Store.open`."""
        if len(name.encode()) > _NAME:
            raise LimitExceededError(f"the name of a bucket has at most {_NAME} bytes")
        if name.startswith(_RESERVED):
            raise StoreError(_RESERVED_NAME)
        return self._buckets.setdefault(name, FakeValues())

    def bucket(self, name: str = "") -> Bucket:
        """Return a bucket, to fill or inspect it in a test."""
        return Bucket(name, self.open(name))


@contextmanager
def fake_kv() -> Iterator[FakeKv]:
    """Grant ``kv`` inside a ``with`` block, with buckets in memory that are empty at first.

    .. code-block:: python

        def test_remember():
            with fake_kv() as store:
                assert remember("milk", "two bottles") == 1
                assert store.bucket("notes")["milk"] == {"text": "two bottles"}
    """
    store = FakeKv()
    STORES.append(store)
    try:
        yield store
    finally:
        STORES.remove(store)


def _fitting(value: Tagged) -> Tagged:
    if _size(value) > _VALUE:
        raise LimitExceededError("a value has at most 2 MiB")
    return value


def _size(value: Tagged) -> int:
    """Return the size of a stored value in bytes, without the few bytes for its type."""
    case, held = value
    if case in ("string", "json"):
        return len(held.encode())
    return len(held) if case == "bytes" else 8


def _check_batch(count: int, size: int = 0) -> None:
    if count > _BATCH or size > _BATCH_BYTES:
        raise LimitExceededError("a batch has at most 1000 keys and 2 MiB")


_ABSENT: Any = object()


@dataclass(frozen=True)
class Sent:
    """A request that was sent to a fake network.

    Attributes:
        method: In capital letters.
        url: The URL, with its query.
        headers: The header fields.
        body: The body; empty for a request without one.
    """

    method: str
    url: str
    headers: Headers
    body: bytes

    def json(self) -> Any:
        """Return the decoded JSON of the body.

        Raises:
            ValueError: The body is not JSON.
        """
        return json_module.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """The response of a route.

    Attributes:
        status: For example 200.
        headers: Header fields.
        body: The body, or the pieces in which it is delivered.
    """

    status: int = 200
    headers: HeadersLike = ()
    body: bytes | Sequence[bytes] = b""


Responder = Callable[[Sent], Answer]


@dataclass(frozen=True)
class Route:
    """Rule of a fake network.

    Attributes:
        method: The method in capital letters, or `*`.
        url: The URL, without a query for every query, or a prefix that ends with `*`.
        respond: Makes the response.
        error: The case of `error-code` that `respond` raises; None for a response.
    """

    method: str
    url: str
    respond: Responder
    error: str | None = None

    def fits(self, method: str, url: str) -> bool:
        """Return True if the rule is for a request."""
        if self.method not in {"*", method}:
            return False
        if self.url.endswith("*"):
            return url.startswith(self.url[:-1])
        return url == self.url or ("?" not in self.url and url.partition("?")[0] == self.url)


class HttpRules:
    """Rules of a fake network.

    Attributes:
        requests: The requests that were sent, in order.
    """

    def __init__(self) -> None:
        self.requests: list[Sent] = []
        self._routes: list[Route] = []

    def route(
        self,
        method: str,
        url: str,
        respond: Responder | None = None,
        *,
        status: int = 200,
        headers: HeadersLike = (),
        json: Any = _ABSENT,
        text: str | None = None,
        body: bytes | Sequence[bytes] = b"",
        error: str | None = None,
    ) -> None:
        """Set the response to a request; of several routes for one request the last one is used.

        Args:
            method: For example ``GET``; ``*`` for any method.
            url: The URL. Without a query it matches every query; with ``*`` at its end it is a prefix.
            respond: A function that makes the response from the request; replaces all following arguments.
            status: The status of the response.
            headers: The header fields of the response.
            json: The body as a value that is sent as JSON.
            text: The body as a string.
            body: The body as bytes, or as the pieces in which it is delivered.
            error: Fail with this case of ``error-code`` instead of a response, for example ``connection-refused`` or
                ``HTTP-request-denied``.

        Raises:
            ValueError: The URL is not absolute.
        """
        if error is not None:
            respond = _failing(error)
        elif respond is None:
            respond = _answering(status, Headers(headers), json, text, body)
        self._routes.append(Route(method.upper(), url_pattern(url), respond, error))

    def find(self, method: str, url: str) -> Route | None:
        """Return the rule for a request: the last that fits, or None."""
        return next((route for route in reversed(self._routes) if route.fits(method, url)), None)

    def known(self) -> str:
        """Return the rules for a message."""
        return ", ".join(f"{route.method} {route.url}" for route in self._routes) or "none"


def url_pattern(text: str) -> str:
    """Return the URLs of a rule: a URL in the form in which requests have it, or a prefix that ends with `*`.

    Raises:
        ValueError: The text is neither an absolute URL of HTTP nor a prefix of one.
    """
    try:
        if not text.endswith("*"):
            return str(url_of(text))
        if not any(scheme.startswith(text[:-1]) for scheme in ("http://", "https://")):
            url_of(text[:-1])
    except InvalidRequestError as error:
        reason = f"expected an absolute URL, or a prefix of URLs that ends with `*`, not `{text}`: {error}"
        raise ValueError(reason) from None
    return text


def _failing(code: str) -> Responder:
    def fail(sent: Sent) -> Answer:
        raise transfer_failed(code, method=sent.method, url=sent.url)

    return fail


def _answering(status: int, headers: Headers, json: Any, text: str | None, body: bytes | Sequence[bytes]) -> Responder:
    kind = ""
    if json is not _ABSENT:
        body, kind = json_module.dumps(json).encode(), "application/json"
    elif text is not None:
        body, kind = text.encode(), "text/plain; charset=utf-8"
    if kind and "content-type" not in headers:
        headers = headers.updated({"content-type": kind})
    return lambda _: Answer(status, headers, body)


class FakeHttp(HttpRules):
    """The network of a test, made by `fake_http`."""

    async def send(self, request: OutgoingRequest, timeouts: RequestTimeouts) -> IncomingResponse:
        """Respond to a request by its route; see `wasmcp.guest.http.responses.Transport.send`."""
        if timeouts.concurrent:
            await asyncio.sleep(0)
        sent = Sent(request.method, str(request.url), request.headers, await _whole(request.body))
        self.requests.append(sent)
        route = self.find(sent.method, sent.url)
        if route is None:
            raise LookupError(f"this FakeHttp has no route for {sent.method} {sent.url}; its routes: {self.known()}")
        return _IncomingResponse(route.respond(sent))


@contextmanager
def fake_http() -> Iterator[FakeHttp]:
    """Grant ``http`` inside a ``with`` block, with responses that the test defines.

    .. code-block:: python

        def test_weather():
            with fake_http() as network:
                network.route("GET", "https://api.example.org/weather", json={"summary": "sunny"})
                assert weather("Berlin") == "sunny"
            assert network.requests[0].url.endswith("?city=Berlin")

    Libraries with a seam, such as ``httpx``, get these responses as well; see `wasmcp.guest.network.seams`.
    """
    network = FakeHttp()
    seams = Seams()
    TRANSPORTS.append(network)
    seams.install()
    try:
        yield network
    finally:
        seams.remove()
        TRANSPORTS.remove(network)


class _IncomingResponse:
    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = Headers(answer.headers)
        body = answer.body
        self._pieces = [bytes(body)] if isinstance(body, (bytes, bytearray)) else list(body)

    async def read(self, size: int, timeouts: RequestTimeouts) -> bytes:
        timeouts.remaining("between_bytes")
        while self._pieces:
            piece = self._pieces.pop(0)
            if len(piece) > size:
                self._pieces.insert(0, piece[size:])
            if piece:
                return piece[:size]
        return b""

    def close(self) -> None:
        self._pieces.clear()


async def _whole(body: bytes | AsyncIterator[bytes] | None) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return b"".join([piece async for piece in body])


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
        return _RealResponse(connection, held, response)

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


class _RealResponse:
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
