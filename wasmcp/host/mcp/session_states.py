"""States of sessions: of one that a server has, and the list of those that ended before their sealed ids expire.

A sealed id carries its session, so that no host has to know it. The client can end it nevertheless (`DELETE`): the id
is on the list from then on, until it expires. The list is in the store that all workers and servers share, or in the
memory of the process. It holds a limited number of digests of ids.

Specification: 2025-11-25, basic/transports, "Session Management".
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from hashlib import sha256
from time import monotonic, time
from typing import TYPE_CHECKING

from wasmcp.errors import StoreRequestError
from wasmcp.host.mcp.subscriptions import URIS, Listener, uri_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from wasmcp.host.engine.limits import Budget
    from wasmcp.host.scheduling.call import Call
    from wasmcp.host.stores.keyvalue import SessionValues

    Stream = Callable[[bytes | None], None]

_OVERHEAD = 2048  # bytes of a session in addition to its state
_MESSAGE = 64  # bytes of a waiting message in addition to its text
_WAITING = 100  # maximum number of messages that wait for a client without an open stream
_LOST = 10.0  # minimum age in seconds of a stream that can be ended for a newer one of its session


class Session:
    """Session of one client.

    Attributes:
        state: The guest's opaque state.
        used: The time of the last use, by `monotonic`.
        fresh: True if it was not used since it began.
        calls: The calls in progress, with the messages that started them.
        streams: The open streams, the newest last, with the times at which they were opened.
        lock: Protects all attributes except `state`.
    """

    def __init__(self, base: Budget, budget: Budget, greeting: Mapping[str, Any] | None, most_streams: int) -> None:
        self.state = b""
        self.used = monotonic()
        self.fresh = True
        self.calls: dict[Call, bytes] = {}
        self.streams: dict[Stream, float] = {}
        self.lock = threading.Lock()
        self.listener = None if greeting is None else Listener(greeting, self.send)
        self._base = base  # budget of the session itself and its state
        self._budget = budget  # budget of subscriptions and waiting messages
        self._most_streams = most_streams
        self._waiting: deque[bytes] = deque()
        self._ended = False

    @property
    def busy(self) -> bool:
        """True if the session has an open stream or a call in progress."""
        return bool(self.streams or self.calls)

    def keep(self, state: bytes) -> bool:
        """Store a new state. Return False if the budget is exhausted."""
        size = _OVERHEAD + len(state)
        if size > self._base.used and not self._base.take(size - self._base.used):
            return False
        if size < self._base.used:
            self._base.give(self._base.used - size)
        self.state = state
        return True

    def watch(self, uri: str, *, on: bool) -> bool:
        """Subscribe to a resource, or unsubscribe. Return False if no further subscription is allowed."""
        listener = self.listener
        if listener is None or on == listener.watches(uri):
            return True
        with self.lock:
            if on and (self._ended or listener.watched >= URIS or not self._budget.take(uri_size(uri))):
                return False
            listener.watch(uri, on=on)
            if not on:
                self._budget.give(uri_size(uri))
        return True

    def send(self, message: bytes | None) -> None:
        """Send a message on the newest stream, because a client must not get it twice; None ends all streams."""
        with self.lock:
            streams = list(self.streams)
            if message is not None and not streams:
                self._wait(message)
        if message is None:
            for stream in streams:
                stream(None)
        elif streams:
            streams[-1](message)

    def _wait(self, message: bytes) -> None:
        """Keep a message until a stream is opened; drop the oldest messages if necessary."""
        if self._ended:
            return
        size = len(message) + _MESSAGE
        while len(self._waiting) >= _WAITING or not self._budget.take(size):
            if not self._waiting:
                return
            self._budget.give(len(self._waiting.popleft()) + _MESSAGE)
        self._waiting.append(message)

    @property
    def can_open(self) -> bool:
        """True if one more stream is allowed: a client that lost its connections can replace old streams."""
        with self.lock:
            oldest = next(iter(self.streams.values()), 0.0)
            return len(self.streams) < self._most_streams or monotonic() - oldest >= _LOST

    def open(self, stream: Stream) -> list[bytes]:
        """Add a stream, end the oldest ones beyond the limit, and return the messages that waited for a stream."""
        with self.lock:
            ended = list(self.streams)[: max(0, len(self.streams) + 1 - self._most_streams)]
            for one in ended:
                del self.streams[one]
            self.streams[stream] = monotonic()
            waiting = list(self._waiting)
            self._waiting.clear()
            self._budget.give(sum(len(message) + _MESSAGE for message in waiting))
        for one in ended:
            one(None)
        return waiting

    def close(self, stream: Stream) -> None:
        """Remove a stream."""
        with self.lock:
            self.streams.pop(stream, None)

    def end(self) -> None:
        """End the session's streams, and free its resources."""
        self.send(None)
        with self.lock:
            self._ended = True
            self._waiting.clear()
            self._budget.give_all()
            self._base.give_all()


