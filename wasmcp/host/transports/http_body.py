"""Bodies of HTTP requests, read within limits of size, time, and the size of all bodies together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from wasmcp.host.engine.limits import Budget

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    """Function that returns the next message of a client. Specification: asgi.readthedocs.io, version 3."""

WHOLE_BODY = "wasmcp.body"
"""Key of the ASGI scope with the body of a request, as bytes, if it has arrived as a whole."""

STANDSTILL = 1.0
"""Seconds by which a timer is late if the process stood still: suspended, or without a processor."""

RATE = 16 << 10  # minimum bytes per second, after the first seconds
# Bytes that are read beyond the limit, because most clients read a response only after they have sent the whole body.
SKIPPED = 16 << 20


class Body(NamedTuple):
    """A body that was read.

    Attributes:
        data: The bytes; empty if the body is above the limit. They are counted in the budget.
        size: The announced size, or the number of bytes that were read.
        whole: True if the whole body was read; otherwise the connection cannot be used again.
    """

    data: bytes
    size: int
    whole: bool


class BodyError(Exception):
    """Error of a body that is not read to its end.

    Attributes:
        status: The status of the response: 408 or 503.
        text: The body of the response.
        retry_after: Seconds after which the client may try again, for a 503.
    """

    def __init__(self, status: int, text: bytes, *, retry_after: int = 1) -> None:
        self.status = status
        self.text = text
        self.retry_after = retry_after


class _PendingBody:
    """A body that is being read."""

    def __init__(self, until: float) -> None:
        self.parts: list[bytes] = []
        self.held = 0
        self.until = until
        self.deadline: asyncio.Timeout | None = None  # of the message that is waited for
        self.evicted = False


class Bodies:
    """Bodies that are being read, on one event loop."""

    def __init__(self, budget: Budget, seconds: float) -> None:
        """Create an empty set of bodies.

        Args:
            budget: The budget of their bytes.
            seconds: The maximum seconds for one body, plus one second for each 16 KiB received.
        """
        self._budget = budget
        self._seconds = seconds
        self._incomplete: dict[_PendingBody, None] = {}  # the oldest first

    async def read(self, receive: Receive, limit: int, announced: int | None) -> Body | None:
        """Read a body. The caller must return the bytes of `Body.data` to the budget.

        Args:
            receive: The ASGI callable.
            limit: The maximum bytes of the body.
            announced: The `Content-Length`, if the client sent one.

        Returns:
            The body, or None if the client has disconnected.

        Raises:
            BodyError: The client took too long, or the budget is exhausted.
        """
        if announced is not None and announced > limit + SKIPPED:
            return Body(b"", announced, whole=False)
        reading = _PendingBody(asyncio.get_running_loop().time() + self._seconds)
        self._incomplete[reading] = None
        size, more, kept = 0, True, False
        try:
            while more and size <= limit + SKIPPED:
                message = await self._message(reading, receive)
                if message["type"] == "http.disconnect":
                    return None
                part: bytes = message.get("body", b"")
                more = message.get("more_body", False)
                size += len(part)
                if size <= limit:
                    self._hold(reading, part)
                else:
                    self._drop(reading)
                reading.until += len(part) / RATE
            kept = not more
        finally:
            del self._incomplete[reading]
            if not kept:
                self._drop(reading)
        parts = reading.parts
        return Body(parts[0] if len(parts) == 1 else b"".join(parts), size, whole=not more)

    @staticmethod
    async def _message(reading: _PendingBody, receive: Receive) -> MutableMapping[str, Any]:
        """Return the next message of a client.

        Raises:
            BodyError: The client took too long, or the body was ended for others.
        """
        while True:
            try:
                async with asyncio.timeout_at(reading.until) as reading.deadline:
                    return await receive()
            except TimeoutError:
                late = asyncio.get_running_loop().time() - reading.until
                if reading.evicted:
                    raise _NO_ROOM from None
                if late <= STANDSTILL:
                    raise _LATE from None
                # This process stood still: what the client sent meanwhile has to be read first.
                reading.until += late + STANDSTILL

    def take(self, data: bytes, limit: int) -> Body:
        """Return a body that has arrived as a whole; see `read`.

        Raises:
            BodyError: The budget is exhausted.
        """
        if len(data) > limit:
            return Body(b"", len(data), whole=True)
        self._reserve(len(data), None)
        return Body(data, len(data), whole=True)

    def _hold(self, reading: _PendingBody, part: bytes) -> None:
        self._reserve(len(part), reading)
        reading.parts.append(part)
        reading.held += len(part)

    def _reserve(self, size: int, reading: _PendingBody | None) -> None:
        """Take from the budget; if it is exhausted, end the body that has waited longest for its rest."""
        while not self._budget.take(size):
            oldest = next((one for one in self._incomplete if one is not reading and one.held), None)
            if oldest is None:
                raise _NO_ROOM
            oldest.evicted = True
            self._drop(oldest)
            if oldest.deadline is not None:
                oldest.deadline.reschedule(asyncio.get_running_loop().time())

    def _drop(self, reading: _PendingBody) -> None:
        reading.parts.clear()
        self._budget.give(reading.held)
        reading.held = 0


_LATE = BodyError(408, b"Request timeout: the body did not arrive in time\n")
_NO_ROOM = BodyError(503, b"Service unavailable: the server has no room for more requests; try again later\n")
