"""Fake of HTTP: rules of the responses to requests, for fakes of unit tests and hosts of tests, and a transport."""

from __future__ import annotations

import asyncio
import json as json_module
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from wasmcp.guest.http.errors import transfer_failed
from wasmcp.guest.http.messages import Headers, HeadersLike, IncomingResponse, OutgoingRequest, RequestTimeouts
from wasmcp.guest.http.transport import TRANSPORTS
from wasmcp.guest.network.seams import Seams

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
    """One rule.

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
        """
        if error is not None:
            respond = _failing(error)
        elif respond is None:
            respond = _answering(status, Headers(headers), json, text, body)
        self._routes.append(Route(method.upper(), url, respond, error))

    def find(self, method: str, url: str) -> Route | None:
        """Return the rule for a request: the last that fits, or None."""
        return next((route for route in reversed(self._routes) if route.fits(method, url)), None)

    def known(self) -> str:
        """Return the rules for a message."""
        return ", ".join(f"{route.method} {route.url}" for route in self._routes) or "none"


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
        """Answer a request by its route; see `wasmcp.guest.http.transport.Transport.send`."""
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
