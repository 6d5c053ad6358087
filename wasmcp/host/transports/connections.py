"""Limits of the connections of `wasmcp serve`: their number, and the time that they wait for their clients.

Each connection uses a file descriptor before its first request, so these limits are applied in the protocol of the
HTTP server and not in the application.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from wasmcp.host.engine.limits import Budget, HttpLimits

BACKLOG = 16
"""Number of connections that asyncio accepts in one round."""

_DEFAULT = 1000
_LEAST = 16
_RESERVED = 64  # descriptors of the process itself: files, the event loop
_ROUNDS = 6  # rounds of accepted connections until the first of them is closed
_EACH = 8  # descriptors of an instance
_SWEEP = 1.0  # seconds between checks of all connections
_PROGRESS = 16 << 10  # minimum bytes that count as progress of a reading client


def connection_limit(limits: HttpLimits, instances: int) -> int:
    """Return the maximum number of connections.

    Args:
        limits: The limits of the server; with `connections` None, the default or as many as descriptors allow.
        instances: The maximum number of instances, which need descriptors, too.
    """
    if limits.connections is not None:
        return limits.connections
    return max(_LEAST, min(_DEFAULT, _descriptors() - _ROUNDS * BACKLOG - _RESERVED - _EACH * instances))


def _descriptors() -> int:
    """Return the maximum number of open files of the process."""
    if os.name == "nt":
        return 1 << 20
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


class Connections:
    """Connections of one HTTP server, used on its event loop.

    Attributes:
        ended: Number of connections that were ended because of a limit.
    """

    def __init__(self, limits: HttpLimits, most: int, unread: Budget) -> None:
        """Create an empty set of connections.

        Args:
            limits: The limits of the server.
            most: The maximum number of connections.
            unread: The budget of bytes that clients have not read yet.
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
        """Return uvicorn's protocol with these limits."""
        return type("Protocol", (BoundedProtocol,), {"bounds": self})

    def made(self, one: BoundedProtocol) -> None:
        """Add a connection. Beyond the limit, end the one that has waited longest for a request, or the new one."""
        if self._timer is None:
            self._timer = one.loop.call_later(_SWEEP, self._sweep, one.loop)
        self._all[one] = None
        if len(self._all) > self._most:
            waiting = [each for each in self._all if each is not one and each.waits_for_client]
            self._end(min(waiting, key=lambda each: each.since, default=one))

    def lost(self, one: BoundedProtocol) -> None:
        """Remove a connection."""
        self._all.pop(one, None)
        if not self._all and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def over(self, more: int) -> bool:
        """Add to the number of unread bytes. Return True if it exceeds the budget."""
        return self._unread.exceed(more)

    def make_room(self) -> None:
        """End the connection with the most unread bytes, if the budget is exceeded."""
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
                self._end(one)  # the rest of the last response is not read
        self._timer = loop.call_later(_SWEEP, self._sweep, loop)

    def _end(self, one: BoundedProtocol) -> None:
        self.ended += 1
        # Not `close`, which waits until the client has read the buffer.
        one.transport.abort()
        one.free()
        self._all.pop(one, None)


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 connection with limits.

    Attributes:
        since: The time at which the wait for the current request began, by the loop's clock.
        unread: The bytes in the write buffer while writing is paused, otherwise 0.
        read_at: The time at which the client last read data, while writing is paused.
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
        """True if the client has not sent a whole head."""
        return (self.cycle is None or self.cycle.response_complete) and self.conn.their_state is h11.IDLE

    @property
    def waits_for_client(self) -> bool:
        """True if the client has not sent a whole request."""
        return self.waits_for_head or (
            self.cycle is not None
            and not self.cycle.response_started
            and self.cycle.more_body
            and self.conn.their_state is h11.SEND_BODY
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the connection."""
        super().connection_made(transport)
        self.bounds.made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection."""
        self.bounds.lost(self)
        self.free()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Start the wait for the next request."""
        self.since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start to count unread bytes: the client reads slower than data is written."""
        super().pause_writing()
        self.read_at = self.loop.time()
        self._seen = self.transport.get_write_buffer_size()
        self._hold(self._seen)

    def resume_writing(self) -> None:
        """Stop counting unread bytes: the client has read enough."""
        super().resume_writing()
        self.free()

    def measure(self, now: float) -> None:
        """Update the number of unread bytes, and the time of the client's progress."""
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
        """Set the number of unread bytes to 0."""
        self.bounds.over(-self.unread)
        self.unread = 0
