"""HTTP/1.1 as bytes: requests that a library writes to a connection, and responses that it reads. RFC 9112."""

from __future__ import annotations

from dataclasses import dataclass

from wasmcp.guest.http.errors import InvalidRequestError
from wasmcp.guest.http.messages import IncomingResponse
from wasmcp.guest.http.urls import Url, ascii_host
from wasmcp.guest.network.exchanges import PORTS, PROXIES, reason_of

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
            InvalidRequestError: It is not a request, or one to a proxy.
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
        """Move what has arrived of the body from the data; return true at its end."""
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
