"""HTTP responses, buffered and streamed, and the transport that sends requests: the component's host, or a fake."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from wasmcp.guest.errors import NotGrantedError
from wasmcp.guest.http.messages import (
    BodyTooLargeError,
    Headers,
    HttpError,
    IncomingResponse,
    InvalidContentError,
    OutgoingRequest,
    RequestDeniedError,
    RequestTimeouts,
)
from wasmcp.guest.json_types.json_codec import decode

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")


class Transport(Protocol):
    """Sender of requests."""

    async def send(self, request: OutgoingRequest, timeouts: RequestTimeouts) -> IncomingResponse:
        """Send a request and wait for the head of its response.

        Raises:
            HttpError: The transfer failed.
        """
        ...


class _Denied:
    """The transport of a component without the grant ``http``."""

    async def send(self, request: OutgoingRequest, timeouts: RequestTimeouts) -> IncomingResponse:
        del request, timeouts
        raise NotGrantedError("http")


def _default_transport() -> Transport:
    if sys.platform == "wasi":
        try:
            from wasmcp.guest.http.wasi import WasiTransport
        except ImportError:  # the component was built without the grant: it does not import the interface
            return _Denied()
        return WasiTransport()
    return _Denied()


TRANSPORTS: list[Transport] = [_default_transport()]
"""The last transport is used; unit tests add a fake."""


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of this package without an event loop: it waits by blocking, so that it never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    finally:
        coroutine.close()
    raise RuntimeError("a coroutine that was to block has suspended")


PIECE = 64 * 1024
"""Bytes of a body that are read at a time, at most."""


class BaseResponse:
    """The head of a response.

    Attributes:
        method: The method of the request.
        url: The URL of the response: after redirects, the last one.
        status: For example 200.
        headers: The header fields.
        redirects: The URLs that the request was sent to before.
    """

    def __init__(self, method: str, url: str, status: int, headers: Headers, redirects: tuple[str, ...]) -> None:
        self.method = method
        self.url = url
        self.status = status
        self.headers = headers
        self.redirects = redirects

    @property
    def reason(self) -> str:
        """The reason phrase of the status; empty for an unknown status. RFC 9110, section 15."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""

    @property
    def ok(self) -> bool:
        """True if the status is below 400."""
        return self.status < 400

    def raise_for_status(self) -> Self:
        """Return the response itself, if its status is below 400.

        Raises:
            StatusError: The status is 400 or above.
        """
        if not self.ok:
            raise StatusError(self)
        return self

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters; empty without a ``content-type``."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """The character encoding; ``utf-8`` if the response does not name one."""
        for parameter in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                return value.strip().strip('"') or "utf-8"
        return "utf-8"

    def __repr__(self) -> str:
        """Return the status, the method and the URL."""
        return f"<{type(self).__name__} {self.status} {self.method} {self.url}>"

    def _decode(self, content: bytes) -> str:
        try:
            return content.decode(self.charset, "replace")
        except LookupError:  # an unknown encoding
            return content.decode("utf-8", "replace")

    def _json(self, content: bytes) -> Any:
        try:
            return decode(content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            problem = f"the body ({self.media_type or 'of no media type'}) is not JSON: {error}"
            raise InvalidContentError(problem, method=self.method, url=self.url) from None


class StatusError(HttpError):
    """A response with a status of 400 or above. RFC 9110, section 15.

    Attributes:
        response: The response.
        status: Its status, 400 to 599.
    """

    def __init__(self, response: BaseResponse) -> None:
        super().__init__(
            f"status {response.status} {response.reason}".rstrip(), method=response.method, url=response.url
        )
        self.response = response
        self.status = response.status


class Response(BaseResponse):
    """A response with its whole body in memory.

    Attributes:
        content: The body.
    """

    def __init__(self, head: BaseResponse, content: bytes) -> None:
        super().__init__(head.method, head.url, head.status, head.headers, head.redirects)
        self.content = content

    @property
    def text(self) -> str:
        """The body as a string; bytes that are invalid in its encoding become U+FFFD."""
        return self._decode(self.content)

    def json(self) -> Any:
        """Return the decoded JSON of the body; the media type is ignored.

        Raises:
            InvalidContentError: The body is not JSON.
        """
        return self._json(self.content)


class _Body:
    """The body of a response while it arrives; closed at its end."""

    def __init__(self, head: BaseResponse, incoming: IncomingResponse, timeouts: RequestTimeouts) -> None:
        self._head = head
        self._incoming: IncomingResponse | None = incoming
        self._timeouts = timeouts

    async def piece(self, size: int = PIECE) -> bytes:
        if self._incoming is None:
            return b""
        try:
            found = await self._incoming.read(size, self._timeouts)
        except HttpError as error:
            self.close()
            raise located(error, self._head.method, self._head.url) from None
        except BaseException:
            self.close()
            raise
        if not found:
            self.close()
        return found

    async def whole(self, limit: int | None) -> bytes:
        length = self._head.headers.get("content-length", "")
        too_large = BodyTooLargeError(limit or 0, method=self._head.method, url=self._head.url)
        known = length.isascii() and length.isdigit()
        if limit is not None and known and int(length[:19]) > limit and self._head.method != "HEAD":
            self.close()
            raise too_large
        pieces: list[bytes] = []
        size = 0
        while piece := await self.piece():
            size += len(piece)
            if limit is not None and size > limit:
                self.close()
                raise too_large
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.close()


class StreamedResponse(BaseResponse):
    """A response whose body is read while it arrives; returned by `Client.stream`."""

    def __init__(self, head: BaseResponse, body: _Body, limit: int | None) -> None:
        super().__init__(head.method, head.url, head.status, head.headers, head.redirects)
        self._body = body
        self._limit = limit

    def chunks(self, size: int = PIECE) -> Iterator[bytes]:
        """Iterate over the body as it arrives, in pieces of at most `size` bytes.

        Raises:
            HttpError: The transfer failed.
        """
        while piece := run_blocking(self._body.piece(size)):
            yield piece

    def lines(self) -> Iterator[str]:
        """Iterate over the lines of a text body as they arrive, without line ends.

        Raises:
            HttpError: The transfer failed.
        """
        rest = b""
        for piece in self.chunks():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield self._decode(line.removesuffix(b"\r"))
        if rest:
            yield self._decode(rest)

    def read(self) -> Response:
        """Read the rest of the body.

        Raises:
            BodyTooLargeError: The body is larger than ``max_body`` of the request.
            HttpError: The transfer failed.
        """
        return Response(self, run_blocking(self._body.whole(self._limit)))

    def close(self) -> None:
        """Close the response and drop the rest of its body."""
        self._body.close()


class AsyncStreamedResponse(BaseResponse):
    """A streamed response for coroutines; returned by `AsyncClient.stream`."""

    def __init__(self, head: BaseResponse, body: _Body, limit: int | None) -> None:
        super().__init__(head.method, head.url, head.status, head.headers, head.redirects)
        self._body = body
        self._limit = limit

    async def chunks(self, size: int = PIECE) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; see `StreamedResponse.chunks`."""
        while piece := await self._body.piece(size):
            yield piece

    async def lines(self) -> AsyncIterator[str]:
        """Iterate over the lines as they arrive; see `StreamedResponse.lines`."""
        rest = b""
        async for piece in self.chunks():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield self._decode(line.removesuffix(b"\r"))
        if rest:
            yield self._decode(rest)

    async def read(self) -> Response:
        """Read the rest of the body; see `StreamedResponse.read`."""
        return Response(self, await self._body.whole(self._limit))

    def close(self) -> None:
        """Close the response and drop the rest of its body."""
        self._body.close()


def located(error: HttpError, method: str, url: str) -> HttpError:
    """Return an error with the method and URL of its request."""
    if error.url:
        return error
    if isinstance(error, RequestDeniedError):  # its text names the host
        return RequestDeniedError(method=method, url=url)
    error.method, error.url = method, url
    error.args = (f"{method} {url}: {error}",)
    return error
