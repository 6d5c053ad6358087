"""URLs of requests: validation, encoding, joining and comparison. RFC 3986."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from wasmcp.guest.http.errors import InvalidRequestError

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
        raise InvalidRequestError("the URL holds a space or a control character")
    try:
        parts = urlsplit(urljoin(base, text) if base else text)
        port = parts.port
    except ValueError as error:
        raise InvalidRequestError(f"the URL cannot be read: {error}") from None
    if parts.scheme not in _PORTS:
        found = f"`{parts.scheme}://`" if parts.scheme else "a relative one"
        raise InvalidRequestError(f"the URL must begin with `http://` or `https://`, not {found}: {_shown(text)}")
    if not parts.hostname:
        raise InvalidRequestError(f"the URL names no host: {_shown(text)}")
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
