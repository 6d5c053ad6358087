"""Memory mappings of this process, of which Linux allows a process so many.

Each linear memory of an instance is several mappings. wasmtime ends the process when one is refused, so a pool stays
below the bound.

Source: proc(5), `/proc/PID/maps` and `/proc/sys/vm/max_map_count`.
"""

from __future__ import annotations

from pathlib import Path

_SHARE = 0.9  # of the bound: code, threads and Python's heap need mappings, too


def used() -> int:
    """Return the number of mappings; 0 where the system does not say."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0


def allowed() -> int | None:
    """Return the number of mappings that a process may have; None where there is no such bound, or it is unknown."""
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text("ascii"))
    except (OSError, ValueError):
        return None


def room_for(booted: int, starting: int) -> bool:
    """Decide whether one more instance can be booted.

    The mappings of one are taken to be those of the process divided by the booted instances, which is never too few.

    Args:
        booted: Instances of the pool that exist.
        starting: Instances that are being booted, and not counted by the system yet.
    """
    bound = allowed()
    if bound is None:
        return True
    now = used()
    return now + (starting + 1) * now / max(1, booted) < bound * _SHARE
