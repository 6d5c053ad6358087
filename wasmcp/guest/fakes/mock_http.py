"""Fake of HTTP: requests are answered by the test."""

from __future__ import annotations

import asyncio
import json as json_module
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from wasmcp.guest.http.errors import transfer_failed
from wasmcp.guest.http.headers import Headers, HeadersLike
from wasmcp.guest.http.messages import IncomingResponse, OutgoingRequest, RequestTimeouts
from wasmcp.guest.http.transport import TRANSPORTS
from wasmcp.guest.network.seams import Seams

_ABSENT: Any = object()


@dataclass(frozen=True)
class Sent:
    """A request that was sent to a `FakeHttp`.

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


class FakeHttp:
    """The network of a test, made by `fake_http`.

    Attributes:
        requests: The requests that were sent, in order.
    """

    def __init__(self) -> None:
        self.requests: list[Sent] = []
        self._routes: list[tuple[str, str, Responder]] = []

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
        self._routes.append((method.upper(), url, respond))

    async def send(self, request: OutgoingRequest, timeouts: RequestTimeouts) -> IncomingResponse:
        """Answer a request by its route; see `wasmcp.guest.http.transport.Transport.send`."""
        if timeouts.concurrent:
            await asyncio.sleep(0)
        sent = Sent(request.method, str(request.url), request.headers, await _whole(request.body))
        self.requests.append(sent)
        for method, url, respond in reversed(self._routes):
            if method in ("*", sent.method) and _fits(url, sent.url):
                return _IncomingResponse(respond(sent))
        known = ", ".join(f"{method} {url}" for method, url, _ in self._routes) or "none"
        raise LookupError(f"this FakeHttp has no route for {sent.method} {sent.url}; its routes: {known}")


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


async def _whole(body: bytes | AsyncIterator[bytes] | None) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return b"".join([piece async for piece in body])


def _fits(pattern: str, url: str) -> bool:
    if pattern.endswith("*"):
        return url.startswith(pattern[:-1])
    return url == pattern or ("?" not in pattern and url.partition("?")[0] == pattern)
