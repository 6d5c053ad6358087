"""What a server may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The bounds of one server. None lifts a bound.

    Attributes:
        timeout: Seconds one request may take.
        memory: Bytes each linear memory of an instance may grow to (a server has one memory for each component).
        response: Bytes of one answer, the events before it not counted.
        request: Bytes of one request; what is above it is answered by the server as too large, without crossing.
        answer: Seconds a client may take to answer what the server asks it during a request; they are no time of the
            request.
        cancel_grace: Seconds that code has to notice a cancellation before it is stopped.
    """

    timeout: float | None = 60.0
    memory: int | None = 1 << 30
    response: int | None = 64 << 20
    request: int = 4 << 20
    answer: float | None = 600.0
    cancel_grace: float = 1.0
