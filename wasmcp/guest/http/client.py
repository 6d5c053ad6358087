"""HTTP clients, `Client` for functions and `AsyncClient` for coroutines, and the requests that their methods build."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.http.messages import (
    Headers,
    HeadersLike,
    HttpError,
    InvalidRequestError,
    OutgoingRequest,
    Params,
    RequestTimeouts,
    Timeout,
    TooManyRedirectsError,
    Url,
    checked,
    encoded,
    timeout_of,
    url_of,
)
from wasmcp.guest.http.responses import (
    TRANSPORTS,
    AsyncStreamedResponse,
    BaseResponse,
    Response,
    StreamedResponse,
    _Body,
    located,
    run_blocking,
)
from wasmcp.guest.json_types.conversions import dump_any
from wasmcp.guest.json_types.json_codec import encode

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from wasmcp.guest.http.messages import HeadersLike

Body = bytes | bytearray | memoryview | str | Iterable[bytes] | AsyncIterable[bytes]
"""A body: bytes, a string (sent as UTF-8), or an iterable of bytes (an async one with an `AsyncClient` only)."""

MAX_BODY = 16 * 1024 * 1024
"""The default of ``max_body``: 16 MiB of a response are read into memory at most."""

MAX_REDIRECTS = 10
"""The default of ``max_redirects``."""

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization")
_OF_BODY = ("content-type", "content-length", "content-encoding", "content-language", "content-location")
_KNOWN = {"params", "headers", "json", "form", "body", "timeout", "max_redirects", "max_body"}
REDIRECTS = (301, 302, 303, 307, 308)
"""The statuses of redirects that are followed. RFC 9110, section 15.4."""


class Options(TypedDict, total=False):
    """Keyword arguments of every request.

    Attributes:
        params: Query parameters, added to those of the URL.
        headers: Header fields; a name can have several values.
        json: A value that is sent as JSON: any type that a tool can return.
        form: Fields of a form, sent as ``application/x-www-form-urlencoded``.
        body: The body. ``json``, ``form`` and ``body`` are mutually exclusive.
        timeout: Seconds for the whole request and response, or a `Timeout`; None for no limit.
        max_redirects: The maximum number of redirects to follow; 0 to get the redirect as the response.
        max_body: The maximum size of a body that is read as a whole, in bytes; None for no limit.
    """

    params: Params | None
    headers: HeadersLike | None
    json: Any
    form: Params | None
    body: Body | None
    timeout: float | Timeout | None
    max_redirects: int
    max_body: int | None


@dataclass(frozen=True)
class Defaults:
    """Options that the requests of a client share."""

    base_url: str | None = None
    headers: HeadersLike = ()
    timeout: float | Timeout | None = field(default_factory=Timeout)
    max_redirects: int = MAX_REDIRECTS
    max_body: int | None = MAX_BODY


class Request:
    """A request that can be sent and redirected.

    Attributes:
        method: In capital letters.
        url: The next URL to send it to.
        timeout: The timeouts.
        max_redirects: The maximum number of redirects to follow.
        max_body: The maximum size of a body that is read as a whole, in bytes.
        history: The URLs that it was sent to before.

    Raises:
        InvalidRequestError: The request is invalid.
    """

    def __init__(self, method: str, url: str, options: Options, defaults: Defaults, *, concurrent: bool) -> None:
        unknown = sorted(set(options) - _KNOWN)
        if unknown:
            raise TypeError(f"a request has no option `{unknown[0]}`; there are {', '.join(sorted(_KNOWN))}")
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise InvalidRequestError(f"the method {method!r} is invalid")
        self.method = method.upper()
        if self.method == "CONNECT":
            raise InvalidRequestError("a component cannot establish a tunnel: `CONNECT` is not sent")
        self.url = url_of(url, options.get("params"), base=defaults.base_url)
        self.timeout = timeout_of(options.get("timeout", defaults.timeout))
        self.max_redirects = options.get("max_redirects", defaults.max_redirects)
        self.max_body = options.get("max_body", defaults.max_body)
        self.history: list[str] = []
        headers = Headers(defaults.headers).updated(options.get("headers") or ())
        if "user-agent" not in headers:  # some servers reject requests without it
            headers = headers.updated({"user-agent": "wasmcp"})
        self._body, kind = _body(options, concurrent=concurrent)
        if kind and "content-type" not in headers:
            headers = headers.updated({"content-type": kind})
        self._sent = False
        if self.url.authorization is not None and "authorization" not in headers:
            headers = headers.updated({"authorization": self.url.authorization})
        self._headers = checked(headers)

    def outgoing(self) -> OutgoingRequest:
        """Return the request to send to the current URL.

        Raises:
            InvalidRequestError: The body was already sent in pieces, and cannot be repeated.
        """
        body = self._body
        headers = self._headers
        if body is None and self.method in ("POST", "PUT", "PATCH"):
            body = b""
        if isinstance(body, bytes):
            headers = headers.updated({"content-length": str(len(body))})
        elif body is not None:
            if self._sent:
                raise InvalidRequestError(
                    "the request was redirected, and its streamed body cannot be sent again", method=self.method
                )
            headers = headers.without(["content-length"])
        self._sent = True
        return OutgoingRequest(self.method, self.url, headers, body)

    def redirected(self, status: int, location: str) -> None:
        """Follow a redirect. RFC 9110, section 15.4.

        Credentials are sent only to the origin that they were given for, not to another scheme, host or port.

        Raises:
            InvalidRequestError: The target of the redirect is invalid.
        """
        before: Url = self.url
        self.history.append(str(before))
        fragment_free = location.partition("#")[0]
        self.url = url_of(fragment_free, base=str(before))
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            self.method, self._body = "GET", None
            self._headers = self._headers.without(_OF_BODY)
        if self.url.origin != before.origin:
            self._headers = self._headers.without(_CREDENTIALS)


def _body(options: Options, *, concurrent: bool) -> tuple[bytes | AsyncIterator[bytes] | None, str]:
    """Return the body of a request and its media type."""
    given = [
        name for name in ("json", "form", "body") if name in options and (name == "json" or options[name] is not None)
    ]
    if len(given) > 1:
        raise InvalidRequestError(f"a request has one body, not {' and '.join(f'`{name}`' for name in given)}")
    if not given:
        return None, ""
    if given == ["json"]:
        try:
            return encode(dump_any(options["json"])).encode(), "application/json"
        except MismatchError as mismatch:
            raise InvalidRequestError(f"`json` has no JSON form: {mismatch}") from None
    if given == ["form"]:
        return encoded(options["form"] or ()).encode(), "application/x-www-form-urlencoded"
    body: Any = options["body"]
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), ""
    if isinstance(body, AsyncIterable):
        if not concurrent:
            raise InvalidRequestError("a body of async pieces can only be sent by an `AsyncClient`")
        return _checked_pieces(body), ""
    if isinstance(body, Iterable):
        return _checked_pieces(_async(body)), ""
    raise InvalidRequestError(f"a body is bytes, a text or pieces of bytes, not {type(body).__name__}")


async def _async(pieces: Iterable[Any]) -> AsyncIterator[Any]:
    for piece in pieces:
        yield piece


async def _checked_pieces(pieces: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise InvalidRequestError(f"the pieces of a body are bytes, not {type(piece).__name__}")
        if piece:
            yield bytes(piece)


async def _send_following_redirects(
    request: Request, *, concurrent: bool
) -> tuple[BaseResponse, _Body, RequestTimeouts]:
    """Send a request and follow its redirects, until the head of the final response has arrived."""
    timeouts = RequestTimeouts(request.timeout, concurrent=concurrent)
    while True:
        outgoing = request.outgoing()
        method, url = request.method, str(request.url)
        try:
            incoming = await TRANSPORTS[-1].send(outgoing, timeouts)
        except HttpError as error:
            raise located(error, method, url) from None
        head = BaseResponse(method, url, incoming.status, incoming.headers, tuple(request.history))
        location = head.headers.get("location")
        if head.status not in REDIRECTS or location is None or not request.max_redirects:
            return head, _Body(head, incoming, timeouts), timeouts
        incoming.close()
        if len(request.history) >= request.max_redirects:
            raise TooManyRedirectsError(request.max_redirects, method=method, url=url)
        request.redirected(head.status, location)


async def _send(request: Request, *, concurrent: bool) -> Response:
    head, body, _ = await _send_following_redirects(request, concurrent=concurrent)
    return Response(head, await body.whole(request.max_body))


async def _stream(request: Request, *, concurrent: bool) -> tuple[BaseResponse, _Body]:
    head, body, timeouts = await _send_following_redirects(request, concurrent=concurrent)
    timeouts.disable_total()
    return head, body


class _Client:
    """Defaults for the requests of a client.

    Args:
        base_url: The base of relative URLs.
        headers: Header fields of every request, unless the request has a field of the same name.
        timeout: Seconds for a whole request and response, or a `Timeout`; None for no limit.
        max_redirects: The maximum number of redirects to follow; 0 to get redirects as responses.
        max_body: The maximum size of a body that is read as a whole, in bytes; None for no limit.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        headers: HeadersLike = (),
        timeout: float | Timeout | None = Timeout(),  # noqa: B008 - frozen
        max_redirects: int = MAX_REDIRECTS,
        max_body: int | None = MAX_BODY,
    ) -> None:
        self._defaults = Defaults(base_url, headers, timeout, max_redirects, max_body)


