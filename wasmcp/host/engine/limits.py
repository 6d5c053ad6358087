"""Limits of a server, and budgets that count what is held within them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields
from math import isfinite


def _check(limits: HttpLimits | Limits) -> None:
    for field in fields(limits):
        value = getattr(limits, field.name)
        if (value is None and "None" in str(field.type)) or isinstance(value, HttpLimits):
            continue
        if type(value) not in (int, float) or not isfinite(value) or value <= 0:
            raise ValueError(f"the limit `{field.name}` must be a finite number above 0, not {value!r}")


@dataclass(frozen=True)
class HttpLimits:
    """Limits of the resources that clients can hold over HTTP, each client and all together.

    Attributes:
        connections: Maximum number of connections; None for 1000, or fewer if the process cannot open that many files.
            One more connection ends the one that has waited longest for the rest of a request.
        requests: Maximum number of requests in progress whose body has arrived, including those that wait for an
            instance; others get 503.
        request_bytes: Maximum bytes of the bodies of all requests in progress. Beyond it, the request that has waited
            longest for the rest of its body ends; if no request waits for its body, the new request gets 503.
        streams: Maximum number of streams of notifications (`subscriptions/listen`, and `GET` in a session); others
            get 503.
        stream_bytes: Maximum bytes of the URIs in one `subscriptions/listen` request; beyond it the request gets 503.
        streams_bytes: Maximum bytes of the URIs of all streams.
        sessions: Maximum number of sessions of clients of handshake revisions. One more session ends one that was not
            used since it began, or else the least recently used one, if it has been unused for at least a minute and
            has no open stream; otherwise `initialize` gets 503.
        session_bytes: Maximum bytes held for one session in addition to its state: the URIs of its subscriptions, and
            messages that wait for a stream. Beyond it, a subscription is refused, and a message replaces the oldest.
        sessions_bytes: Maximum bytes held for all sessions.
        session_streams: Maximum number of streams of one session. One more stream ends the oldest if that has been open
            for at least 10 s; otherwise the new stream gets 503.
        session_idle: Seconds after which an unused session ends.
        session_begun: Seconds after which a session ends that was not used since it began.
        unread: Maximum bytes of unread events of one client. Beyond it, the component that sends them waits, as long
            as no other request needs its instance.
        unread_bytes: Maximum bytes of unread events of all clients. Beyond it, the client with the most is
            disconnected.
        head_time: Seconds that a client can take to send the head of a request.
        body_time: Seconds that a client can take to send a body, plus one second for each 16 KiB received.
        write_time: Seconds after which a connection ends whose client reads nothing of the sent data.

    Raises:
        ValueError: A limit is not a finite number above 0.
    """

    connections: int | None = None
    requests: int = 500
    request_bytes: int = 128 << 20
    streams: int = 250
    stream_bytes: int = 1 << 20
    streams_bytes: int = 32 << 20
    sessions: int = 10_000
    session_bytes: int = 1 << 20
    sessions_bytes: int = 64 << 20
    session_streams: int = 4
    session_idle: float = 3600.0
    session_begun: float = 600.0
    unread: int = 1 << 20
    unread_bytes: int = 64 << 20
    head_time: float = 10.0
    body_time: float = 30.0
    write_time: float = 30.0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class Limits:
    """The limits of one server. None, where the type allows it, means no limit.

    Attributes:
        timeout: Maximum seconds of one request.
        memory: Maximum bytes of each linear memory of an instance (a server has one memory for each component).
        response: Maximum bytes of one response, without the events before it.
        request: Maximum bytes of one request; a larger request is rejected without being passed to the server.
        answer: Maximum seconds that a client can take to answer a server-to-client request. They do not count for
            `timeout`.
        cancel_grace: Seconds between a cancellation and the interruption of the code.
        task_runs: Maximum number of tasks that run at a time, next to requests; others wait. None for two for each
            core, but at least four.
        http: The limits for HTTP; each of them must have a value.

    Raises:
        ValueError: A limit is not a finite number above 0. A comparison with NaN would never stop anything.
    """

    timeout: float | None = 60.0
    memory: int | None = 1 << 30
    response: int | None = 64 << 20
    request: int = 4 << 20
    answer: float | None = 600.0
    cancel_grace: float = 1.0
    task_runs: int | None = None
    http: HttpLimits = HttpLimits()

    def __post_init__(self) -> None:
        _check(self)


class Budget:
    """Limit of an amount that is held at a time. The methods are thread-safe.

    A limit for each client does not limit their sum. So all clients share one budget, and each client has a part of it
    with a lower limit.

    Attributes:
        most: The maximum amount.
        used: The amount that is held.
    """

    __slots__ = ("_lock", "_of", "most", "used")

    def __init__(self, most: int, of: Budget | None = None) -> None:
        """Create a budget of which nothing is used.

        Args:
            most: The maximum amount.
            of: The budget that this one is a part of: an amount taken here is taken there, too.
        """
        self.most = most
        self.used = 0
        self._of = of
        self._lock: threading.Lock = threading.Lock() if of is None else of._lock  # noqa: SLF001 - all parts share one lock

    def take(self, amount: int) -> bool:
        """Take an amount. Return False if it exceeds this budget or one that it is a part of."""
        with self._lock:
            one: Budget | None = self
            while one is not None:
                if one.used + amount > one.most:
                    return False
                one = one._of  # noqa: SLF001 - of the same class
            self._add(amount)
            return True

    def exceed(self, amount: int) -> bool:
        """Take an amount in any case. Return True if the budget is exceeded: the caller has to make room."""
        with self._lock:
            self._add(amount)
            return self.used > self.most

    def give(self, amount: int) -> None:
        """Return an amount that was taken."""
        with self._lock:
            self._add(-amount)

    def give_all(self) -> None:
        """Return everything that was taken."""
        with self._lock:
            self._add(-self.used)

    def _add(self, amount: int) -> None:
        one: Budget | None = self
        while one is not None:
            one.used += amount
            one = one._of  # noqa: SLF001
