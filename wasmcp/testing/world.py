"""World around the servers of one test process: outgoing HTTP, clock and random numbers."""

from __future__ import annotations

import os
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wasmcp.testing.outgoing_http import OutgoingHttp

if TYPE_CHECKING:
    from wasmcp.host.bindings.substitutes import Substitutes


_SECOND = 1_000_000_000  # nanoseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """The clocks and the random numbers that servers under test see. They are the real ones until a test sets them.

    A frozen clock moves by `advance`, and when a timer of the server ends: by the time that the timer was set to. So
    code that waits sees that the time has passed, and two runs see the same times.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Return to the real clocks and random numbers."""
        with self._lock:
            self._wall: int | None = None  # of a frozen clock
            self._offset = 0
            self._monotonic = 0  # of a frozen clock
            self._started = time.monotonic_ns()
            self._is_read = False
            self._skips = False
            self._timers: list[tuple[int, int]] = []  # real end, and nanoseconds of the clock
            self._random: random.Random | None = None

    def freeze(self, at: datetime | str | float | None = None, *, waits: bool = True) -> None:
        """Stop the clocks.

        Args:
            at: The time of day: a `datetime`, a text of ISO 8601, or seconds since 1970; UTC without a time zone. By
                default the present time.
            waits: False to end the timers of the server at once: code that sleeps goes on, and finds that the time has
                passed. Timeouts of the server then end at once, too.
        """
        with self._lock:
            now, monotonic = self.wall(), self.monotonic() if self._is_read else 0
            self._wall = now if at is None else _nanoseconds(at)
            self._monotonic = monotonic
            self._skips = not waits
            self._timers.clear()

    def move_to(self, at: datetime | str | float) -> None:
        """Set the time of day. A clock that is not frozen continues from there."""
        with self._lock:
            if self._wall is None:
                self._offset = _nanoseconds(at) - time.time_ns()
            else:
                self._wall = _nanoseconds(at)

    def advance(self, by: timedelta | float) -> None:
        """Move both clocks forward.

        Args:
            by: The time, or its seconds.

        Raises:
            ValueError: The time is negative.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        if seconds < 0:
            raise ValueError(
                f"a monotonic clock does not go back: {seconds} seconds; use `move_to` for the time of day"
            )
        with self._lock:
            self._advance(round(seconds * _SECOND))

    def seed(self, seed: int | str) -> None:
        """Make random numbers repeatable: the same numbers, in the same order, for the same seed."""
        with self._lock:
            self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    @property
    def now(self) -> datetime:
        """The time of day that servers see, in UTC."""
        return _EPOCH + timedelta(microseconds=self.wall() // 1000)

    def wall(self) -> int:
        """Return the time of day in nanoseconds since 1970."""
        with self._lock:
            self._end_timers()
            return time.time_ns() + self._offset if self._wall is None else self._wall

    def monotonic(self) -> int:
        """Return the monotonic clock in nanoseconds."""
        with self._lock:
            self._is_read = True
            self._end_timers()
            if self._wall is None:
                return self._monotonic + time.monotonic_ns() - self._started
            return self._monotonic

    def wait(self, duration: int) -> int:
        """Return the real nanoseconds of a timer that a server sets."""
        with self._lock:
            if self._wall is None:
                return duration
            if self._skips:
                self._advance(duration)
                return 0
            self._timers.append((time.monotonic_ns() + duration, self._monotonic + duration))
            return duration

    def random(self, count: int) -> bytes:
        """Return random bytes."""
        with self._lock:
            return os.urandom(count) if self._random is None else self._random.randbytes(count)

    def _advance(self, duration: int) -> None:
        if self._wall is None:
            self._offset += duration
        else:
            self._wall += duration
        self._monotonic += duration

    def _end_timers(self) -> None:
        """Move a frozen clock to the end of the timers that have ended."""
        if not self._timers:
            return
        now = time.monotonic_ns()
        ended = [end for real, end in self._timers if real <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        passed = max(ended, default=0) - self._monotonic
        if passed > 0:
            self._advance(passed)


def _nanoseconds(at: datetime | str | float) -> int:
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    if isinstance(at, datetime):
        moment = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return ((moment - _EPOCH) // timedelta(microseconds=1)) * 1000
    return round(at * _SECOND)


class World:
    """World around servers.

    Attributes:
        http: Their outgoing HTTP.
        clock: Their clocks and random numbers.
    """

    def __init__(self, *, network: bool = False) -> None:
        """Begin without rules.

        Args:
            network: True to send requests without a rule to where they go.
        """
        self.http = OutgoingHttp(network=network)
        self.clock = Clock()

    def substitutes(self, *, clock: bool = True) -> Substitutes:
        """Return the implementations for `wasmcp.host.open_server`.

        Args:
            clock: False to leave clocks and random numbers to WASI, which answers a little faster.
        """
        from wasmcp.host.bindings.substitutes import Substitutes
        from wasmcp.package_data import framework_component

        component = framework_component("test-imports")
        if not clock:
            return Substitutes(component, decide=self.http.decide)
        given = self.clock
        return Substitutes(
            component,
            decide=self.http.decide,
            wall=given.wall,
            monotonic=given.monotonic,
            wait=given.wait,
            random=given.random,
        )

    def close(self) -> None:
        """Stop what was started."""
        self.http.close()
