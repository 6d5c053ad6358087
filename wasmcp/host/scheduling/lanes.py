"""Lanes of waiting calls: quick calls do not wait for slow ones, nor one client for the many calls of another.

A call is slow if earlier calls of the same target took long: the method, and the name or URI in its parameters. The
target is read from the JSON text without validation, because it decides nothing but the order. A lane passes from
client to client, and is first come, first served within each.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wasmcp.host.scheduling.call import Call

SLOW = 0.05
"""Seconds from which a call is slow."""

_MOST_PASSED = 7  # maximum number of quick calls that are taken before a slow one that could run
_WEIGHT = 0.3  # of the last call in the average


class Waiting(Protocol):
    """Something that waits for its turn, such as a call.

    Attributes:
        client: The client that it takes turns for.
    """

    @property
    def client(self) -> object: ...  # noqa: D102


One = TypeVar("One", bound=Waiting)


class Lane(Generic[One]):
    """Queue of calls that passes from client to client."""

    def __init__(self) -> None:
        self._by_client: dict[object, deque[One]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, call: One) -> None:
        """Add a call."""
        self._by_client.setdefault(call.client, deque()).append(call)
        self._count += 1

    def take(self) -> One:
        """Remove and return the next call of the client whose turn it is. The lane must not be empty."""
        client, calls = next(iter(self._by_client.items()))
        del self._by_client[client]
        call = calls.popleft()
        if calls:
            self._by_client[client] = calls  # at the end: it is the next client's turn
        self._count -= 1
        return call

    def remove(self, call: One) -> None:
        """Remove a call, which must be in the lane."""
        calls = self._by_client[call.client]
        calls.remove(call)
        if not calls:
            del self._by_client[call.client]
        self._count -= 1

    def drain(self) -> Iterator[One]:
        """Remove and return all calls."""
        while self._count:
            yield self.take()


class Lanes:
    """Waiting calls of one server, and the average duration of the calls of each target. Not thread-safe."""

    def __init__(self, most_targets: int = 4096) -> None:
        """Create empty lanes.

        Args:
            most_targets: The maximum number of targets whose durations are kept.
        """
        self._most_targets = most_targets
        self._quick: Lane[Call] = Lane()
        self._slow: Lane[Call] = Lane()
        self._seconds: dict[tuple[str, str], float] = {}
        self._passed = 0  # number of quick calls that were taken before the next slow one

    def __len__(self) -> int:
        return len(self._quick) + len(self._slow)

    def put(self, call: Call) -> None:
        """Add a call, whose target is known, to its lane."""
        (self._slow if self.is_slow(call) else self._quick).put(call)

    def ready(self, *, slow: bool) -> int:
        """Return the number of waiting calls; without `slow` only those of the quick lane."""
        return len(self._quick) + (len(self._slow) if slow else 0)

    def take(self, *, slow: bool) -> Call | None:
        """Remove and return the next call; None if no call can be taken.

        Quick calls come first, but not always: of the calls that are taken while slow ones could run, one in eight is
        slow, so that a flood of quick calls does not stop them.

        Args:
            slow: A slow call can run.
        """
        if not (slow and self._slow):
            return self._quick.take() if self._quick else None
        if self._quick and self._passed < _MOST_PASSED:
            self._passed += 1
            return self._quick.take()
        self._passed = 0
        return self._slow.take()

    def is_slow(self, call: Call) -> bool:
        """Return True if calls of this target are expected to be slow."""
        return self._seconds.get(call.target, 0.0) >= SLOW

    def record(self, call: Call, seconds: float) -> None:
        """Record the duration of a call that has ended, or the time for which it has run so far."""
        known = self._seconds.get(call.target)
        if known is None and len(self._seconds) >= self._most_targets:
            self._seconds.clear()
        self._seconds[call.target] = seconds if known is None else known + _WEIGHT * (seconds - known)

    def found_slow(self, call: Call) -> None:
        """Move the waiting calls of a target to the slow lane, because one of its calls has run for long."""
        if self.is_slow(call):
            return
        self._seconds[call.target] = max(SLOW, self._seconds.get(call.target, 0.0))
        for waiting in list(self._quick.drain()):
            (self._slow if waiting.target == call.target else self._quick).put(waiting)

    def drain(self) -> list[Call]:
        """Remove and return all calls."""
        return [*self._quick.drain(), *self._slow.drain()]
