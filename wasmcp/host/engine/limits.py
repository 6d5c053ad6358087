"""What a server may use."""

from __future__ import annotations

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
    """Bounds of what the clients of a server may hold over HTTP, each of them and all together.

    Attributes:
        connections: Connections; None for 1000, or fewer where the process may not open so many files. With one more,
            the connection ends that has waited longest for the rest of a request.
        requests: Requests in progress, those that wait for an instance among them; others get 503.
        request_bytes: Bytes of the bodies of all requests in progress. With more, the request ends that has waited
            longest for the rest of its body; without such a one the new request gets 503.
        streams: Streams of notifications (`subscriptions/listen`, and `GET` in a session); others get 503.
        stream_bytes: Bytes of the URIs that one stream of `subscriptions/listen` asks for; with more it gets 503.
        streams_bytes: Bytes of the URIs of all streams.
        sessions: Sessions of clients of older revisions. One more ends one that was begun and not used since, or else
            the one that is unused longest, for a minute at least and without an open stream; without such a one
            `initialize` gets 503.
        session_bytes: Bytes that are held for one session besides its state: the URIs that it subscribes to, and
            messages that wait for a stream. A subscription beyond is refused, a message in place of the oldest.
        sessions_bytes: Bytes that are held for all sessions.
        session_streams: Streams of one session; with one more the oldest ends if it is open for 10 s at least, and
            otherwise the new one gets 503.
        session_idle: Seconds after which an unused session ends.
        session_begun: Seconds after which a session ends that was begun and not used since.
        unread: Bytes of events that one client may leave unread; then the component that sends them waits, as long as
            no other request needs its instance.
        unread_bytes: Bytes that all clients may leave unread; with more, the client is cut off that left most.
        head_time: Seconds that a client may take to send the head of a request.
        body_time: Seconds that a client may take to send a body, and one more for each 16 KiB that came.
        write_time: Seconds after which a connection ends whose client reads nothing of what was sent.

    Raises:
        ValueError: A bound is not a finite number above 0.
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
    """The bounds of one server. None lifts a bound, where it may be None.

    Attributes:
        timeout: Seconds one request may take.
        memory: Bytes each linear memory of an instance may grow to (a server has one memory for each component).
        response: Bytes of one answer, the events before it not counted.
        request: Bytes of one request; what is above it is answered by the server as too large, without crossing.
        answer: Seconds a client may take to answer what the server asks it during a request; they are no time of the
            request.
        cancel_grace: Seconds that code has to notice a cancellation before it is stopped.
        http: What clients may hold over HTTP; none of these bounds can be lifted.

    Raises:
        ValueError: A bound is not a finite number above 0. A comparison with NaN would never stop anything.
    """

    timeout: float | None = 60.0
    memory: int | None = 1 << 30
    response: int | None = 64 << 20
    request: int = 4 << 20
    answer: float | None = 600.0
    cancel_grace: float = 1.0
    http: HttpLimits = HttpLimits()

    def __post_init__(self) -> None:
        _check(self)
