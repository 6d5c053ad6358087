"""HTTP sessions of clients of handshake revisions.

The host stores the guest's opaque state of each session under an identifier that cannot be guessed. Host and guest
exchange the state in the HTTP field `wasmcp-session`, which clients can neither send nor see (framework/transport,
`sessions.zig`).
Specification: 2025-11-25, basic/transports, "Session Management", "Listening for Messages from the Server".
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict, deque
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING

from wasmcp.host.engine.limits import HttpLimits
from wasmcp.host.mcp.subscriptions import URIS, Listener, uri_size
from wasmcp.host.scheduling.call import Sender
from wasmcp.host.transports.budget import Budget
from wasmcp.host.transports.http_request import FIELD, ID, SessionRequest, admission_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from wasmcp.host.mcp.subscriptions import Hub
    from wasmcp.host.scheduling.call import Call

    Stream = Callable[[bytes | None], None]

_OVERHEAD = 2048  # bytes of a session in addition to its state
_MESSAGE = 64  # bytes of a waiting message in addition to its text
_WAITING = 100  # maximum number of messages that wait for a client without an open stream
_ATTEMPTS = 16  # maximum number of sessions that are ended for a new one
_LOST = 10.0  # minimum age in seconds of a stream that can be ended for a newer one of its session
_QUIET = 60.0  # minimum seconds without use of a session that can be ended for a new one


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


class Sessions:
    """All sessions of one server."""

    def __init__(
        self,
        hub: Hub,
        limits: HttpLimits | None = None,
        *,
        on_end: Callable[[str], None] | None = None,
    ) -> None:
        """Create an empty table of sessions.

        Args:
            hub: The source of change notifications.
            limits: The limits of number, size and lifetime.
            on_end: Called with the identifier of each session that has ended.
        """
        self._limits = limits or HttpLimits()
        self._budget = Budget(self._limits.sessions_bytes)
        # Subscriptions and waiting messages cannot use the whole budget, so that new sessions are possible.
        self._variable = Budget(self._limits.sessions_bytes // 4 * 3, self._budget)
        self._hub = hub
        self._on_end = on_end
        # Each session is in one of these. The first two are in the order of the last use.
        self._fresh: OrderedDict[bytes, Session] = OrderedDict()
        self._idle: OrderedDict[bytes, Session] = OrderedDict()
        self._busy: dict[bytes, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._fresh) + len(self._idle) + len(self._busy)

    @property
    def held(self) -> int:
        """The bytes that all sessions hold."""
        return self._budget.used

    def begin_request(self, fields: Iterable[tuple[bytes, bytes]], target: bytes = b"") -> SessionRequest:
        """Begin a request with these header fields. Its session counts as used when the server has accepted it."""
        kept = [(name, value) for name, value in fields if name.lower() != FIELD]
        named = [value.strip() for name, value in kept if name.lower() == ID]
        session = self._find(named[0]) if len(named) == 1 else None
        fresh = secrets.token_hex(16).encode()
        value = fresh if session is None else fresh + b" " + session.state
        sender = Sender(named[0] if session else None, admission_fields(kept, target))
        return SessionRequest(self, [*kept, (FIELD, value)], fresh, sender, session)

    def _find(self, identifier: bytes) -> Session | None:
        for place in (self._idle, self._busy, self._fresh):
            session = place.get(identifier)
            if session is not None:
                return session
        return None

    def place(self, identifier: bytes, session: Session, *, used: bool = False) -> None:
        """Update the group of a session after a change.

        Args:
            identifier: The identifier of the session.
            session: The session.
            used: True if the session is used now.
        """
        with self._lock:
            before = next((at for at in (self._busy, self._idle, self._fresh) if identifier in at), None)
            if before is None:
                return
            if used:
                session.used = monotonic()
                session.fresh = False
            after = self._busy if session.busy else self._fresh if session.fresh else self._idle
            del before[identifier]
            after[identifier] = session

    def begin(self, identifier: bytes, state: bytes, greeting: Mapping[str, Any] | None) -> bool:
        """Begin a session. Return False if the limits do not allow it."""
        self.expire()
        base, budget = Budget(self._budget.most, self._budget), Budget(self._limits.session_bytes, self._variable)
        session = Session(base, budget, greeting, self._limits.session_streams)
        for _ in range(_ATTEMPTS):
            with self._lock:
                if len(self) < self._limits.sessions and session.keep(state):
                    self._fresh[identifier] = session
                    break
            if not self._make_room():
                return False
        else:
            return False
        if session.listener is not None:
            self._hub.add(session.listener)
        return True

    def _make_room(self) -> bool:
        """End a session to make room for a new one. Return False if none can be ended.

        A random one of the sessions that were not used since they began is ended first: a client that begins many
        sessions then mostly ends its own.
        """
        with self._lock:
            if self._fresh:
                identifier = next(islice(self._fresh, secrets.randbelow(len(self._fresh)), None))
                session = self._fresh.pop(identifier)
            else:
                identifier = next(iter(self._idle), b"")
                if not identifier or monotonic() - self._idle[identifier].used < _QUIET:
                    return False
                session = self._idle.pop(identifier)
        self._drop(identifier, session)
        return True

    def end(self, identifier: bytes) -> None:
        """End a session."""
        with self._lock:
            found = [place.pop(identifier) for place in (self._fresh, self._idle, self._busy) if identifier in place]
        for session in found:
            self._drop(identifier, session)

    def expire(self) -> None:
        """End the sessions that were unused for too long. Called by a timer, and before a session begins."""
        now = monotonic()
        over = []
        with self._lock:
            for place, most in ((self._fresh, self._limits.session_begun), (self._idle, self._limits.session_idle)):
                while place:
                    identifier, session = next(iter(place.items()))
                    if now - session.used < most:
                        break
                    del place[identifier]
                    over.append((identifier, session))
        for identifier, session in over:
            self._drop(identifier, session)

    def _drop(self, identifier: bytes, session: Session) -> None:
        if session.listener is not None:
            self._hub.remove(session.listener)
        session.end()
        if self._on_end is not None:
            self._on_end(identifier.decode())

    def is_alive(self, identifier: str) -> bool:
        """Return True if a session has not ended. The method takes no lock."""
        return self._find(identifier.encode()) is not None
