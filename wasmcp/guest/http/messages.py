"""Messages between clients and transports: URLs (RFC 3986), header fields, requests, timeouts, responses; exceptions.

Names of header fields are case-insensitive, and can occur several times. Source: RFC 9110, section 5.

.. code-block:: text

    HttpError                 base class
      InvalidRequestError       invalid URL, method, header or body; nothing was sent (also a ValueError)
      RequestDeniedError        the request is not permitted (also a NotGrantedError)
      TransferError             the request or the response was not transferred; `code` is the reason
        ConnectError              no connection: name resolution, routing, connection refused
        TlsError                  no TLS connection
        TransferTimeoutError      a timeout (also a TimeoutError)
        ProtocolError             the response is not HTTP, or is incomplete
      TooManyRedirectsError     more redirects than allowed
      BodyTooLargeError         the response is larger than allowed
      InvalidContentError       the body cannot be decoded as requested (also a ValueError)
      StatusError               raised by `raise_for_status`: the status is 400 or above; of `responses`
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from wasmcp.guest.errors import NotGrantedError


class HttpError(Exception):
    """A request that failed.

    Attributes:
        method: The method of the request.
        url: The URL of the request, without user and password; after redirects the last URL.
    """

    def __init__(self, message: str, *, method: str = "", url: str = "") -> None:
        # Not `super().__init__`: some of the subclasses have a second base class with other arguments.
        Exception.__init__(self, f"{method} {url}: {message}" if url else message)
        self.method = method
        self.url = url


class InvalidRequestError(HttpError, ValueError):
    """A request that is invalid; nothing was sent."""


class RequestDeniedError(HttpError, NotGrantedError):
    """A request that is not permitted: the grant ``http`` is missing, or the host refuses the destination.

    Attributes:
        grant: ``http``.
        rule: The scheme and host of the request, as in a rule of the grant.
        code: ``HTTP-request-denied``.
    """

    code = "HTTP-request-denied"

    def __init__(self, *, method: str = "", url: str = "") -> None:
        scheme, separator, rest = url.partition("://")
        host = rest.partition("/")[0].partition("?")[0].partition("#")[0]
        NotGrantedError.__init__(self, "http", f"{scheme}://{host}" if separator else "")
        HttpError.__init__(self, str(self), method=method, url=url)


class TransferError(HttpError):
    """A request or response that was not transferred.

    Attributes:
        code: The case of ``error-code`` of `wasi:http/types`, for example ``connection-refused``: a name of the IANA
            registry "HTTP Proxy Error Types" (RFC 9209).
        detail: Further information for a log; can be empty.
    """

    def __init__(self, code: str, detail: str = "", *, method: str = "", url: str = "") -> None:
        super().__init__(f"{code} ({detail})" if detail else code, method=method, url=url)
        self.code = code
        self.detail = detail


class ConnectError(TransferError):
    """A failed connection to the server."""


class TlsError(TransferError):
    """A failed TLS connection to the server, because of its certificate or the TLS protocol."""


class ProtocolError(TransferError):
    """A response that is not valid HTTP, exceeds a limit, or is incomplete."""


class TransferTimeoutError(TransferError, TimeoutError):
    """A request that took longer than allowed.

    Attributes:
        phase: The member of `Timeout` that was exceeded: ``total``, ``connect``, ``first_byte`` or ``between_bytes``.
    """

    def __init__(self, phase: str, code: str, detail: str = "", *, method: str = "", url: str = "") -> None:
        super().__init__(code, detail, method=method, url=url)
        self.phase = phase


class TooManyRedirectsError(HttpError):
    """A request with more redirects than allowed.

    Attributes:
        limit: The maximum number of redirects.
    """

    def __init__(self, limit: int, *, method: str = "", url: str = "") -> None:
        super().__init__(f"more than {limit} redirects", method=method, url=url)
        self.limit = limit


class BodyTooLargeError(HttpError):
    """A response whose body is larger than allowed; the rest of the body was not read.

    Attributes:
        limit: The maximum size in bytes.
    """

    def __init__(self, limit: int, *, method: str = "", url: str = "") -> None:
        super().__init__(f"the body of the response has more than {limit} bytes", method=method, url=url)
        self.limit = limit


class InvalidContentError(HttpError, ValueError):
    """A body that cannot be decoded as requested, for example because it is not JSON."""


_CONNECTION = ("DNS-", "destination-", "connection-")
_TIMEOUTS = {
    "DNS-timeout": "connect",
    "connection-timeout": "connect",
    "connection-read-timeout": "first_byte",
    "connection-write-timeout": "between_bytes",
    "HTTP-response-timeout": "first_byte",
}


def transfer_failed(code: str, detail: str = "", *, method: str = "", url: str = "") -> HttpError:
    """Return the exception for a case of ``error-code``.

    Args:
        code: The name of the case.
        detail: The content of the case, as a text.
        method: The method of the request.
        url: The URL of the request.
    """
    if code == RequestDeniedError.code:
        return RequestDeniedError(method=method, url=url)
    if code in _TIMEOUTS:
        return TransferTimeoutError(_TIMEOUTS[code], code, detail, method=method, url=url)
    if code.startswith("HTTP-request-"):
        return InvalidRequestError(f"{code} ({detail})" if detail else code, method=method, url=url)
    if code == "connection-terminated":
        return ProtocolError(code, detail, method=method, url=url)
    if code.startswith(_CONNECTION):
        return ConnectError(code, detail, method=method, url=url)
    if code.startswith("TLS-"):
        return TlsError(code, detail, method=method, url=url)
    return ProtocolError(code, detail, method=method, url=url)


Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Query parameters: strings, numbers, booleans, sequences of them (the name is repeated), None (left out)."""