MOST = 100_000
"""Maximum number of sessions that can end within the validity of an id."""

_ATTEMPTS = 100
_BUCKET = "wasmcp:ended/"
_COUNT = "wasmcp:ended-count/"
_KEY = "ended"


class EndedSessions:
    """List of ended sessions.

    Attributes:
        seconds: The validity of an id.
        is_shared: True if other processes have the same list.
        can_block: True if the methods wait for another machine.
    """

    def __init__(
        self, seconds: int, values: SessionValues | None = None, *, most: int = MOST, clock: Callable[[], float] = time
    ) -> None:
        """Create a list.

        Args:
            seconds: The validity of an id.
            values: The values of sessions, in whose store the list is; None for the memory of the process.
            most: Maximum number of sessions that can end within `seconds`.
            clock: Function that returns the time in seconds.
        """
        self.seconds = seconds
        self._values = values
        self._store = None if values is None else values.shared_store
        self.is_shared = self._store is not None
        self.can_block = values is not None and values.is_remote
        self._most = most
        self._clock = clock
        self._ended: OrderedDict[bytes, float] = OrderedDict()  # the time of expiry by digest, in its order
        self._lock = threading.Lock()

    def __contains__(self, identifier: bytes) -> bool:
        """Return True if the session with this id has ended.

        Raises:
            StoreRequestError: The store cannot be used.
        """
        digest = sha256(identifier).digest()
        if self._store is None:
            return digest in self._ended
        return bool(self._store.get(_BUCKET + digest.hex(), [_KEY]))

    def add(self, identifier: bytes) -> bool:
        """End the session with this id, and delete its values. Return False if too many sessions have ended.

        Raises:
            StoreRequestError: The store cannot be used.
        """
        digest = sha256(identifier).digest()
        if self._store is None:
            return self._add(digest)
        if not self._count():
            return False
        self._store.put(_BUCKET + digest.hex(), {_KEY: b""}, seconds=self.seconds)
        if self._values is not None:
            self._values.delete_session(identifier.decode("ascii", "replace"))
        return True

    def _add(self, digest: bytes) -> bool:
        now = self._clock()
        with self._lock:
            while self._ended and next(iter(self._ended.values())) < now:
                self._ended.popitem(last=False)
            if len(self._ended) >= self._most:
                return False
            self._ended[digest] = now + self.seconds
        return True

    def _count(self) -> bool:
        """Count a session that ends in the store. Return False if there are too many in this period."""
        bucket = f"{_COUNT}{int(self._clock()) // self.seconds}"
        store = self._store
        if store is None:
            return True
        for _ in range(_ATTEMPTS):
            before = store.get(bucket, [_KEY]).get(_KEY)
            count = int(before or b"0")
            if count >= self._most:
                return False
            if store.exchange(bucket, _KEY, before, b"%d" % (count + 1), seconds=2 * self.seconds):
                return True
        raise StoreRequestError("the store is busy")
