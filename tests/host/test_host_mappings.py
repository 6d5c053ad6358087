"""Memory mappings of the process: a pool does not exceed the limit of the system."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wasmcp.host import open_server
from wasmcp.host.engine import memory


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not list mappings")
def test_mappings_are_counted() -> None:
    bound = memory.allowed_mappings()
    assert bound is not None
    assert 10 < memory.used_mappings() < bound


@pytest.mark.parametrize(
    ("used", "booted", "starting", "expected"),
    [
        (1_000, 1, 0, True),
        (40_000, 1, 0, False),  # an instance can have 40,000
        (40_000, 10, 0, True),
        (40_000, 10, 3, True),
        (40_000, 10, 4, False),
        (59_500, 100, 0, False),
        (1_000, 0, 3, True),
    ],
)
def test_room_for_an_instance(
    monkeypatch: pytest.MonkeyPatch, used: int, booted: int, starting: int, expected: bool
) -> None:
    monkeypatch.setattr(memory, "used_mappings", lambda: used)
    monkeypatch.setattr(memory, "allowed_mappings", lambda: 65_530)
    assert memory.room_for(booted, starting) is expected
    monkeypatch.setattr(memory, "allowed_mappings", lambda: None)
    assert memory.room_for(booted, starting)


def test_calls_wait_if_no_more_instances_fit(zig_server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(memory, "room_for", lambda *counts: bool(looked.append(len(counts))))
    with open_server(zig_server, instances=24) as server, ThreadPoolExecutor(24) as threads:
        found = list(threads.map(lambda _: server.request("tools/list", timeout=60)["tools"], range(48)))
    assert len(found) == 48
    assert all(found)
    assert len(looked) < 24  # not for each call that waits