class Client(_Client):
    """Synchronous HTTP client. No connection or state is kept between requests, so that it need not be closed.

    Every method takes the keyword arguments of `Options`.

    Raises:
        HttpError: The request failed; see `wasmcp.guest.http.messages` for the subclasses.
        NotGrantedError: The component has no grant ``http``.
    """

    def request(self, method: str, url: str, **options: Unpack[Options]) -> Response:
        """Send a request and read the whole response."""
        return run_blocking(_send(Request(method, url, options, self._defaults, concurrent=False), concurrent=False))

    def get(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``GET`` request."""
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``HEAD`` request."""
        return self.request("HEAD", url, **options)

    def options(self, url: str, **options: Unpack[Options]) -> Response:
        """Send an ``OPTIONS`` request."""
        return self.request("OPTIONS", url, **options)

    def post(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``POST`` request."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``PUT`` request."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``PATCH`` request."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``DELETE`` request."""
        return self.request("DELETE", url, **options)

    @contextmanager
    def stream(self, method: str, url: str, **options: Unpack[Options]) -> Iterator[StreamedResponse]:
        """Send a request, and read the body of the response while it arrives.

        .. code-block:: python

            with http.stream("GET", "https://example.org/log") as response:
                for line in response.lines():
                    ...
        """
        request = Request(method, url, options, self._defaults, concurrent=False)
        head, body = run_blocking(_stream(request, concurrent=False))
        try:
            yield StreamedResponse(head, body, request.max_body)
        finally:
            body.close()


class AsyncClient(_Client):
    """HTTP client for ``async def`` functions; requests of several tasks run concurrently.

    .. code-block:: python

        client = http.AsyncClient()
        first, second = await asyncio.gather(client.get(one), client.get(another))
    """

    async def request(self, method: str, url: str, **options: Unpack[Options]) -> Response:
        """Send a request and read the whole response."""
        return await _send(Request(method, url, options, self._defaults, concurrent=True), concurrent=True)

    async def get(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``GET`` request."""
        return await self.request("GET", url, **options)

    async def head(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``HEAD`` request."""
        return await self.request("HEAD", url, **options)

    async def options(self, url: str, **options: Unpack[Options]) -> Response:
        """Send an ``OPTIONS`` request."""
        return await self.request("OPTIONS", url, **options)

    async def post(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``POST`` request."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``PUT`` request."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``PATCH`` request."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Unpack[Options]) -> Response:
        """Send a ``DELETE`` request."""
        return await self.request("DELETE", url, **options)

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Unpack[Options]) -> AsyncIterator[AsyncStreamedResponse]:
        """Send a request, and read the body while it arrives: ``async with``, ``async for``; see `Client.stream`."""
        request = Request(method, url, options, self._defaults, concurrent=True)
        head, body = await _stream(request, concurrent=True)
        try:
            yield AsyncStreamedResponse(head, body, request.max_body)
        finally:
            body.close()
