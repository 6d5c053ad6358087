"""Exchanges of one request and its response, as the seams of HTTP libraries need them, and as bytes of HTTP/1.1."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from wasmcp.guest.http.messages import (
    FORBIDDEN,
    Headers,
    IncomingResponse,
    InvalidRequestError,
    OutgoingRequest,
    RequestTimeouts,
    Timeout,
    Url,
    ascii_host,
    checked,
)
from wasmcp.guest.http.responses import PIECE, TRANSPORTS

PORTS = {"http": 80, "https": 443}
"""Scheme -> default port."""

Pairs = Iterable[tuple[str, str]]
"""Header fields: names and values."""

_OF_HOST = FORBIDDEN | {"expect"}


class Exchange:
    """One request and its response, whose body is read while it arrives.

    Args:
        method: The method.
        url: The URL.
        headers: All header fields of the library; those that the host sets are left out.
        body: The body; None for a request without one.
        connect: Seconds for the connection; None for no limit.
        write: Seconds between two parts of the request's body; None for no limit.
        read: Seconds for the first byte, and between two parts of the response's body; None for no limit.
        concurrent: True if other tasks can run while the exchange waits.

    Attributes:
        response: The head of the response, after `send`.

    Raises:
        InvalidRequestError: The request is invalid, or requires something that the host does not support.
    """

    def __init__(
        self,
        method: str,
        url: Url,
        headers: Pairs,
        body: bytes | AsyncIterator[bytes] | None,
        *,
        connect: float | None,
        write: float | None,
        read: float | None,
        concurrent: bool,
    ) -> None:
        if method.upper() == "CONNECT":
            raise InvalidRequestError(PROXIES)
        fields = _sendable(url, headers)
        if isinstance(body, bytes):
            fields = fields.updated({"content-length": str(len(body))})
        self._request = OutgoingRequest(method, url, fields, body)
        sending = Timeout(total=None, connect=connect, first_byte=read, between_bytes=write)
        receiving = Timeout(total=None, between_bytes=read)
        self._sending = RequestTimeouts(sending, concurrent=concurrent)
        self._receiving = RequestTimeouts(receiving, concurrent=concurrent)
        self.response: IncomingResponse | None = None

    async def send(self) -> IncomingResponse:
        """Send the request, and return the response when its head has arrived.

        Raises:
            HttpError: The transfer failed.
            NotGrantedError: The component has no grant ``http``.
        """
        self.response = await TRANSPORTS[-1].send(self._request, self._sending)
        return self.response

    async def read(self) -> bytes:
        """Return the next part of the response's body; empty bytes at its end.

        Raises:
            HttpError: The transfer failed.
        """
        return b"" if self.response is None else await self.response.read(PIECE, self._receiving)

    def close(self) -> None:
        """Close the response and drop the rest of its body."""
        if self.response is not None:
            self.response.close()


PROXIES = "a component does not use proxies: its host decides the route of requests"
"""Message for requests through a proxy."""


def _sendable(url: Url, headers: Pairs) -> Headers:
    """Return the header fields without those that the host sets."""
    kept = []
    for name, value in headers:
        folded = name.lower()
        if folded == "upgrade":
            raise InvalidRequestError(f"a component cannot change the protocol of a connection to `{value}`")
        if folded == "host" and _authority(url.scheme, value) != url.authority:
            raise InvalidRequestError(
                f"the header `host` is set by the host, to the `{url.authority}` of the URL; it cannot be `{value}`"
            )
        if folded not in _OF_HOST:
            kept.append((name, value))
    return checked(Headers(kept))


def _authority(scheme: str, value: str) -> str:
    return value.strip().lower().removesuffix(f":{PORTS[scheme]}")


def reason_of(status: int) -> str:
    """Return the reason phrase of a status; empty for an unknown one. RFC 9110, section 15."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def check_tls(context: Any) -> None:
    """Check that a context of `ssl` does not turn off the check of certificates, which the host always makes.

    Args:
        context: The context; None for the default.

    Raises:
        ssl.SSLError: It turns off the check.
    """
    if context is None or not isinstance(context, ssl.SSLContext):
        return
    if context.verify_mode == ssl.CERT_NONE or not context.check_hostname:
        raise ssl.SSLError(
            ssl.SSL_ERROR_SSL,
            "the check of certificates cannot be turned off: the host of a component makes its secure connections, "
            "and checks certificates and names with its own authorities",
        )


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Response to a request that waits before it sends its body. RFC 9110, section 10.1.1."""

_OF_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding"})
_WITHOUT_BODY = (204, 304)


@dataclass(frozen=True)
class WrittenRequest:
    """A request that a library has written.

    Attributes:
        method: The method.
        target: Path and query.
        headers: The header fields.
        body: The body; None for a request without one.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    def url(self, scheme: str, host: str, port: int) -> Url:
        """Return the URL of the request on a connection."""
        return Url(scheme, ascii_host(host.strip("[]")), port or PORTS[scheme], self.target)


