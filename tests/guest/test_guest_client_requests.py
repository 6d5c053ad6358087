from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import pytest
from support.asking_client import Call, answered, text

from wasmcp.guest import (
    Context,
    InputRequest,
    InputRequired,
    Message,
    MissingCapabilityError,
    ToolError,
    prompt,
    resource,
    tool,
)
from wasmcp.guest.declarations.registry import prompt_of, resource_of
from wasmcp.guest.mrtr import InputRequiredResult
from wasmcp.guest.testing import LocalContext, accept, decline, roots, sampled


@dataclass
class Person:
    name: str
    age: int = 30


def test_elicitation_and_its_result():
    runs = []

    @tool
    def greet(context: Context) -> str:
        runs.append(1)
        who = context.elicit("Who are you?", Person, key="who")
        return f"Hello {who.data.name}, {who.data.age}"

    call = Call(greet)
    pending = call()
    assert pending == {
        "who": (
            "elicitation/create",
            {
                "message": "Who are you?",
                "requestedSchema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "default": 30}},
                    "required": ["name"],
                },
            },
        )
    }
    assert call.state is None  # no results to keep yet
    assert call() == pending  # without a result the request is sent again
    assert call(other=accept(name="x")) == pending
    assert text(call(who=accept(name="Ada"), other={})) == "Hello Ada, 30"
    assert len(runs) == 4


def test_rounds_keep_used_results():
    @tool
    def steps(context: Context) -> str:
        first = context.elicit("First?", str, key="first").data
        second = context.elicit(f"After {first}?", str, key="second").data
        third = context.elicit("Third?", str, key="third").data
        return first + second + third

    call = Call(steps)
    assert list(call()) == ["first"]
    assert list(call(first=accept(value="a"), unknown=accept(value="z"))) == ["second"]
    # A used result cannot be replaced.
    assert list(call(first=accept(value="X"), second=accept(value="b"))) == ["third"]
    assert text(call(third=accept(value="c"))) == "abc"


def test_once_is_computed_once():
    made = []

    @tool
    def book(context: Context) -> str:
        ticket = context.once("ticket", lambda: made.append(1) or {"number": len(made), "tags": ("a",)})
        context.elicit("Sure?", key="sure")
        return json.dumps(ticket)

    call = Call(book)
    call()
    assert text(call(sure=accept())) == '{"number": 1, "tags": ["a"]}'
    assert made == [1]


def test_default_keys_depend_on_parameters():
    words = ["one"]

    @tool
    def ask(context: Context) -> str:
        return context.elicit(words[0], str).data + context.elicit("two", str).data

    call = Call(ask)
    (first,) = call()
    assert first.startswith("elicitation-1-")
    (second,) = call(**{first: accept(value="a")})
    assert second.startswith("elicitation-2-")
    words[0] = "another"
    (again,) = Call(ask)(**{first: accept(value="a")})
    assert again not in (first, second)


def test_exception_handlers_do_not_catch_pending_requests():
    @tool
    def ask(context: Context) -> str:
        try:
            return context.elicit("Who?", str, key="k").data
        except Exception:  # noqa: BLE001
            return "caught"

    @tool
    def swallow(context: Context) -> str:
        try:
            return context.elicit("Who?", str, key="k").data
        except BaseException:  # noqa: BLE001
            return "caught"

    assert list(Call(ask)()) == ["k"]
    assert list(Call(swallow)()) == ["k"]
    assert text(Call(swallow)(k=accept(value="x"))) == "x"


def test_async_function_sends_several_requests_at_once():
    cleaned = []

    @tool
    async def ask(context: Context) -> str:
        try:
            name, greeting = await asyncio.gather(
                context.elicit("Who?", str, key="name"), context.sample("Greet", max_tokens=5, key="greeting")
            )
            more = await context.roots(key="roots")
            return f"{greeting.text} {name.data} {len(more)}"
        finally:
            await asyncio.sleep(0.001)
            cleaned.append(1)

    call = Call(ask)
    assert list(call()) == ["name", "greeting"]
    assert list(call(name=accept(value="Ada"))) == ["greeting"]
    assert list(call(greeting=sampled("Hello"))) == ["roots"]
    assert text(call(roots=roots())) == "Hello Ada 0"
    assert cleaned == [1] * 4


