"""Limits of the connections of `wasmcp serve`: their number, and the time that they wait for their clients.

Each connection uses a file descriptor before its first request, so these limits are applied in the protocol of the
HTTP server and not in the application.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from wasmcp.host.engine.memory import return_freed
from wasmcp.host.scheduling.dispatch import DESCRIPTORS, open_files
from wasmcp.host.transports.http_body import STANDSTILL

if TYPE_CHECKING:
    import asyncio

    from wasmcp.host.engine.limits import Budget, HttpLimits

BACKLOG = 16
"""Number of connections that asyncio accepts in one round."""

SWEEP = 1.0
"""Seconds between checks of all connections."""

PAUSE = 60.0
"""Least seconds between two returns of memory, which hold up requests: clients can open and end many connections."""

_DEFAULT = 1000
_LEAST = 16
_RESERVED = 64  # descriptors of the process itself: files, the event loop
_ROUNDS = 6  # rounds of accepted connections until the first of them is closed
_MANY = 64  # connections whose end leaves memory to return
_FALL = 4  # divisor of their number, at which it is returned


def connection_limit(limits: HttpLimits, instances: int) -> int:
    """Return the maximum number of connections.

    Args:
        limits: The limits of the server; with `connections` None, the default or as many as descriptors allow.
        instances: The maximum number of instances, which need descriptors, too.
    """
    if limits.connections is not None:
        return limits.connections
    return max(_LEAST, min(_DEFAULT, open_files() - _ROUNDS * BACKLOG - _RESERVED - DESCRIPTORS * instances))


class Connection(Protocol):
    """One connection, as far as the limits need it; see `HttpConnection` and `Handshake`."""

    loop: asyncio.AbstractEventLoop
    since: float
    has_responded: bool
    read_at: float
    unread: int

    @property
    def waits_for_head(self) -> bool:
        """True if the client has not sent a whole head."""
        ...

    @property
    def waits_for_client(self) -> bool:
        """True if the client has not sent a whole request."""
        ...

    @property
    def is_closing(self) -> bool:
        """True if it ends as soon as the last response was written."""
        ...

    def abort(self) -> None:
        """End it, and drop what the client has not read."""

    def measure(self, now: float) -> None:
        """Update the number of unread bytes, and the time of the client's progress."""

    def free(self) -> None:
        """Set the number of unread bytes to 0."""


class Handshake:
    """Connection whose client has not completed the TLS handshake; see `Connection`.

    Attributes:
        loop: The event loop.
        since: The time at which the connection began, by the loop's clock.
        has_responded: False.
        unread: 0.
        read_at: 0.
        waits_for_head: True, as for a connection without a request.
        waits_for_client: True.
        is_closing: False.
    """

    has_responded = False
    unread = 0
    read_at = 0.0
    waits_for_head = True
    waits_for_client = True
    is_closing = False

    def __init__(self, loop: asyncio.AbstractEventLoop, accepted: socket.socket) -> None:
        """Create a connection.

        Args:
            loop: The event loop.
            accepted: Its socket.
        """
        self.loop = loop
        self.since = loop.time()
        self._socket = accepted

    def abort(self) -> None:
        """End the connection, during the handshake or after it."""
        with suppress(OSError):  # it has ended
            self._socket.shutdown(socket.SHUT_RDWR)

    def measure(self, now: float) -> None:
        """Do nothing: no response waits for the client."""

    def free(self) -> None:
        """Do nothing: no bytes are unread."""


class Connections:
    """Connections of one HTTP server, used on its event loop.

    Attributes:
        ended: Number of connections that were ended because of a limit.
        PROGRESS: Minimum bytes that count as progress of a reading client.
    """

    PROGRESS = 16 << 10

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
        self._all: dict[Connection, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # time of the next check
        self._is_late = False  # True if the last check was put off
        self._peak = 0  # maximum number of connections since memory was returned
        self._returns_from = 0.0  # time from which memory can be returned again
        self.ended = 0

    def __len__(self) -> int:
        return len(self._all)

    def limit(self, most: int) -> None:
        """Set the maximum number of connections; those above it end when the next one comes."""
        self._most = most

    def made(self, one: Connection) -> None:
        """Add a connection. Beyond the limit, end one that waits for a request, or the new one.

        It is the one that has waited longest, of those without a response before those with one.
        """
        if self._timer is None:
            self._sweep_later(one.loop)
        self._all[one] = None
        self._peak = max(self._peak, len(self._all))
        if len(self._all) > self._most:
            waiting = [each for each in self._all if each is not one and each.waits_for_client]
            self._end(min(waiting, key=lambda each: (each.has_responded, each.since), default=one))

    def lost(self, one: Connection) -> None:
        """Remove a connection."""
        self._all.pop(one, None)
        if not self._all and self._timer is not None and self._peak < _MANY:
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

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + SWEEP
        self._timer = loop.call_later(SWEEP, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        if now - self._due > STANDSTILL and not self._is_late:
            # This process stood still: what clients sent meanwhile has to be read first.
            self._is_late = True
            self._sweep_later(loop)
            return
        self._is_late = False
        for one in list(self._all):
            if one.waits_for_head and now - one.since > self._limits.head_time:
                self._end(one)
            elif one.unread:
                one.measure(now)
                if now - one.read_at > self._limits.write_time:
                    self._end(one)
            elif one.is_closing and now - one.since > self._limits.write_time:
                self._end(one)  # the rest of the last response is not read
        self._return_memory(now)
        if self._all or self._peak >= _MANY:
            self._sweep_later(loop)
        else:
            self._timer = None

    def _return_memory(self, now: float) -> None:
        """Return the memory of connections that have ended, after many of them."""
        if self._peak >= _MANY and len(self._all) * _FALL <= self._peak and now >= self._returns_from:
            self._peak = len(self._all)
            self._returns_from = now + PAUSE
            return_freed()

    def _end(self, one: Connection) -> None:
        self.ended += 1
        # Not `close`, which waits until the client has read the buffer.
        one.abort()
        one.free()
        self._all.pop(one, None)
