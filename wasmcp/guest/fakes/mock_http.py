"""Fake of HTTP: requests are answered by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from wasmcp.guest.fakes.http_rules import Answer, HttpRules, Sent
from wasmcp.guest.http.headers import Headers
from wasmcp.guest.http.messages import IncomingResponse, OutgoingRequest, RequestTimeouts
from wasmcp.guest.http.transport import TRANSPORTS
from wasmcp.guest.network.seams import Seams


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