def test_requests_of_tasks():
    @tool
    async def ask(context: Context) -> str:
        async def later():
            await asyncio.sleep(0.001)
            return (await context.elicit("Second?", str, key="second")).data

        task = asyncio.create_task(later())
        await asyncio.sleep(0.3)  # longer than the other task waits, also on a busy machine
        first = await asyncio.wait_for(context.elicit("First?", str, key="first"), 30)
        return first.data + await task

    # A request is sent as soon as all tasks wait, even for a timer.
    call = Call(ask)
    assert list(call()) == ["second"]
    assert list(call(second=accept(value="2"))) == ["first"]
    assert text(call(first=accept(value="1"))) == "12"


def test_requests_in_an_event_loop_of_the_author():
    @tool
    def ask(context: Context) -> str:
        async def both():
            first, second = await asyncio.gather(
                context.elicit("First?", str, key="first"), context.elicit("Second?", str, key="second")
            )
            return first.data + second.data

        return asyncio.run(both())

    assert list(Call(ask)()) == ["first", "second"]
    assert text(Call(ask)(first=accept(value="1"), second=accept(value="2"))) == "12"


def test_result_must_be_awaited():
    @tool
    async def ask(context: Context) -> str:
        return context.elicit("Who?", str, key="k").data

    assert Call(ask)().is_error
    assert text(Call(ask)(k=accept(value="x"))) == "x"


def test_duplicate_key_is_an_error(capsys):
    @tool
    def ask(context: Context) -> str:
        return context.elicit("a", str, key="k").data + context.elicit("b", str, key="k").data

    assert Call(ask)(k=accept(value="x")).is_error
    assert "two requests of this call have the key `k`" in capsys.readouterr().err


def test_state_of_the_author_is_kept():
    @tool
    def ask(context: Context) -> str | InputRequired:
        kept = context.once("kept", lambda: 7)
        if context.input_state is None:
            return InputRequired({"k": InputRequest("roots/list", {})}, state=b"\xffown")
        assert list(context.input_responses) == ["k"]
        return f"{kept} {context.input_state!r}"

    call = Call(ask)
    assert call() == {"k": ("roots/list", {})}
    assert text(call(k=roots())) == "7 b'\\xffown'"

    @tool
    def plain(context: Context) -> str | InputRequired:
        state = context.input_state
        return InputRequired({}, state=b"mine") if state is None else state.decode()

    call = Call(plain)
    assert call() == {}
    assert call.state is not None
    assert text(call()) == "mine"


def test_prompts_and_resources_send_requests():
    @prompt
    def p(context: Context) -> str:
        return context.elicit("What?", str, key="k").data

    @resource("test://{id}")
    async def r(id: str, context: Context) -> str:  # noqa: A002
        return id + (await context.elicit("What?", str, key="k")).data

    assert isinstance(prompt_of(p).get(None, answered()), InputRequiredResult)
    assert prompt_of(p).get(None, answered(k=accept(value="x"))).messages == [Message("user", "x")]
    assert isinstance(resource_of(r).read("test://1", {"id": "1"}, answered()), InputRequiredResult)
    assert resource_of(r).read("test://1", {"id": "1"}, answered(k=accept(value="x")))[0].data == "1x"


def test_local_context_answers_requests():
    def ask(context: Context) -> str:
        return context.elicit("Who?", str).data + context.sample("x", max_tokens=1).text

    context = LocalContext(answers=[accept(value="a"), sampled("b")])
    assert ask(context) == "ab"
    assert [method for method, _ in context.sent_requests] == ["elicitation/create", "sampling/createMessage"]
    with pytest.raises(LookupError, match="no answer to `elicitation/create`"):
        ask(LocalContext())
    with pytest.raises(MissingCapabilityError):
        ask(LocalContext(client_capabilities={}))
    with pytest.raises(ToolError):
        ask(LocalContext(answers=[decline()]))


def test_change_notifications():
    context = LocalContext()
    context.tools_changed()
    context.prompts_changed()
    context.resources_changed()
    context.resource_updated("test://x")
    assert context.changes == ["tools", "prompts", "resources", "test://x"]
