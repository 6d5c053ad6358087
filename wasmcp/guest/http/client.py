"""HTTP clients: `Client` for functions and `AsyncClient` for coroutines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from wasmcp.guest.http.errors import HttpError, TooManyRedirectsError
from wasmcp.guest.http.messages import RequestTimeouts, Timeout
from wasmcp.guest.http.requests import MAX_BODY, MAX_REDIRECTS, REDIRECTS, Defaults, Options, Request
from wasmcp.guest.http.responses import (
    AsyncStreamedResponse,
    BaseResponse,
    Response,
    StreamedResponse,
    _Body,
    located,
)
from wasmcp.guest.http.transport import TRANSPORTS, run_blocking

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from wasmcp.guest.http.headers import HeadersLike


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
        HttpError: The request failed; see `wasmcp.guest.http.errors` for the subclasses.
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
