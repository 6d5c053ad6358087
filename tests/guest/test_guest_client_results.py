from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.asking_client import Call, answered, text

from wasmcp.guest import (
    Context,
    Image,
    McpError,
    Message,
    MissingCapabilityError,
    Root,
    ToolCall,
    tool,
)
from wasmcp.guest.declarations.tools import Tool
from wasmcp.guest.testing import accept, decline, roots


@dataclass
class Person:
    name: str
    age: int = 30


def test_declined_elicitation_raises_tool_error():
    @tool
    def ask(context: Context) -> str:
        answer = context.elicit("Sure?", Person, key="k")
        return answer.data.name if answer else f"no: {answer.action}"

    assert text(Call(ask)(k=decline())) == "no: decline"

    @tool
    def insist(context: Context) -> str:
        return context.elicit("Sure?", Person, key="k").data.name

    refused = Call(insist)(k={"action": "cancel"})
    assert refused.is_error
    assert refused.content[0].text == "the user did not agree: cancel"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "`k` has no `action`"),
        ({"action": "maybe"}, "`k` has no `action`"),
        ({"action": "accept", "content": []}, "`k` has no object as its `content`"),
        (accept(age=5), "`k` does not fit: name: required, but missing"),
        (accept(name="x", age="old"), "`k` does not fit: age: expected integer"),
        (accept(age="old"), "`k` does not fit: age: expected integer, got string; name: required, but missing"),
    ],
)
def test_invalid_elicitation_result_is_an_error(answer, reason):
    @tool
    def ask(context: Context) -> str:
        return context.elicit("Who?", Person, key="k").data.name

    with pytest.raises(McpError, match=reason) as caught:
        Call(ask)(k=answer)
    assert caught.value.code == -32602


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
MEMBERS = ["action", "content", "type", "text", "data", "mimeType", "roots", "uri", "name"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | TEXT, items, max_size=4),
    max_leaves=12,
)


@given(answer=st.dictionaries(st.sampled_from(MEMBERS) | TEXT, JSON, max_size=4))
@example(answer={"content": {"type": "image", "data": "x", "mimeType": "image/png"}})
@example(answer={"content": {"type": "image", "data": "\u00e9", "mimeType": 5}})
@example(answer={"action": [], "content": {}})
@example(answer={"roots": [{"uri": 5}]})
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@pytest.mark.parametrize("kind", ["form", "field", "free", "link", "model", "roots"])
def test_invalid_results_are_not_errors_of_the_tool(kind, answer):
    def ask(context: Context) -> str:
        if kind in ("form", "field", "free"):
            form = {"form": Person, "field": int, "free": None}[kind]
            return repr(context.elicit("?", form, key="k").data)
        if kind == "link":
            return context.elicit_url("?", "https://example.com/", key="k").action
        if kind == "model":
            found = context.sample("?", max_tokens=1, key="k")
            return repr((found.text, found.content, found.model, found.stop_reason, found.tool_calls))
        return repr(list(context.roots(key="k")))

    context = answered(k=answer)
    try:
        rendered = Tool(ask, names=globals()).call("{}", context)
    except McpError as error:
        assert error.code == -32602  # noqa: PT017 - most answers are refused, some are right
    else:
        assert not rendered.is_error or "did not agree" in rendered.content[0].text


def test_elicit_url():
    @tool
    def sign_in(context: Context) -> str:
        return context.elicit_url("Sign in", "https://example.com/", key="k").action

    assert Call(sign_in)() == {
        "k": ("elicitation/create", {"mode": "url", "message": "Sign in", "url": "https://example.com/"})
    }
    assert text(Call(sign_in)(k={"action": "accept"})) == "accept"


