"""Bounds of connections for `wasmcp serve`: how many there are, and how long they may wait for their clients.

Each connection costs a file descriptor before anything is known of its client, so that these bounds belong to the
protocol of the listening server, not to the application behind it.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from wasmcp.host.engine.limits import HttpLimits
    from wasmcp.host.transports.budget import Budget

BACKLOG = 16
"""Connections that asyncio accepts in one round."""

_DEFAULT = 1000
_LEAST = 16
_RESERVED = 64  # descriptors of the process itself: files, the event loop
_ROUNDS = 6  # in which connections are accepted before the first of them is refused and closed
_EACH = 8  # descriptors of an instance
_SWEEP = 1.0  # seconds between two looks at all connections
_PROGRESS = 16 << 10  # bytes that a client must read to count as one that reads


def most_connections(limits: HttpLimits, instances: int) -> int:
    """Return how many connections there may be at a time.

    Args:
        limits: Of the server; None connections for as many as are usual and possible.
        instances: How many instances there may be, which need descriptors too.
    """
    if limits.connections is not None:
        return limits.connections
    return max(_LEAST, min(_DEFAULT, _descriptors() - _ROUNDS * BACKLOG - _RESERVED - _EACH * instances))


def _descriptors() -> int:
    """Return how many files the process may open."""
    if os.name == "nt":
        return 1 << 20
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


class Connections:
    """All connections of one listening server; lives on its event loop.

    Attributes:
        ended: How many connections were ended because of a bound.
    """

    def __init__(self, limits: HttpLimits, most: int, unread: Budget) -> None:
        """Begin with none.

        Args:
            limits: Of the server.
            most: How many there may be.
            unread: Budget of the bytes that clients have not read yet.
        """
        self._limits = limits
        self._most = most
        self._unread = unread
        self._all: dict[BoundedProtocol, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.ended = 0

    def __len__(self) -> int:
        return len(self._all)

    def protocol(self) -> type[BoundedProtocol]:
        """Return uvicorn's protocol with these bounds."""
        return type("Protocol", (BoundedProtocol,), {"bounds": self})

    def made(self, one: BoundedProtocol) -> None:
        """Count a connection. One too many ends the one that waits longest for a request, or else itself."""
        if self._timer is None:
            self._timer = one.loop.call_later(_SWEEP, self._sweep, one.loop)
        self._all[one] = None
        if len(self._all) > self._most:
            waiting = [each for each in self._all if each is not one and each.waits_for_client]
            self._end(min(waiting, key=lambda each: each.since, default=one))

    def lost(self, one: BoundedProtocol) -> None:
        """Count a connection no more."""
        self._all.pop(one, None)
        if not self._all and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def over(self, more: int) -> bool:
        """Count more unread bytes, or fewer; return whether there are too many now."""
        return self._unread.exceed(more)

    def make_room(self) -> None:
        """End the connection whose client has left most unread, if there is too much."""
        stalled = [each for each in self._all if each.unread]
        if stalled and self._unread.used > self._unread.most:
            self._end(max(stalled, key=lambda each: each.unread))

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for one in list(self._all):
            if one.waits_for_head and now - one.since > self._limits.head_time:
                self._end(one)
            elif one.unread:
                one.measure(now)
                if now - one.read_at > self._limits.write_time:
                    self._end(one)
            elif one.transport.is_closing() and now - one.since > self._limits.write_time:
                self._end(one)  # what is left of its last response is not read
        self._timer = loop.call_later(_SWEEP, self._sweep, loop)

    def _end(self, one: BoundedProtocol) -> None:
        self.ended += 1
        # Not `close`, which waits until the client has read what is buffered.
        one.transport.abort()
        one.free()
        self._all.pop(one, None)


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 connection within bounds.

    Attributes:
        since: When the wait for the present request began, by the loop's clock.
        unread: Bytes in the write buffer, while there are too many of them to write more.
        read_at: When the client was seen reading last, while there are.
    """

    bounds: ClassVar[Connections]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.since = self.loop.time()
        self.unread = 0
        self.read_at = 0.0
        self._seen = 0

    @property
    def waits_for_head(self) -> bool:
        """Whether the client has not sent a whole head."""
        return (self.cycle is None or self.cycle.response_complete) and self.conn.their_state is h11.IDLE

    @property
    def waits_for_client(self) -> bool:
        """Whether the client has not sent a whole request."""
        return self.waits_for_head or (
            self.cycle is not None
            and not self.cycle.response_started
            and self.cycle.more_body
            and self.conn.their_state is h11.SEND_BODY
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self.bounds.made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.bounds.lost(self)
        self.free()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Take note that the client does not read as fast as it is written to."""
        super().pause_writing()
        self.read_at = self.loop.time()
        self._seen = self.transport.get_write_buffer_size()
        self._hold(self._seen)

    def resume_writing(self) -> None:
        """Take note that the client has read enough."""
        super().resume_writing()
        self.free()

    def measure(self, now: float) -> None:
        """Look how much the client has read."""
        size = self.transport.get_write_buffer_size()
        if size <= self._seen - _PROGRESS:
            self.read_at = now
            self._seen = size
        self._hold(size)

    def _hold(self, size: int) -> None:
        more, self.unread = size - self.unread, size
        if self.bounds.over(more):
            self.loop.call_soon(self.bounds.make_room)

    def free(self) -> None:
        """Count nothing as unread any more."""
        self.bounds.over(-self.unread)
        self.unread = 0
