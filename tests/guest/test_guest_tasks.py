from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.asking_client import Call, text

from wasmcp.guest import Context, DeclarationError, Task, tool
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.mrtr import CheckpointSignal
from wasmcp.guest.testing import LocalContext, accept, fresh_declarations, run_steps
from wasmcp.protocol import META_KEYS, TASK_DEFAULTS

TASK = META_KEYS["task"]
DEFAULTS = {"mode": "run", **TASK_DEFAULTS, "required": False}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (True, DEFAULTS),
        ("steps", {**DEFAULTS, "mode": "steps"}),
        (
            Task(steps=True, ttl=0.25, poll_interval=2, required=True),
            {"mode": "steps", "ttlMs": 250, "pollIntervalMs": 2000, "required": True},
        ),
    ],
)
def test_options_are_members_of_meta(task: Any, expected: dict[str, Any]) -> None:
    with fresh_declarations():

        @tool(task=task, meta={"own": 1}, tags=["slow"])
        def work() -> str:
            return "done"

        assert tool_of(work).meta == {"own": 1, "wasmcp/tags": ["slow"], TASK: expected}


@pytest.mark.parametrize("task", [None, False])
def test_tool_without_tasks_has_no_meta(task: Any) -> None:
    with fresh_declarations():

        @tool(task=task)
        def work() -> str:
            return "done"

        assert tool_of(work).meta is None


@pytest.mark.parametrize(
    ("task", "meta", "reason"),
    [
        ("run", None, "`task` must be a bool, \"steps\" or a `Task`, not 'run'"),
        (Task(ttl=0), None, "`Task.ttl` must be a number of seconds from 0.001 to 31536000 (a year), not 0"),
        (Task(ttl=True), None, "`Task.ttl` must be a number of seconds from 0.001 to 31536000 (a year), not True"),
        (Task(poll_interval=float("nan")), None, "`Task.poll_interval` must be a number of seconds"),
        (True, {TASK: {}}, "it has `task`, and `meta` has `wasmcp/task`: use one of them"),
    ],
)
def test_wrong_options(task: Any, meta: Any, reason: str) -> None:
    with fresh_declarations(), pytest.raises(DeclarationError) as caught:

        @tool(task=task, meta=meta)
        def work() -> str:
            return "done"

    assert reason in str(caught.value)


def count(pages: int, context: Context) -> str:
    """Count pages, one for each step."""
    done = context.state or 0
    if done < pages:
        context.checkpoint(done + 1)
    return f"{done} pages"


def test_steps_are_rounds_without_requests() -> None:
    @tool(task="steps")
    def two_pages(context: Context) -> str:
        return count(2, context)

    call = Call(two_pages)
    assert call() == {}
    first = call.state
    assert call() == {}
    assert call.state != first
    assert text(call()) == "2 pages"
    assert call.rounds == 3


def test_checkpoints_keep_answers_values_and_the_state_of_the_author() -> None:
    made: list[int] = []
    seen: list[tuple[Any, ...]] = []

    @tool
    async def work(context: Context) -> str:
        ticket = context.once("ticket", lambda: made.append(1) or len(made))
        name = (await context.elicit("Name?", str, key="name")).data
        seen.append((context.state, context.input_state))
        if context.state is None:
            context.checkpoint({"rows": [1]})
        color = (await context.elicit("Color?", str, key="color")).data
        if context.state == {"rows": [1]}:
            context.checkpoint({"rows": [1, 2]})
        return f"{ticket} {name} {color} {context.state['rows']}"

    call = Call(work)
    assert list(call()) == ["name"]
    assert call(name=accept(value="Ada")) == {}
    assert list(call()) == ["color"]
    assert call(color=accept(value="red")) == {}
    assert text(call()) == "1 Ada red [1, 2]"
    assert [state for state, _ in seen] == [None, {"rows": [1]}, {"rows": [1]}, {"rows": [1, 2]}]
    assert made == [1]


def test_a_checkpoint_in_a_task_of_asyncio_ends_the_run() -> None:
    @tool
    async def work(context: Context) -> str:
        async def step() -> None:
            await asyncio.sleep(0)
            if context.state is None:
                context.checkpoint()

        await asyncio.gather(asyncio.sleep(0.01), step())
        return str(context.state)

    call = Call(work)
    assert call() == {}
    assert text(call()) == "True"


def test_exception_handlers_do_not_catch_a_checkpoint() -> None:
    @tool
    def careful(context: Context) -> str:
        try:
            if context.state is None:
                context.checkpoint(0)
        except BaseException:  # noqa: BLE001
            return "caught"
        return f"state {context.state}"

    call = Call(careful)
    assert call() == {}
    assert text(call()) == "state 0"


def test_state_without_json_form_is_an_error_of_the_function() -> None:
    context = LocalContext()
    with pytest.raises(TypeError, match="`checkpoint` keeps values that JSON can hold"):
        context.checkpoint(object())
    assert context.checkpoints == []


def test_run_steps_runs_to_the_end() -> None:
    context = LocalContext()
    assert run_steps(lambda context: count(3, context), context) == "3 pages"
    assert context.checkpoints == [1, 2, 3]
    assert run_steps(lambda context: count(3, context), LocalContext(state=2)) == "3 pages"


def test_run_steps_gives_each_answer_once_and_keeps_it() -> None:
    async def work(context: Context) -> str:
        first = (await context.elicit("Number?", int)).data
        if context.state is None:
            context.checkpoint(first)
        second = (await context.elicit("Number?", int)).data
        if context.state == first:
            context.checkpoint(first + second)
        return f"{first} {second} {context.state}"

    context = LocalContext(answers=[accept(value=1), accept(value=2)])
    assert run_steps(work, context) == "1 2 3"
    assert [method for method, _ in context.sent_requests] == ["elicitation/create"] * 2


def test_one_step_ends_at_its_checkpoint() -> None:
    context = LocalContext(state=1)
    with pytest.raises(CheckpointSignal):
        count(3, context)
    assert context.checkpoints == [2]


def test_endless_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasmcp.guest.testing.MAX_STEPS", 5)
    with pytest.raises(RuntimeError, match=r"has not ended after 5 checkpoints: does it use `context\.state`"):
        run_steps(lambda context: context.checkpoint(1))
