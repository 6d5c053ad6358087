"""Memory mappings of this process, whose number Linux limits.

Each linear memory of an instance needs several mappings. wasmtime aborts the process when one is refused, so a pool
stays below the limit.

Source: proc(5), `/proc/PID/maps` and `/proc/sys/vm/max_map_count`.
"""

from __future__ import annotations

from pathlib import Path

_SHARE = 0.9  # of the limit: code, threads and Python's heap need mappings, too


def used() -> int:
    """Return the number of mappings; 0 if the system does not report it."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0


def allowed() -> int | None:
    """Return the maximum number of mappings of a process; None if it is unlimited or unknown."""
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text("ascii"))
    except (OSError, ValueError):
        return None


def room_for(booted: int, starting: int) -> bool:
    """Return True if one more instance can be booted.

    The mappings of one instance are estimated as those of the process divided by the number of booted instances. The
    estimate is never too low.

    Args:
        booted: Number of booted instances in the pool.
        starting: Number of instances that are being booted, whose mappings are not in the count yet.
    """
    bound = allowed()
    if bound is None:
        return True
    now = used()
    return now + (starting + 1) * now / max(1, booted) < bound * _SHARE
