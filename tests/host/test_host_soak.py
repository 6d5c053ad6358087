"""Soak, faults and hostile clients, in the shortened form for each run of the tests; see `benchmarks/`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from support.redis_servers import needs_redis

from benchmarks import faults, processes
from benchmarks.faults import Endured, endure
from benchmarks.processes import Measured
from benchmarks.soak import Soaked, soak
from wasmcp.project import ensure_built

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2] / "benchmarks" / "project"
_GROWTH = 48 << 20  # bytes: budgets of hostile clients are 64 MiB and more, but these are few


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project of the benchmarks."""
    copy = tmp_path_factory.mktemp("soak") / "project"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("_wasmcp", "__pycache__"))
    return copy


@pytest.fixture(scope="module")
def server(project: Path) -> Path:
    """The server of the benchmarks."""
    return ensure_built(project, "zig")


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs `wrk`: run `make system-deps`")
def test_soak(server: Path) -> None:
    found = soak(server, 8)
    assert found.requests > 100
    assert found.sent > 100
    assert found.problems == []


def test_soak_reports_what_it_finds() -> None:
    fine = Soaked(1.0, 10, 0, 10, 0, 0, "", 100 << 20, 101 << 20)
    assert fine.problems == []
    wrong = Soaked(1.0, 10, 2, 10, 1, 3, "request 7 got b'8'", 100 << 20, 110 << 20)
    assert len(wrong.problems) == 3
    assert "1 were lost, 3 wrong: request 7 got b'8'" in wrong.problems[1]
    assert Soaked(1.0, 10, 0, 0, 0, 0, "", 1, 1).problems != []
    late = replace(fine, errors=2, kinds={"timeout": 2})
    assert late.problems == ["2 of 10 responses under load took more than 30 s"]
    assert replace(late, stood_still=31.0).problems == []  # nothing was lost while the machine stood still
    assert "1 of 10 requests under load failed: {'timeout': 2, 'read': 1}" in (
        replace(late, errors=3, kinds={"timeout": 2, "read": 1}).problems
    )


def is_endured(found: Endured) -> bool:
    """Return whether other clients lost nothing and the memory of the server hardly grew."""
    return found.checked > 20 and (found.lost, found.wrong, found.first) == (0, 0, "") and found.growth < _GROWTH


@pytest.mark.parametrize(
    ("fault", "options", "sent", "refused"),
    [
        (partial(faults.trapped_components, calls=20), (), 20, 20),
        (partial(faults.slow_heads, count=50), (), 50, 50),
        (partial(faults.idle_connections, count=300), ("--connections", "100"), 300, 200),
        (partial(faults.unread_streams, count=100), ("--streams", "40"), 100, 60),
        (partial(faults.clients_that_do_not_read, count=3), (), 3, 3),
        (partial(faults.stale_sessions, count=500), (), 500, 500),
        (partial(faults.full_disk, seconds=1), faults.FULL_DISK, 0, 0),
    ],
    ids=["traps", "slow heads", "idle", "unread streams", "no reader", "stale sessions", "full disk"],
)
def test_others_lose_nothing(
    server: Path, fault: Callable[[Measured], tuple[int, int]], options: tuple[str, ...], sent: int, refused: int
) -> None:
    found = endure(server, fault, *options)
    assert is_endured(found), found
    assert (found.sent, found.refused >= refused) == (sent, True), found


@needs_redis
def test_stalled_store_fails_the_calls_that_need_it_and_no_others(project: Path, tmp_path: Path) -> None:
    server = ensure_built(project, "storing")
    with processes.redis(tmp_path) as (process, url):
        fault = partial(faults.stalled_store, store=process, calls=3)
        found = endure(server, fault, "--keyvalue", f"{url}?timeout=0.3")
    assert is_endured(found), found
    assert (found.sent, found.refused) == (3, 3)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_moved_clock_ends_no_session_and_loses_no_request(server: Path, tmp_path: Path) -> None:
    with faults.movable_clock(tmp_path) as (variables, move):
        found = endure(server, partial(faults.moved_clock, move=move, pause=1.1), environment=variables)
    assert is_endured(found), found


def test_killed_workers_lose_requests_in_progress_and_no_reply_is_of_another_request(server: Path) -> None:
    found = endure(server, partial(faults.killed_workers, kills=2), "--workers", "2")
    assert found.checked > 20
    assert found.wrong == 0, found
    assert found.lost <= 2 * 4, found
