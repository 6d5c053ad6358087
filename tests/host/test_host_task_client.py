"""The client's part of tasks: polls, answers, ends; against scripted states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from wasmcp.errors import HostError, RequestError, TaskCancelledError, UnansweredInputError
from wasmcp.guest.testing import accept
from wasmcp.host.client import tasks
from wasmcp.host.client.tasks import Task

ELICIT = {"method": "elicitation/create", "params": {"message": "Name?", "requestedSchema": {}}}


class Script:
    """A server whose task has these states, the last one for good."""

    def __init__(self, *states: dict[str, Any]) -> None:
        self._states: Iterator[dict[str, Any]] = iter(states)
        self._last: dict[str, Any] = {}
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.sent.append((method, params))
        if method != "tasks/get":
            return {"resultType": "complete"}
        self._last = next(self._states, self._last)
        return {"resultType": "complete", "taskId": "t", **self._last}

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.sent]


def task(script: Script, status: str = "working", **members: Any) -> Task:
    return Task({"resultType": "task", "taskId": "t", "status": status, "pollIntervalMs": 1, **members}, script)


def test_result_after_polls_and_answers() -> None:
    waiting = {"status": "input_required", "pollIntervalMs": 1}
    script = Script(
        {"status": "working", "statusMessage": "half", "pollIntervalMs": 1},
        {**waiting, "inputRequests": {"a": ELICIT, "b": ELICIT}},
        {**waiting, "inputRequests": {"b": ELICIT, "c": ELICIT}},
        {**waiting, "inputRequests": {"c": ELICIT}},
        {"status": "completed", "result": {"content": [{"type": "text", "text": "done"}], "isError": False}},
    )
    seen: list[str] = []
    asked: list[str] = []

    def answer(key: str, _: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(key)
        return accept(name=key)

    found = task(script).wait(answer, on_state=lambda state: seen.append(state["status"]))
    assert found["content"][0]["text"] == "done"
    assert asked == ["a", "b", "c"]
    assert seen == ["working", "working", "input_required", "input_required", "input_required", "completed"]
    updates = [params for method, params in script.sent if method == "tasks/update"]
    assert updates == [
        {"taskId": "t", "inputResponses": {"a": accept(name="a"), "b": accept(name="b")}},
        {"taskId": "t", "inputResponses": {"c": accept(name="c")}},
    ]
    assert "tasks/cancel" not in script.methods


def test_typed_result() -> None:
    script = Script(
        {"status": "input_required", "inputRequests": {"who": ELICIT}, "pollIntervalMs": 1},
        {"status": "completed", "result": {"content": [{"type": "text", "text": "no"}], "isError": True}},
    )
    result = task(script).result({"who": accept(name="Ada")})
    assert result.is_error
    assert [request.key for request in result.client_requests] == ["who"]


def test_a_failed_task_raises_its_error() -> None:
    failed = {"status": "failed", "error": {"code": -32603, "message": "broken", "data": {"at": 1}}}
    with pytest.raises(RequestError, match="broken") as caught:
        task(Script(failed)).result()
    assert (caught.value.code, caught.value.data) == (-32603, {"at": 1})
    with pytest.raises(RequestError, match="without an error object"):
        task(Script({"status": "failed"})).result()


def test_a_cancelled_task() -> None:
    script = Script({"status": "cancelled", "statusMessage": "by another client"})
    with pytest.raises(TaskCancelledError, match="the task t was cancelled: by another client"):
        task(script).result()
    assert script.methods == ["tasks/get"]


def test_a_task_without_its_answer_is_cancelled() -> None:
    script = Script({"status": "input_required", "inputRequests": {"who": ELICIT}})
    with pytest.raises(UnansweredInputError, match="key `who`"):
        task(script).result()
    assert script.methods == ["tasks/get", "tasks/cancel"]


def test_a_task_beyond_the_time_limit_is_cancelled() -> None:
    script = Script({"status": "working", "pollIntervalMs": 1})
    with pytest.raises(HostError, match=r"the task t has not ended within 0\.02 s: it is working"):
        task(script).result(timeout=0.02)
    assert script.methods[-1] == "tasks/cancel"


def test_malformed_states() -> None:
    with pytest.raises(HostError, match="without a `taskId`"):
        Task({"resultType": "task"}, Script())
    with pytest.raises(HostError, match="without a `result`"):
        task(Script({"status": "completed"})).result()
    assert task(Script(), pollIntervalMs="soon")._interval() == 1.0
    assert task(Script(), pollIntervalMs=10**9)._interval() == 60.0


def test_polls_keep_to_the_interval_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(tasks.time, "sleep", pauses.append)
    states = [{"status": "working", "pollIntervalMs": 2000}] * 3
    ended = {"status": "completed", "result": {"content": []}}
    task(Script(*states, ended), pollIntervalMs=500).wait(lambda *_: {})
    assert pauses == [0.5, 2.0, 2.0, 2.0]
    pauses.clear()
    task(Script(*states, ended), pollIntervalMs=500).result(timeout=None)
    assert pauses == [0.01, 0.02, 0.04, 0.08]
