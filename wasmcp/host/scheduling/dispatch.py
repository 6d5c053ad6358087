"""Dispatch of waiting calls: their lanes, and the number of instances that are of use.

Quick calls do not wait for slow ones, nor one client for the many calls of another. A call is slow if earlier calls of
the same target took long: the method, and the name or URI in its parameters. The target is read from the JSON text
without validation, because it decides nothing but the order. A lane passes from client to client, and is first come,
first served within each.

As many instances are of use as compute at a time, and one for each call that waits in the host. A call that waits for a
timer or for the response of another server needs no core. On Linux the state of its thread shows it (proc(5),
`/proc/PID/task/TID/stat`). Elsewhere all calls count as waiting if the process uses less than half of the cores.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from wasmcp.host.engine import memory

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


MOST_INSTANCES = 64
"""Maximum number of instances by default."""

MEMORY_SHARE = 0.25
"""Share of the memory of the system, or of the control group, for the instances of a pool by default."""

DESCRIPTORS = 8
"""Open files that an instance needs: the pipes of its standard streams."""

_DESCRIPTOR_SHARE = 0.25
_RUNNABLE = (b"R",)  # states of a thread that has a core, or is queued for one


def default_size(*, can_wait: bool) -> int:
    """Return the maximum number of instances of a pool whose operator sets none.

    Args:
        can_wait: True if calls can wait in the host; otherwise one instance a core is enough, and one for quick calls.
    """
    cores = os.cpu_count() or 1
    if not can_wait:
        return cores + 1
    return max(cores + 1, min(MOST_INSTANCES, int(open_files() * _DESCRIPTOR_SHARE / DESCRIPTORS)))


def open_files() -> int:
    """Return the maximum number of open files of the process."""
    if sys.platform == "win32":
        return 1 << 20
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def one_more_fits(booted: int) -> bool:
    """Return True if one more instance stays within its share of the memory.

    Args:
        booted: Number of booted instances, above 0; the linear memories of the process are counted as theirs.
    """
    total = memory.total()
    used = sum(memory.memories().values())
    return total is None or used / booted * (booted + 1) <= total * MEMORY_SHARE


def bound_by_memory(size: int, cores: int, instance: int) -> int:
    """Return the number of instances that the memory has room for, if the operator sets none.

    Args:
        size: Maximum number of instances for other reasons.
        cores: Number of instances that need not fit.
        instance: Bytes of the linear memories of one instance; 0 if they are unknown.
    """
    total = memory.total()
    if total is None or not instance:
        return size
    return max(min(size, cores), min(size, int(total * MEMORY_SHARE / instance)))


class ThreadActivity:
    """State of a thread with a call: computing, or waiting in the host."""

    def __init__(self) -> None:
        self._looks = 0
        self._at = self._busy = 0.0

    def reset(self) -> None:
        """Forget what was seen, because the thread does something else."""
        self._looks = 0
        self._at = 0.0

    def waits(self, thread: int | None) -> bool:
        """Return True if the thread was waiting now and when this was called before.

        A single look is not enough: a thread that computes can wait for a moment for Python's interpreter lock.

        Args:
            thread: The native identifier of the thread.
        """
        self._looks = self._looks + 1 if self._is_waiting(thread) else 0
        return self._looks > 1

    def _is_waiting(self, thread: int | None) -> bool:
        try:
            with open(f"/proc/self/task/{thread}/stat", "rb") as file:  # noqa: PTH123 - no file of a user's
                return file.read().rpartition(b")")[2].split(None, 1)[0] not in _RUNNABLE
        except (OSError, IndexError):
            return self._process_is_idle()

    def _process_is_idle(self) -> bool:
        """Return True if the process has used less than half of the cores since the last look."""
        now, busy = time.monotonic(), time.process_time()
        at, before, self._at, self._busy = self._at, self._busy, now, busy
        return bool(at) and now > at and (busy - before) / (now - at) < (os.cpu_count() or 1) / 2
