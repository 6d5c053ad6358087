"""Waiting for the host by `wasi:io/poll`. Only for components that import it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wit_world.imports import monotonic_clock, poll  # type: ignore[import-not-found]

_NANOSECONDS = 1_000_000_000
_LONGEST = 1 << 62


def wait(pollables: Sequence[Any], seconds: float | None) -> list[int]:
    """Wait until some pollables are ready, and return their indices; an empty list on a timeout.

    Args:
        pollables: At least one pollable.
        seconds: The timeout; None for no limit.
    """
    if seconds is None:
        return list(poll.poll(list(pollables)))
    duration = min(int(max(seconds, 0) * _NANOSECONDS), _LONGEST)
    with monotonic_clock.subscribe_duration(duration) as timer:
        found = poll.poll([*pollables, timer])
    return [index for index in found if index < len(pollables)]
