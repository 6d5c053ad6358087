"""Rows, tables, medians and ratios, shared by all benchmarks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure, what it is held against, and the peer measured in the same run."""

    name: str
    value: float
    unit: str
    target: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    higher_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """Factor by which this is better than the peer: above 1 is better for every unit."""
        if not self.peer_value or not self.value:
            return None
        return self.value / self.peer_value if self.higher_is_better else self.peer_value / self.value

    @property
    def met(self) -> bool | None:
        """True if the target is met; None without a target."""
        if self.target is None:
            return None
        return self.value > self.target if self.higher_is_better else self.value < self.target


@dataclass(frozen=True)
class Table:
    """Figures of several servers, ours and the peers, also where a peer is better.

    Attributes:
        title: The title.
        columns: The names of the columns.
        units: The unit of each column; empty for none.
        rows: The figures by the name of the server.
    """

    title: str
    columns: Sequence[str]
    units: Sequence[str]
    rows: Mapping[str, Sequence[float]]


def median_seconds(call: Callable[[], object], *, runs: int = 7, inner: int = 1, warmup: int = 1) -> float:
    """Return the median time of one call, in seconds, over `runs` batches of `inner` calls."""
    for _ in range(warmup):
        call()
    samples = []
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(inner):
            call()
        samples.append((time.perf_counter() - start) / inner)
    return statistics.median(samples)


def least_seconds(call: Callable[[], object], *, runs: int, inner: int) -> float:
    """Return the least time of one call over `runs` batches of `inner` calls.

    For differences of microseconds: what other processes take away is in the median, but not in the least.
    """
    call()
    samples = []
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(inner):
            call()
        samples.append((time.perf_counter() - start) / inner)
    return min(samples)


def least_in_turns(
    calls: Mapping[str, Callable[[], object]], *, rounds: int = 100, inner: int = 20, warmup: int = 200
) -> dict[str, float]:
    """Return the least time of one call of each kind, in seconds, over alternating batches.

    For differences between the kinds: the load of the machine changes while they are measured. The calls before let a
    server measure that the kind is short: it runs short calls on the thread of the caller, unless it has one instance.
    Handing a call to another thread takes 10 us on the same core and 80 us on another one, at random.
    """
    for call in calls.values():
        for _ in range(warmup):
            call()
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for kind, call in calls.items():
            least[kind] = min(least[kind], least_seconds(call, runs=1, inner=inner))
    return least
