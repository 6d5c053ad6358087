"""Calls that wait for their client's answers."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from wasmcp.errors import GuestCancelledError, HostError
from wasmcp.host.scheduling.call import Call
from wasmcp.host.scheduling.pending_input import PendingInputs


class Bench:
    """Questions, the calls that went on, and those that ended."""

    def __init__(self, patience: float | None = None) -> None:
        self.resumed: list[Call] = []
        self.ended: list[Call] = []
        self.done = threading.Event()
        self.pending_inputs = PendingInputs(self.resumed.append, patience)

    def call(self, *ids: str) -> Call:
        call = Call((b"{}", b""), None, self._ended)
        call.pending_inputs = self.pending_inputs
        self.pending_inputs.add(call, json.dumps({"ids": list(ids), "continuation": {"k": [1]}}))
        return call

    def _ended(self, call: Call) -> None:
        self.ended.append(call)
        self.done.set()

    def answer(self, asked: Any, **more: Any) -> bool:
        return self.pending_inputs.answer(json.dumps({"jsonrpc": "2.0", "id": asked, "result": {}, **more}).encode())


def test_a_call_goes_on_when_all_answers_are_there() -> None:
    bench = Bench()
    call = bench.call("a", "b")
    assert bench.answer("b", result={"n": 2})  # even before the call has come to its end
    assert bench.pending_inputs.suspend(call)
    assert not bench.answer("b")
    assert not bench.answer("c")
    assert not bench.answer(1)
    assert not bench.answer("a", method="ping")
    assert bench.resumed == []
    assert bench.answer("a")
    assert bench.resumed == [call]
    assert call.resumed is not None
    continuation, answers = map(json.loads, call.resumed)
    assert continuation == {"k": [1]}
    assert [(each["id"], each["result"]) for each in answers] == [("a", {}), ("b", {"n": 2})]
    assert len(bench.pending_inputs) == 0


def test_answers_may_come_as_a_batch() -> None:
    bench = Bench()
    call = bench.call("a", "b")
    bench.pending_inputs.suspend(call)
    batch = [{"jsonrpc": "2.0", "id": each, "error": {"code": -1, "message": "no"}} for each in "ab"]
    assert bench.pending_inputs.answer(json.dumps(batch).encode())
    assert bench.resumed == [call]


def test_nothing_asked_goes_on_at_once() -> None:
    bench = Bench()
    call = bench.call()
    assert bench.pending_inputs.suspend(call)
    assert bench.resumed == [call]
    assert not bench.pending_inputs.suspend(call)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"id":"b"}', b"\xff"])
def test_what_is_no_answer(text: bytes) -> None:
    bench = Bench()
    bench.pending_inputs.suspend(bench.call("a"))
    assert not bench.pending_inputs.answer(text)
    assert bench.ended == bench.resumed == []


def test_a_call_that_is_taken_back() -> None:
    bench = Bench()
    call = bench.call("a")
    bench.pending_inputs.suspend(call)
    call.cancel()
    assert isinstance(call.error, GuestCancelledError)
    assert not bench.answer("a")
    late = bench.call("b")
    late.cancel()  # while it runs
    bench.pending_inputs.suspend(late)
    assert isinstance(late.error, GuestCancelledError)
    assert bench.resumed == []


def test_a_client_that_does_not_answer() -> None:
    bench = Bench(patience=0.05)
    call = bench.call("a")
    bench.pending_inputs.suspend(call)
    assert bench.done.wait(10)
    assert type(call.error) is HostError
    assert "did not answer within 0.05 s" in str(call.error)
    assert not bench.answer("a")


def test_clients_that_are_gone() -> None:
    bench = Bench()
    call = bench.call("a")
    bench.pending_inputs.suspend(call)
    bench.pending_inputs.close()
    assert isinstance(call.error, GuestCancelledError)
    late = bench.call("b")
    bench.pending_inputs.suspend(late)
    assert isinstance(late.error, GuestCancelledError)


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasmcp.host.scheduling.pending_input._MOST", 2)
    bench = Bench()
    calls = [bench.call(each) for each in "abc"]
    assert all(bench.pending_inputs.suspend(call) for call in calls)
    assert [type(call.error) for call in calls] == [HostError, type(None), type(None)]


@pytest.mark.parametrize("how", ["taken back", "while it runs", "nobody answers", "closed", "failed"])
def test_what_is_not_answered_is_withdrawn(how: str) -> None:
    bench = Bench(patience=0.05 if how == "nobody answers" else None)
    call = bench.call("a", "b", "c")
    heard: list[Any] = []
    call.on_event = lambda kind, text: heard.append((kind, json.loads(text), call.error))
    assert bench.answer("b")
    if how == "failed":
        bench.pending_inputs.forget(call)
    elif how == "while it runs":
        call.cancel()
        bench.pending_inputs.suspend(call)
    else:
        bench.pending_inputs.suspend(call)
    if how == "taken back":
        call.cancel()
    elif how == "closed":
        bench.pending_inputs.close()
    assert how == "failed" or bench.done.wait(10)
    # Before the request has its answer.
    assert heard == [
        (
            "withdrawn",
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": asked}},
            None,
        )
        for asked in ("a", "c")
    ]
    assert not bench.answer("a")


def test_batches_where_there_are_none() -> None:
    bench = Bench()
    call = bench.call("a")
    bench.pending_inputs.suspend(call)
    batch = b'[{"jsonrpc":"2.0","id":"a","result":{}}]'
    assert not bench.pending_inputs.answer(batch, batches=False)
    assert bench.pending_inputs.answer(batch)
