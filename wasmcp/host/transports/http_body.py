"""Bodies of HTTP requests: read within bounds of size, of time, and of what all bodies together may hold."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wasmcp.host.transports.asgi import Receive
    from wasmcp.host.transports.budget import Budget

_RATE = 16 << 10  # bytes that a client must send in a second, after the first seconds
# Bytes that are read of a body beyond the limit, because most clients look for an answer only after all of it is sent.
_SKIPPED = 16 << 20


class Body(NamedTuple):
    """A body that was read.

    Attributes:
        data: Its bytes, or none when it is larger than it may be. They are held in the budget.
        size: How many bytes there are, or were read.
        whole: Whether all of it was read; if not, the connection cannot be used again.
    """

    data: bytes
    size: int
    whole: bool


class BodyError(Exception):
    """A body that is not read to its end.

    Attributes:
        status: Of the response: 408 or 503.
        text: Of the response.
    """

    def __init__(self, status: int, text: bytes) -> None:
        self.status = status
        self.text = text


class _Reading:
    """A body that is being read."""

    def __init__(self, deadline: asyncio.Timeout) -> None:
        self.parts: list[bytes] = []
        self.held = 0
        self.deadline = deadline
        self.evicted = False


class Bodies:
    """All bodies that are being read, on one event loop."""

    def __init__(self, budget: Budget, seconds: float) -> None:
        """Begin with none.

        Args:
            budget: Of their bytes.
            seconds: How long a client may take for one, and a second more for each 16 KiB of it.
        """
        self._budget = budget
        self._seconds = seconds
        self._incomplete: dict[_Reading, None] = {}  # the oldest first

    async def read(self, receive: Receive, limit: int, announced: int | None) -> Body | None:
        """Read a body. The caller gives the bytes of `Body.data` back to the budget.

        Args:
            receive: Of the ASGI server.
            limit: The bytes it may have.
            announced: Its `Content-Length`, where the client sent one.

        Returns:
            The body, or None when the client is gone.

        Raises:
            BodyError: It took too long, or there is no room for it.
        """
        if announced is not None and announced > limit + _SKIPPED:
            return Body(b"", announced, whole=False)
        begun = asyncio.get_running_loop().time()
        deadline = asyncio.timeout_at(begun + self._seconds)
        reading = _Reading(deadline)
        self._incomplete[reading] = None
        size, more, kept = 0, True, False
        try:
            async with deadline:
                while more and size <= limit + _SKIPPED:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part: bytes = message.get("body", b"")
                    more = message.get("more_body", False)
                    size += len(part)
                    if size <= limit:
                        self._hold(reading, part)
                    else:
                        self._drop(reading)
                    if more:
                        deadline.reschedule(begun + self._seconds + size / _RATE)
            kept = not more
        except TimeoutError:
            raise _NO_ROOM if reading.evicted else _LATE from None
        finally:
            del self._incomplete[reading]
            if not kept:
                self._drop(reading)
        parts = reading.parts
        return Body(parts[0] if len(parts) == 1 else b"".join(parts), size, whole=not more)

    def _hold(self, reading: _Reading, part: bytes) -> None:
        """Keep a part; the body that has waited longest for its rest makes room for it."""
        while not self._budget.take(len(part)):
            oldest = next((one for one in self._incomplete if one is not reading and one.held), None)
            if oldest is None:
                raise _NO_ROOM
            oldest.evicted = True
            self._drop(oldest)
            oldest.deadline.reschedule(asyncio.get_running_loop().time())
        reading.parts.append(part)
        reading.held += len(part)

    def _drop(self, reading: _Reading) -> None:
        reading.parts.clear()
        self._budget.give(reading.held)
        reading.held = 0


_LATE = BodyError(408, b"Request timeout: the body did not arrive in time\n")
_NO_ROOM = BodyError(503, b"Service unavailable: the server has no room for more requests; try again later\n")
