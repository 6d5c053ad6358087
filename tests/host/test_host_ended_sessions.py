"""The list of ended sessions with sealed ids, in memory and in stores."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from wasmcp.errors import StoreRequestError
from wasmcp.host.configuration.settings import sealed_seconds
from wasmcp.host.mcp.http_sessions import Sessions
from wasmcp.host.mcp.session_states import MOST, EndedSessions
from wasmcp.host.mcp.subscriptions import Hub
from wasmcp.host.stores.keyvalue import SessionValues, SqliteStore


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def values(tmp_path: Path) -> Iterator[SessionValues]:
    kept = SessionValues(SqliteStore(str(tmp_path / "kv.db")), seconds=60)
    yield kept
    kept.close()


@pytest.fixture(params=["memory", "sqlite"])
def ended(request: pytest.FixtureRequest, clock: Clock, values: SessionValues) -> EndedSessions:
    return EndedSessions(60, values if request.param == "sqlite" else None, most=3, clock=clock)


def test_sessions_are_on_the_list_from_their_end(ended: EndedSessions) -> None:
    assert b"one" not in ended
    assert ended.add(b"one")
    assert b"one" in ended
    assert b"two" not in ended


def test_number_of_ended_sessions_is_limited(ended: EndedSessions, clock: Clock) -> None:
    assert [ended.add(b"%d" % number) for number in range(5)] == [True, True, True, False, False]
    assert [b"%d" % number in ended for number in range(5)] == [True, True, True, False, False]
    clock.now += 61  # ids expire, and make room
    assert ended.add(b"4")
    assert b"4" in ended


def test_list_in_memory_forgets_expired_ids(clock: Clock) -> None:
    ended = EndedSessions(60, most=10, clock=clock)
    for number in range(1000):
        clock.now += 10
        assert ended.add(b"%d" % number)
    assert len(ended._ended) <= 7
    assert MOST == 100_000


def test_processes_share_the_list_in_a_store(values: SessionValues, tmp_path: Path) -> None:
    other_values = SessionValues(SqliteStore(str(tmp_path / "kv.db")), seconds=60)
    one, other = EndedSessions(60, values), EndedSessions(60, other_values)
    assert one.is_shared
    assert not one.can_block
    values.put("wasmcp:session/abc", {f"calc/{number}": b"1" for number in range(1500)})
    values.put("wasmcp:session/abcd", {"calc/k": b"1"})
    assert one.add(b"abc")
    assert b"abc" in other
    assert other_values.keys("wasmcp:session/abc", None, 10) == []
    assert other_values.keys("wasmcp:session/abcd", None, 10) == ["calc/k"]
    other_values.close()


def test_ids_are_not_stored(values: SessionValues, tmp_path: Path) -> None:
    EndedSessions(60, values).add(b"secret-identifier")
    values.close()
    assert not any(b"secret-identifier" in file.read_bytes() for file in tmp_path.iterdir())


def test_store_without_service_is_an_error_of_the_request(values: SessionValues) -> None:
    ended = EndedSessions(60, values)
    values.close()
    sessions = Sessions(Hub(), ended=ended)
    with pytest.raises(StoreRequestError):
        sessions.begin_request([(b"mcp-session-id", b"abc")])
    sessions.begin_request([])


@pytest.mark.timeout(3600)
def test_stale_ids_take_no_memory(values: SessionValues) -> None:
    hub = Hub()
    tables = [Sessions(hub), Sessions(hub, ended=EndedSessions(60)), Sessions(hub, ended=EndedSessions(60, values))]
    many = 1_000_000 if "WASMCP_SOAK" in os.environ else 3_000
    for number in range(many // 10):
        for table in tables:
            table.begin_request([(b"mcp-session-id", b"%032x" % number)])
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(many):
        for table in tables if number % 20 == 0 else tables[:1]:  # the first table alone gets a million
            table.begin_request([(b"mcp-session-id", b"%064x" % number)])
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 100_000
    assert [len(table) for table in tables] == [0, 0, 0]
    assert [table.held for table in tables] == [0, 0, 0]


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({}, None),
        ({"WASMCP_SESSION_ENABLED": "true"}, None),
        ({"WASMCP_SESSION_ENABLED": "sealed"}, 86400),
        ({"WASMCP_SESSION_ENABLED": "Sealed", "WASMCP_SESSION_TTL": "60"}, 60),
        ({"WASMCP_SESSION_ENABLED": "sealed", "WASMCP_SESSION_TTL": "soon"}, 86400),
    ],
)
def test_validity_of_sealed_ids(settings: dict[str, str], seconds: int | None) -> None:
    assert sealed_seconds(settings) == seconds
