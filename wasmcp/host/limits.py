"""What a server may use."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite


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

    Raises:
        ValueError: A bound is not a finite number above 0. A comparison with NaN would never stop anything.
    """

    timeout: float | None = 60.0
    memory: int | None = 1 << 30
    response: int | None = 64 << 20
    request: int = 4 << 20
    answer: float | None = 600.0
    cancel_grace: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and "None" in str(field.type):
                continue
            if type(value) not in (int, float) or not isfinite(value) or value <= 0:
                raise ValueError(f"the limit `{field.name}` must be a finite number above 0, not {value!r}")
