"""Suspended calls, which wait for their client's responses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from wasmcp.errors import GuestCancelledError, HostError
from wasmcp.host.bindings.messages import Ask, Event, InputCancelled, StdioRequest
from wasmcp.host.scheduling.call import Call, PendingInputs


class Bench:
    """Pending inputs, with the calls that were resumed and those that have ended."""

    def __init__(self, patience: float | None = None, most: int = 1024) -> None:
        self.resumed: list[Call] = []
        self.ended: list[Call] = []
        self.done = threading.Event()
        self.pending_inputs = PendingInputs(self.resumed.append, patience, most)

    def call(self, *ids: str, on_event: Callable[[Call, Event], None] | None = None) -> Call:
        call = Call(StdioRequest(b"{}", b""), None, self._ended, on_event, self.pending_inputs)
        self.pending_inputs.add(call, Ask(json.dumps({"ids": list(ids), "continuation": {"k": [1]}})))
        return call

    def _ended(self, call: Call) -> None:
        self.ended.append(call)
        self.done.set()

    def answer(self, identifier: Any, **more: Any) -> bool:
        return self.pending_inputs.answer(
            json.dumps({"jsonrpc": "2.0", "id": identifier, "result": {}, **more}).encode()
        )


def test_call_continues_after_all_responses() -> None:
    bench = Bench()
    call = bench.call("a", "b")
    assert bench.answer("b", result={"n": 2})  # even before the run of the call has ended
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


def test_responses_in_a_batch() -> None:
    bench = Bench()
    call = bench.call("a", "b")
    bench.pending_inputs.suspend(call)
    batch = [{"jsonrpc": "2.0", "id": each, "error": {"code": -1, "message": "no"}} for each in "ab"]
    assert bench.pending_inputs.answer(json.dumps(batch).encode())
    assert bench.resumed == [call]


def test_call_with_empty_input_continues_at_once() -> None:
    bench = Bench()
    call = bench.call()
    assert bench.pending_inputs.suspend(call)
    assert bench.resumed == [call]
    assert not bench.pending_inputs.suspend(call)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"id":"b"}', b"\xff"])
def test_other_messages_are_not_responses(text: bytes) -> None:
    bench = Bench()
    bench.pending_inputs.suspend(bench.call("a"))
    assert not bench.pending_inputs.answer(text)
    assert bench.ended == bench.resumed == []


def test_cancelled_call() -> None:
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


def test_client_that_does_not_answer_times_out() -> None:
    bench = Bench(patience=0.05)
    call = bench.call("a")
    bench.pending_inputs.suspend(call)
    assert bench.done.wait(10)
    assert type(call.error) is HostError
    assert "did not answer within 0.05 s" in str(call.error)
    assert not bench.answer("a")


def test_close_cancels_suspended_calls() -> None:
    bench = Bench()
    call = bench.call("a")
    bench.pending_inputs.suspend(call)
    bench.pending_inputs.close()
    assert isinstance(call.error, GuestCancelledError)
    late = bench.call("b")
    bench.pending_inputs.suspend(late)
    assert isinstance(late.error, GuestCancelledError)


def test_number_of_suspended_calls_is_limited() -> None:
    bench = Bench(most=2)
    calls = [bench.call(each) for each in "abc"]
    assert all(bench.pending_inputs.suspend(call) for call in calls)
    assert [type(call.error) for call in calls] == [HostError, type(None), type(None)]


@pytest.mark.parametrize("how", ["cancelled", "while it runs", "no response", "closed", "failed"])
def test_unanswered_requests_are_cancelled(how: str) -> None:
    bench = Bench(patience=0.05 if how == "no response" else None)
    heard: list[Any] = []
    call = bench.call(
        *"abc", on_event=lambda call, event: heard.append((type(event), json.loads(event.text), call.error))
    )
    assert bench.answer("b")
    if how == "failed":
        bench.pending_inputs.forget(call)
    elif how == "while it runs":
        call.cancel()
        bench.pending_inputs.suspend(call)
    else:
        bench.pending_inputs.suspend(call)
    if how == "cancelled":
        call.cancel()
    elif how == "closed":
        bench.pending_inputs.close()
    assert how == "failed" or bench.done.wait(10)
    # Before the response to the client's request.
    assert heard == [
        (
            InputCancelled,
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": identifier}},
            None,
        )
        for identifier in ("a", "c")
    ]
    assert not bench.answer("a")


def test_batch_of_a_revision_without_batches_is_rejected() -> None:
    bench = Bench()
    call = bench.call("a")
    bench.pending_inputs.suspend(call)
    batch = b'[{"jsonrpc":"2.0","id":"a","result":{}}]'
    assert not bench.pending_inputs.answer(batch, batches=False)
    assert bench.pending_inputs.answer(batch)