_PORTS = {"http": 80, "https": 443}
_PATH = "!$%&'()*+,;=:@/~"
_QUERY = _PATH + "?"


@dataclass(frozen=True)
class Url:
    """The URL of a request, without a fragment.

    Attributes:
        scheme: ``http`` or ``https``.
        host: In lower case; an IPv6 address without brackets.
        port: The port number.
        target: Path and query, encoded.
        authorization: The value of the header ``authorization`` for user and password of the URL; None without them.
    """

    scheme: str
    host: str
    port: int
    target: str
    authorization: str | None = None

    @property
    def authority(self) -> str:
        """The host, and the port unless it is the default of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """The origin, which credentials are bound to. RFC 6454."""
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        """Return the URL without user and password."""
        return f"{self.scheme}://{self.authority}{self.target}"


def url_of(text: str, params: Params | None = None, *, base: str | None = None) -> Url:
    """Parse a URL.

    Args:
        text: The URL, absolute or relative to `base`.
        params: Query parameters to add.
        base: The base of a relative URL.

    Raises:
        InvalidRequestError: The URL is invalid, or not of HTTP.
    """
    if not isinstance(text, str):
        raise InvalidRequestError(f"a URL is a text, not {type(text).__name__}")
    if any(character <= " " or character == "\x7f" for character in text):
        raise InvalidRequestError("the URL contains a space or a control character")
    try:
        parts = urlsplit(urljoin(base, text) if base else text)
        port = parts.port
    except ValueError as error:
        raise InvalidRequestError(f"the URL cannot be read: {error}") from None
    if parts.scheme not in _PORTS:
        found = f"`{parts.scheme}://`" if parts.scheme else "a relative URL"
        raise InvalidRequestError(f"the URL must begin with `http://` or `https://`, not {found}: {_shown(text)}")
    if not parts.hostname:
        raise InvalidRequestError(f"the URL has no host: {_shown(text)}")
    query = "&".join(filter(None, (quote(parts.query, safe=_QUERY), encoded(params) if params is not None else "")))
    path = quote(parts.path or "/", safe=_PATH)
    host = ascii_host(parts.hostname)
    number = _PORTS[parts.scheme] if port is None else port
    return Url(parts.scheme, host, number, f"{path}?{query}" if query else path, _authorization(parts))


def encoded(params: Params) -> str:
    """Return query parameters or form fields as a string. WHATWG URL, application/x-www-form-urlencoded.

    Raises:
        InvalidRequestError: A value is of another type.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in params.items() if isinstance(params, Mapping) else params:
        several = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
        pairs.extend((str(name), _plain(name, item)) for item in (value if several else [value]) if item is not None)
    return urlencode(pairs)


def _plain(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise InvalidRequestError(
        f"the parameter `{name}` is a {type(value).__name__}: a text, number or boolean is expected"
    )


def ascii_host(name: str) -> str:
    """Return the name of a host in ASCII and lower case. RFC 3490.

    Raises:
        InvalidRequestError: The name has no such form.
    """
    if name.isascii():
        return name.lower()
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise InvalidRequestError(f"the host `{name}` has no form in ASCII: {error}") from None


def _authorization(parts: Any) -> str | None:
    if parts.username is None:
        return None
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(credentials.encode()).decode()}"


def _shown(text: str) -> str:
    """Return a URL for a message, without a possible password."""
    head, at, tail = text.rpartition("@")
    return f"{head.partition('//')[0]}//...@{tail}" if at else text


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")

FORBIDDEN = frozenset({
    "connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "transfer-encoding", "upgrade",
})  # fmt: skip
"""Header fields that only the host can set."""

HeadersLike = Mapping[str, "str | Sequence[str]"] | Iterable[tuple[str, str]]
"""Arguments for `Headers`: a mapping of name to value or values, or pairs of name and value."""


