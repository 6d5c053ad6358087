"""Number of instances that are of use: as many as compute at a time, and one for each call that waits in the host.

A call that waits for a timer or for the response of another server needs no core. On Linux the state of its thread
shows it (proc(5), `/proc/PID/task/TID/stat`). Elsewhere all calls count as waiting if the process uses less than half
of the cores.
"""

from __future__ import annotations

import os
import sys
import time

from wasmcp.host.engine import memory

MOST = 64
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
    return max(cores + 1, min(MOST, int(open_files() * _DESCRIPTOR_SHARE / DESCRIPTORS)))


def open_files() -> int:
    """Return the maximum number of open files of the process."""
    if sys.platform == "win32":
        return 1 << 20
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def fits(booted: int) -> bool:
    """Return True if one more instance stays within its share of the memory.

    Args:
        booted: Number of booted instances, above 0; the linear memories of the process are counted as theirs.
    """
    total = memory.total()
    used = sum(memory.memories().values())
    return total is None or used / booted * (booted + 1) <= total * MEMORY_SHARE


def bound(size: int, cores: int, instance: int) -> int:
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