class RequestParser:
    """A parser of one request, which is written in pieces.

    Attributes:
        waits: True once, when the request waits for `CONTINUE` before it sends its body.
    """

    def __init__(self) -> None:
        self.waits = False
        self._data = bytearray()
        self._head: WrittenRequest | None = None
        self._length: int | None = None  # None: chunked
        self._body = bytearray()

    def feed(self, data: bytes | bytearray | memoryview) -> WrittenRequest | None:
        """Add bytes; return the request when it is complete.

        Raises:
            InvalidRequestError: The bytes are not a request, or are a request to a proxy.
        """
        self._data += data
        if self._head is None and not self._read_head():
            return None
        head = self._head
        if head is None or not self._read_body():
            return None
        self._head = None
        body = None if head.body is None else bytes(self._body)
        self._body.clear()
        return WrittenRequest(head.method, head.target, head.headers, body)

    def _read_head(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = bytes(self._data[:end]).decode("latin-1").split("\r\n")
        del self._data[: end + 4]
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise InvalidRequestError(f"only HTTP/1.1 can be sent, not `{first[:40]}`")
        method, target, _ = words
        if method == "CONNECT" or not target.startswith(("/", "*")):
            raise InvalidRequestError(PROXIES)
        pairs = [line.partition(":") for line in lines]
        headers = tuple((name, value.strip()) for name, _, value in pairs)
        folded = {name.lower(): value for name, value in headers}
        is_chunked = "chunked" in folded.get("transfer-encoding", "").lower()
        length = folded.get("content-length", "0")
        if not is_chunked and not length.isdecimal():
            raise InvalidRequestError(f"the header `content-length` is invalid: {length!r}")
        self._length = None if is_chunked else int(length)
        self.waits = folded.get("expect", "").lower() == "100-continue"
        has_body = is_chunked or "content-length" in folded
        self._head = WrittenRequest(method, target, headers, b"" if has_body else None)
        return True

    def _read_body(self) -> bool:
        """Move the received part of the body out of the data; return true at the end of the body."""
        if self._length is not None:
            missing = self._length - len(self._body)
            self._body += self._data[:missing]
            del self._data[:missing]
            return len(self._body) == self._length
        while True:
            end = self._data.find(b"\r\n")
            if end < 0:
                return False
            try:
                size = int(self._data[:end].split(b";")[0], 16)
            except ValueError:
                raise InvalidRequestError("a chunk of the body has no size") from None
            start = end + 2
            if len(self._data) < start + size + 2:
                return False
            self._body += self._data[start : start + size]
            del self._data[: start + size + 2]
            if not size:
                return True


class ResponseWriter:
    """A response as bytes, in chunks if its length is unknown. Its connection closes at its end.

    Args:
        incoming: The response.
        method: The method of the request.

    Attributes:
        has_body: False if the response ends with its head.
    """

    def __init__(self, incoming: IncomingResponse, method: str) -> None:
        self._incoming = incoming
        self.has_body = method != "HEAD" and incoming.status not in _WITHOUT_BODY
        self._is_chunked = self.has_body and "content-length" not in incoming.headers

    def head(self) -> bytes:
        """Return the status line and the header fields."""
        incoming = self._incoming
        lines = [f"HTTP/1.1 {incoming.status} {reason_of(incoming.status)}".encode()]
        for name, value in incoming.headers.pairs:
            if name.lower() not in _OF_CONNECTION:
                lines.append(f"{name}: ".encode("latin-1") + header_bytes(value))
        if self._is_chunked:
            lines.append(b"transfer-encoding: chunked")
        lines.append(b"connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def part(self, data: bytes) -> bytes:
        """Return a part of the body; the end of the body for empty bytes."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data


def header_bytes(value: str) -> bytes:
    """Return a header's value as it was sent: in Latin-1, or else in UTF-8."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
