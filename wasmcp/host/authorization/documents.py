"""JSON documents of issuers over HTTP, without redirects and within limits, and discovery of keys from metadata.

RFC 7517, section 5 (key sets), RFC 8414 and OpenID Connect Discovery 1.0 (metadata) and RFC 7662 (introspection) define
the documents. A redirect could lead to another host than the one that the operator trusts, so that none is followed.
"""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wasmcp.errors import IssuerDocumentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPConnection, HTTPSConnection


TIMEOUT = 10.0
"""Maximum seconds of one request, from the connection to the last byte."""

LIMIT = 512 << 10
"""Maximum bytes of a document."""

_LOOPBACK = ("localhost", "::1")


def is_loopback(host: str) -> bool:
    """Return True if a host name is one of this machine."""
    return host in _LOOPBACK or (host.startswith("127.") and host.replace(".", "").isdigit())


def check_url(url: str) -> None:
    """Check that a URL can be fetched: `https`, or `http` to this machine, without user name.

    Raises:
        IssuerDocumentError: It cannot.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise IssuerDocumentError(url, "is not a URL") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise IssuerDocumentError(url, "must begin with `https://` (`http://` only for this machine)")
    if not host or "@" in parts.netloc or any(not "!" <= each <= "~" for each in url):
        raise IssuerDocumentError(url, "is not a URL that can be fetched")


def fetch(
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    authorization: str | None = None,
    limit: int = LIMIT,
    timeout: float | None = None,
) -> tuple[str, dict[str, Any]]:
    """Fetch a JSON object. Return its text and its value.

    Args:
        url: Its address.
        form: The form of a POST request; None for GET.
        authorization: The value of the field `Authorization`.
        limit: Maximum bytes of the document.
        timeout: Maximum seconds, instead of `TIMEOUT`.

    Raises:
        IssuerDocumentError: The address cannot be reached, or the response is not a JSON object within the limits.
    """
    data = _fetch(url, form, authorization, limit, TIMEOUT if timeout is None else timeout)
    try:
        text = data.decode()
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise IssuerDocumentError(url, "the document is not JSON", 200) from None
    if not isinstance(value, dict):
        raise IssuerDocumentError(url, "the document is not a JSON object", 200)
    return text, value


def _fetch(url: str, form: Mapping[str, str] | None, authorization: str | None, limit: int, timeout: float) -> bytes:
    from http.client import HTTPException  # lazy: these modules take longer to import than a server to start
    from urllib.error import HTTPError, URLError
    from urllib.parse import urlencode
    from urllib.request import Request

    check_url(url)
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - checked above
    if form is not None:
        request.data = urlencode(form).encode()
    if authorization is not None:
        request.add_unredirected_header("Authorization", authorization)
    deadline = _Deadline(timeout)
    try:
        with deadline, _opener(url, deadline).open(request, timeout=timeout) as response:
            kind = response.headers.get_content_type() if "content-type" in response.headers else ""
            if kind and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
                raise IssuerDocumentError(
                    url, f"the response has the type `{kind}`, not `application/json`", response.status
                )
            if response.status != 200:
                raise IssuerDocumentError(url, f"the response has the status {response.status}", response.status)
            data: bytes = response.read(limit + 1)
    except HTTPError as error:
        redirect = ": redirects are not followed" if 300 <= error.code < 400 else ""
        raise IssuerDocumentError(url, f"the response has the status {error.code}{redirect}", error.code) from None
    except (OSError, HTTPException, ValueError) as error:
        if deadline.is_over:
            raise IssuerDocumentError(url, f"the response was not complete within {timeout:g} s") from None
        reason = error.reason if isinstance(error, URLError) else error
        raise IssuerDocumentError(url, f"it cannot be reached: {reason or type(error).__name__}") from None
    if deadline.is_over:
        raise IssuerDocumentError(url, f"the response was not complete within {timeout:g} s")
    if len(data) > limit:
        raise IssuerDocumentError(url, f"the document has more than {limit} bytes")
    return data


class _Deadline:
    """Time limit of a request: it shuts the sockets down, because the time-out of a socket is one of each read."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def add(self, opened: socket.socket) -> None:
        """Add a socket of the request."""
        self._sockets.append(opened)
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        for each in self._sockets:
            try:
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # below TLS, whose state another thread uses
            except OSError:  # it is closed
                continue


def _opener(url: str, deadline: _Deadline) -> Any:
    """Return urllib's opener for a URL, with the operator's proxies, and without redirects and other schemes."""
    import ssl
    from http.client import HTTPConnection, HTTPSConnection
    from urllib import request as urllib
    from urllib.parse import urlsplit

    def watched(connection: HTTPConnection | HTTPSConnection) -> HTTPConnection | HTTPSConnection:
        connect = connection.connect

        def connected() -> None:
            connect()
            deadline.add(connection.sock)

        connection.connect = connected  # type: ignore[method-assign]
        return connection

    class Http(urllib.HTTPHandler):
        def http_open(self, req: Any) -> Any:
            opened: Any = lambda host, **options: watched(HTTPConnection(host, **options))  # noqa: E731 - for `do_open`
            return self.do_open(opened, req)

    class Https(urllib.HTTPSHandler):
        def https_open(self, req: Any) -> Any:
            context = ssl.create_default_context()
            opened: Any = lambda host, **options: watched(  # noqa: E731 - for `do_open`
                HTTPSConnection(host, context=context, **options)
            )
            return self.do_open(opened, req)

    opener = urllib.OpenerDirector()
    proxies: dict[str, str] | None = {} if is_loopback(urlsplit(url).hostname or "") else None
    for handler in (
        urllib.ProxyHandler(proxies),
        Http(),
        Https(),
        urllib.HTTPDefaultErrorHandler(),
        urllib.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Return the addresses of an issuer's metadata, in the order in which they are tried.

    Specification: MCP basic/authorization, "Authorization Server Metadata Discovery": RFC 8414, section 3.1, and OpenID
    Connect Discovery 1.0, section 4, with the path of the issuer inserted and appended.
    """
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    found = (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(found))


def discover(issuer: str) -> str:
    """Return the address of an issuer's key set, from its metadata.

    Raises:
        IssuerDocumentError: Metadata are missing, of another issuer, or do not name a key set that can be fetched.
    """
    check_url(issuer)
    problems = []
    for url in metadata_urls(issuer):
        try:
            _, metadata = fetch(url)
        except IssuerDocumentError as error:
            if error.status is None or error.status >= 500:
                raise
            problems.append(str(error))
            continue
        if metadata.get("issuer") != issuer:
            other = metadata.get("issuer")
            raise IssuerDocumentError(url, f"the metadata is of another issuer, `{other}`, not of `{issuer}`")
        keys = metadata.get("jwks_uri")
        if not isinstance(keys, str):
            raise IssuerDocumentError(url, "the metadata has no `jwks_uri`, the address of the key set")
        check_url(keys)
        if issuer.startswith("https://") and not keys.startswith("https://"):
            raise IssuerDocumentError(url, f"the key set of an `https` issuer must begin with `https://`, not `{keys}`")
        return keys
    raise IssuerDocumentError(issuer, f"the issuer has no metadata ({'; '.join(problems)})")
