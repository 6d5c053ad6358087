"""Values of sessions: their place and their lifetime."""

from __future__ import annotations

import pytest

from wasmcp.errors import StoreRequestError
from wasmcp.host.bindings.wasi_keyvalue import Buckets
from wasmcp.host.engine.limits import HttpLimits
from wasmcp.host.mcp.http_sessions import Sessions
from wasmcp.host.mcp.subscriptions import Hub
from wasmcp.host.scheduling.call import PendingInputs
from wasmcp.host.stores.keyvalue import MemoryStore, SessionValues

BUCKET = "wasmcp:session/abc"


@pytest.fixture
def behind() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def values(behind: MemoryStore) -> SessionValues:
    kept = SessionValues(behind)
    alive = {"abc"}
    kept.is_alive = alive.__contains__
    return kept


def test_session_values_are_separate_from_stored_values(values: SessionValues, behind: MemoryStore) -> None:
    values.put("b", {"k": b"1"})
    values.put(BUCKET, {"k": b"2"})
    assert values.exchange(BUCKET, "n", None, b"3")
    assert values.exchange("b", "k", b"1", b"4")
    assert behind.get(BUCKET, ["k", "n"]) == {}
    assert behind.get("b", ["k"]) == {"k": b"4"}
    assert values.get(BUCKET, ["k", "n"]) == {"k": b"2", "n": b"3"}
    values.delete(BUCKET, ["k"])
    assert values.keys(BUCKET, None, 9) == ["n"]
    assert values.keys("b", None, 9) == ["k"]


def test_values_end_with_the_session(values: SessionValues) -> None:
    gone: list[str] = []
    values.on_end = gone.append
    values.put(BUCKET, {"k": b"2"})
    values.is_alive = lambda _session: False
    values.end("abc")
    assert gone == [BUCKET]
    assert values.get(BUCKET, ["k"]) == {}
    for write in (lambda: values.put(BUCKET, {"k": b""}), lambda: values.exchange(BUCKET, "k", None, b"")):
        with pytest.raises(StoreRequestError, match="the session has ended"):
            write()


def test_stdio_connection_needs_no_session(values: SessionValues) -> None:
    values.put("wasmcp:session/stdio", {"k": b""})
    with pytest.raises(StoreRequestError):
        values.put("wasmcp:session/none", {"k": b""})


def test_names_of_buckets(values: SessionValues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasmcp.host.bindings.wasi_keyvalue.BUCKETS", 2)
    buckets = Buckets(values.check)
    number = buckets.number(BUCKET)
    assert buckets.number(BUCKET) == number
    assert buckets.name(number) == BUCKET
    other = buckets.number("b")
    with pytest.raises(StoreRequestError, match="more than 2 buckets"):
        buckets.number("c")
    buckets.forget(BUCKET)
    buckets.forget(BUCKET)
    with pytest.raises(StoreRequestError, match="its session has ended"):
        buckets.name(number)
    assert buckets.number("c") not in {number, other}
    with pytest.raises(StoreRequestError, match="the session has ended"):
        buckets.number("wasmcp:session/none")


@pytest.mark.parametrize("ending", ["delete", "idle", "most"])
def test_ended_sessions_lose_their_values(values: SessionValues, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(Hub(), HttpLimits(sessions=1), on_end=values.end)
    values.is_alive = sessions.is_alive

    def begin() -> str:
        session_request = sessions.begin_request([])
        fresh = session_request.value
        lines = b"mcp-session-id: %b\r\nwasmcp-session: 2025-11-25\r\n" % fresh
        session_request.conclude(200, lines, b"{}", b"", PendingInputs(lambda _call: None, None))
        return fresh.decode()

    session = begin()
    values.put(f"wasmcp:session/{session}", {"k": b""})
    if ending == "delete":
        sessions.end(session.encode())
    elif ending == "most":
        begin()
    else:
        monkeypatch.setattr("wasmcp.host.mcp.http_sessions.monotonic", lambda: 1e12)
        sessions.expire()
    assert not sessions.is_alive(session)
    assert values.get(f"wasmcp:session/{session}", ["k"]) == {}