def test_sampling():
    @tool
    def sample(context: Context) -> str:
        answer = context.sample(
            ["a", Message("assistant", "b"), Image(b"\x00", "image/png"), {"role": "user", "content": []}],
            max_tokens=5,
            system="s",
            temperature=0.5,
            stop_sequences=["."],
            tools=[{"name": "t", "inputSchema": {"type": "object"}}],
            tool_choice="required",
            key="k",
        )
        assert answer.tool_calls == [ToolCall("1", "t", {"x": 1})]
        return f"{answer.text} {answer.model} {answer.stop_reason} {len(answer.content)}"

    assert Call(sample)()["k"] == (
        "sampling/createMessage",
        {
            "messages": [
                {"role": "user", "content": {"type": "text", "text": "a"}},
                {"role": "assistant", "content": {"type": "text", "text": "b"}},
                {"role": "user", "content": {"type": "image", "data": "AA==", "mimeType": "image/png"}},
                {"role": "user", "content": []},
            ],
            "maxTokens": 5,
            "systemPrompt": "s",
            "temperature": 0.5,
            "stopSequences": ["."],
            "tools": [{"name": "t", "inputSchema": {"type": "object"}}],
            "toolChoice": {"mode": "required"},
        },
    )
    content = [
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "1", "name": "t", "input": {"x": 1}},
        {"type": "audio", "data": "AA==", "mimeType": "audio/wav"},
        {"type": "later"},
    ]
    answer = {"role": "assistant", "content": content, "model": "m", "stopReason": "toolUse"}
    assert text(Call(sample)(k=answer)) == "Hi m toolUse 3"
    image = {"type": "image", "mimeType": "image/png"}
    for broken, reason in (
        ({}, "needs `type`, a string"),
        ({"content": 5}, "needs `type`, a string"),
        ({"content": {"type": "text"}}, "needs `text`, a string"),
        ({"content": {"type": "text", "text": 5}}, "needs `text`, a string"),
        ({"content": {"type": "tool_use", "id": "1", "name": "t", "input": [["a", 1]]}}, "needs `input`, an object"),
        ({"content": {**image, "data": "-__-"}}, "`data` of its content is not base64"),
        ({"content": {**image, "data": "<html>"}}, "`data` of its content is not base64"),
        ({"content": {**image, "data": "AA"}}, "`data` of its content is not base64"),
    ):
        with pytest.raises(McpError, match=f"`k` is not a message of a model: .*{reason}"):
            Call(sample)(k=broken)


def test_roots():
    @tool
    def where(context: Context) -> str:
        found = context.roots(key="k")
        assert found[0] == Root("file:///a")
        return f"{len(found)} {[root.uri for root in found]}"

    assert Call(where)() == {"k": ("roots/list", {})}
    assert text(Call(where)(k=roots("file:///a", "file:///b"))) == "2 ['file:///a', 'file:///b']"
    for broken in ({}, {"roots": {}}, {"roots": [{}]}, {"roots": [{"uri": 5}]}, {"roots": [{"uri": "a:b", "name": 5}]}):
        with pytest.raises(McpError, match=r"`k` is not a list of roots: .*(string|array)"):
            Call(where)(k=broken)


@pytest.mark.parametrize(
    ("capabilities", "missing"),
    [
        ({}, {"elicitation": {}}),
        ({"elicitation": {"url": {}}}, {"elicitation": {}}),
        ({"elicitation": {}}, None),
        ({"elicitation": {"form": {}}}, None),
    ],
)
def test_missing_capability_is_an_error(capabilities, missing):
    @tool
    def ask(context: Context) -> str:
        return context.elicit("Who?", str).data

    if missing is None:
        assert isinstance(Call(ask, capabilities)(), dict)
        return
    with pytest.raises(MissingCapabilityError) as caught:
        Call(ask, capabilities)()
    assert (caught.value.code, caught.value.data) == (-32021, {"requiredCapabilities": missing})
    assert str(caught.value) == "the client does not support `elicitation`"


def test_missing_capability_can_be_caught():
    @tool
    def ask(context: Context) -> str:
        try:
            return context.sample("x", max_tokens=1, tools=[]).text
        except MissingCapabilityError as error:
            return str(error)

    assert text(Call(ask, {"sampling": {}})()) == "the client does not support `sampling.tools`"
