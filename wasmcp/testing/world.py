"""World around the servers of one test process: outgoing HTTP, clock, random numbers and stored values.

The values are encoded as the framework does it: `framework/lib/typed.zig`; docs/reference/key-value-store.md.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from wasmcp.guest.kv import Bucket
from wasmcp.guest.kv.values import NotACounterError, OutOfRangeError, Tagged
from wasmcp.testing.outgoing_http import OutgoingHttp

if TYPE_CHECKING:
    from wasmcp.host.bindings.development_imports import Substitutes
    from wasmcp.host.stores.keyvalue import Store

_TAGS = {"string": 1, "json": 2, "u64": 3, "s64": 4, "bool": 5, "bytes": 6}
_CASES = {tag: case for case, tag in _TAGS.items()}
_COUNTER = re.compile(rb"0|-?[1-9][0-9]*")
_S64 = 1 << 63
_PAGE = 1000


class KeyValues:
    """The buckets of a server under test."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def bucket(self, name: str = "") -> Bucket:
        """Return a bucket, with the methods of `wasmcp.guest.kv`: a mapping of keys to values."""
        return Bucket(name, _StoredBucket(self._store, name))

    def values(self, name: str = "") -> dict[str, Any]:
        """Return all values of a bucket, by key."""
        return dict(self.bucket(name).items())


class _StoredBucket:
    """Bucket of a store of the host."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    def get(self, key: str) -> Tagged | None:
        return self.get_many([key])[0]

    def set(self, key: str, value: Tagged) -> None:
        self.set_many([(key, value)])

    def delete(self, key: str) -> None:
        self.delete_many([key])

    def exists(self, key: str) -> bool:
        return self.get(key) is not None

    def get_many(self, keys: Sequence[str]) -> list[Tagged | None]:
        found = self._store.get(self._name, keys)
        return [decoded(found[key]) if key in found else None for key in keys]

    def set_many(self, entries: Sequence[tuple[str, Tagged]]) -> None:
        self._store.put(self._name, {key: encoded(value) for key, value in entries})

    def delete_many(self, keys: Sequence[str]) -> None:
        self._store.delete(self._name, keys)

    def increment(self, key: str, delta: int) -> int:
        while True:
            before = self._store.get(self._name, [key]).get(key)
            case, value = ("s64", 0) if before is None else decoded(before)
            if case != "s64":
                raise NotACounterError
            if not -_S64 <= value + delta < _S64:
                raise OutOfRangeError
            if self._store.exchange(self._name, key, before, encoded(("s64", value + delta))):
                return int(value + delta)

    def compare_and_swap(self, key: str, expected: Tagged | None, replacement: Tagged) -> bool:
        before = None if expected is None else encoded(expected)
        return self._store.exchange(self._name, key, before, encoded(replacement))

    def list_keys(self, prefix: str, cursor: str | None) -> tuple[list[str], str | None]:
        found = self._store.keys(self._name, cursor, _PAGE + 1)
        page = found[:_PAGE]
        following = page[-1] if len(found) > _PAGE else None
        return [key for key in page if key.startswith(prefix)], following


def encoded(value: Tagged) -> bytes:
    """Encode a value."""
    case, held = value
    if case == "s64":
        return b"%d" % held
    tag = bytes((_TAGS[case],))
    if case == "u64":
        return tag + int(held).to_bytes(8, "little")
    if case == "bool":
        return tag + bytes((held,))
    return tag + (held if isinstance(held, bytes) else str(held).encode())


def decoded(data: bytes) -> Tagged:
    """Decode a stored value; bytes in no known form are `bytes`."""
    case, rest = _CASES.get(data[0] if data else 0), data[1:]
    if case in {"string", "json"}:
        try:
            return case, rest.decode()
        except UnicodeDecodeError:
            return "bytes", data
    if case in {"u64", "s64"} and len(rest) == 8:
        return case, int.from_bytes(rest, "little", signed=case == "s64")
    if case == "bool" and rest in {b"\0", b"\1"}:
        return case, rest == b"\1"
    if case == "bytes":
        return case, rest
    if case is None and _COUNTER.fullmatch(data) and -_S64 <= int(data) < _S64:
        return "s64", int(data)
    return "bytes", data


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
            waits: False to end the timers of the server at once: code that sleeps continues, and the clock shows that
                the time has passed. Timeouts of the server then end at once, too.
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
        from wasmcp.host.bindings.development_imports import Substitutes
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