class Headers(Mapping[str, str]):
    """Header fields of a request or response.

    ``headers["accept"]`` returns all values of the name, joined with ``", "`` (RFC 9110, section 5.3); `all` returns
    them separately, which ``set-cookie`` needs.

    Args:
        given: A mapping of name to value or values, or pairs of name and value.
    """

    __slots__ = ("_pairs",)

    def __init__(self, given: HeadersLike = ()) -> None:
        pairs: list[tuple[str, str]] = []
        if isinstance(given, Headers):
            given = given.pairs
        for name, value in given.items() if isinstance(given, Mapping) else given:
            pairs.extend((name, item) for item in ([value] if isinstance(value, str) else value))
        self._pairs = tuple(pairs)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """All fields in order, names as they were received."""
        return self._pairs

    def all(self, name: str) -> list[str]:
        """Return the values of a name, in order; an empty list if it does not occur."""
        folded = name.lower()
        return [value for key, value in self._pairs if key.lower() == folded]

    def __getitem__(self, name: str) -> str:
        """Return the values of a name, joined with ``", "``.

        Raises:
            KeyError: The name does not occur.
        """
        values = self.all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the distinct names, in lower case."""
        return iter(dict.fromkeys(name.lower() for name, _ in self._pairs))

    def __len__(self) -> int:
        """Return the number of distinct names."""
        return len({name.lower() for name, _ in self._pairs})

    def __contains__(self, name: object) -> bool:
        """Return True if the name occurs."""
        return isinstance(name, str) and any(key.lower() == name.lower() for key, _ in self._pairs)

    def __repr__(self) -> str:
        """Return the names only, because values can be secrets."""
        return f"Headers({', '.join(self)})"

    def updated(self, given: HeadersLike) -> Headers:
        """Return a copy in which the given fields replace those of the same names."""
        more = Headers(given)
        return Headers([*((name, value) for name, value in self._pairs if name not in more), *more.pairs])

    def without(self, names: Iterable[str]) -> Headers:
        """Return a copy without the fields of some names."""
        left_out = {name.lower() for name in names}
        return Headers([pair for pair in self._pairs if pair[0].lower() not in left_out])


def checked(headers: Headers) -> Headers:
    """Return headers that can be sent.

    Raises:
        InvalidRequestError: A name or a value is invalid, or the field is set by the host.
    """
    for name, value in headers.pairs:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidRequestError(f"the header name {name!r} is invalid")
        if name.lower() in FORBIDDEN:
            raise InvalidRequestError(f"the header `{name}` is set by the host, and cannot be set by a component")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InvalidRequestError(
                f"the value of the header `{name}` is invalid: no control characters, no line breaks"
            )
    return headers


@dataclass(frozen=True)
class Timeout:
    """Timeouts in seconds; None for no limit.

    Attributes:
        total: The whole request and response, including redirects and the body. The body of a streamed response is
            not included: the code that reads it determines the time.
        connect: Until the connection is established.
        first_byte: From the connection to the first byte of the response.
        between_bytes: Between two parts of a body.
    """

    total: float | None = 30.0
    connect: float | None = None
    first_byte: float | None = None
    between_bytes: float | None = None


def timeout_of(given: float | Timeout | None) -> Timeout:
    """Return a `Timeout`; a number becomes its ``total``."""
    return given if isinstance(given, Timeout) else Timeout(total=None if given is None else float(given))


@dataclass(frozen=True)
class OutgoingRequest:
    """A request to one server.

    Attributes:
        method: In capital letters.
        url: The URL.
        headers: All header fields except those that the host sets.
        body: Bytes, an iterator of bytes, or None.
    """

    method: str
    url: Url
    headers: Headers
    body: bytes | AsyncIterator[bytes] | None


class RequestTimeouts:
    """Timeouts of one request, and its way of waiting.

    Args:
        timeout: The timeouts.
        concurrent: True if other tasks can run while the request waits: the caller is a coroutine.

    Attributes:
        timeout: The timeouts.
        concurrent: See above.
        deadline: The end of ``total``, on the clock of `time.monotonic`; None for no limit.
    """

    def __init__(self, timeout: Timeout, *, concurrent: bool) -> None:
        self.timeout = timeout
        self.concurrent = concurrent
        self.deadline = None if timeout.total is None else monotonic() + timeout.total

    def remaining(self, *phases: str) -> tuple[float | None, str]:
        """Return the remaining seconds, and the member of the timeout that determines them.

        Args:
            phases: Members that apply in addition to ``total``.

        Raises:
            TransferTimeoutError: No time remains.
        """
        found: list[tuple[float, str]] = []
        if self.deadline is not None:
            found.append((self.deadline - monotonic(), "total"))
        for phase in phases:
            seconds = getattr(self.timeout, phase)
            if seconds is not None:
                found.append((seconds, phase))
        if not found:
            return None, ""
        seconds, phase = min(found)
        if seconds <= 0:
            raise timeout_error(phase)
        return seconds, phase

    def disable_total(self) -> None:
        """Disable ``total``: from now on the code that reads the body determines the time."""
        self.deadline = None


def timeout_error(phase: str) -> TransferTimeoutError:
    """Return the exception for a member of the timeout that was exceeded."""
    code = "connection-timeout" if phase == "connect" else "HTTP-response-timeout"
    return TransferTimeoutError(phase, code, f"`{phase}` of the timeout has run out")


class IncomingResponse(Protocol):
    """A response whose body is still being received."""

    status: int
    headers: Headers

    async def read(self, size: int, timeouts: RequestTimeouts) -> bytes:
        """Return at most `size` bytes; empty bytes at the end.

        Raises:
            HttpError: The transfer failed.
        """
        ...

    def close(self) -> None:
        """Close the response and drop the rest of its body; it can be called several times."""
