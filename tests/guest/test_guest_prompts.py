from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Literal

import pytest

from wasmcp.guest import Context, DeclarationError, Field, Image, McpError, Message, PromptResult, Text, prompt
from wasmcp.guest.declarations.registry import prompt_of
from wasmcp.guest.testing import LocalContext


def get(function, **arguments):
    return prompt_of(function).get(json.dumps(arguments), LocalContext())


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("a", [Message("user", "a")]),
        (Text("a"), [Message("user", Text("a"))]),
        (Message("assistant", "a"), [Message("assistant", "a")]),
        (["a", Message("assistant", "b"), Image(b"", "image/png")],
         [Message("user", "a"), Message("assistant", "b"), Message("user", Image(b"", "image/png"))]),
        ({"a": 1}, [Message("user", '{"a":1}')]),
        ([1, 2], [Message("user", "[1,2]")]),
    ],
)  # fmt: skip
def test_results_of_prompt_functions(value, messages):
    @prompt(description="d")
    def p():
        return value

    assert get(p) == PromptResult(messages, "d")


def test_prompt_result_object():
    @prompt
    def p():
        """A prompt."""
        return PromptResult(["a"], description="what came out", meta={"m": 1})

    assert get(p) == PromptResult([Message("user", "a")], "what came out", {"m": 1})


def test_arguments_are_strings():
    @prompt
    def p(
        text: str, count: Annotated[int, Field(le=3, title="How many", description="Copies")] = 1, *, loud: bool = False
    ) -> str:
        """A prompt.

        Args:
            text: The text.
        """
        return (text.upper() if loud else text) * count

    assert get(p, text="5").messages[0].content == "5"
    assert get(p, text="a", count="3", loud="true").messages[0].content == "AAA"
    found = prompt_of(p).variables
    assert [(name, member.required, member.documentation) for name, member in found.items()] == [
        ("text", True, {"description": "The text."}),
        ("count", False, {"title": "How many", "description": "Copies", "default": 1}),
        ("loud", False, {"default": False}),
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("{}", "text: required, but missing"),
        ('{"text": 1}', "text: expected string"),
        ('{"text": "x", "more": "y"}', "more: unexpected; expected only text, kind"),
        ('{"text": "x", "kind": "c"}', 'kind: expected one of "a", "b", got "c"'),
        (
            '{"kind": "c", "more": "y"}',
            'got "c"; more: unexpected; expected only text, kind; text: required, but missing',
        ),
        ("[]", "expected an object"),
        ("{", "not JSON that can be read"),
    ],
)
def test_wrong_arguments(arguments, reason):
    @prompt
    def p(text: str, kind: Literal["a", "b"] = "a") -> str: ...

    with pytest.raises(McpError, match=reason) as caught:
        prompt_of(p).get(arguments, LocalContext())
    assert caught.value.code == -32602


def test_empty_optional_argument_has_its_default():
    @prompt
    def p(  # noqa: PLR0917 - one of each kind
        text: str,
        count: int = 3,
        kind: Literal["a", "b"] = "a",
        day: date | None = None,
        name: Annotated[str, Field(min_length=1)] = "x",
        note: str = "default",
    ) -> str:
        return repr((text, count, kind, day, name, note))

    empty = json.dumps(dict.fromkeys(prompt_of(p).variables, ""))
    # A string parameter gets the empty string.
    assert prompt_of(p).get(empty, LocalContext()).messages[0].content == repr(("", 3, "a", None, "x", ""))
    with pytest.raises(McpError, match=r"count: expected integer, got string$"):
        prompt_of(p).get('{"text": "", "count": " "}', LocalContext())


def test_empty_required_argument_is_refused():
    @prompt
    def p(count: int) -> str: ...

    with pytest.raises(McpError, match=r"count: expected integer, got string$"):
        prompt_of(p).get('{"count": ""}', LocalContext())


def test_failures(capsys):
    @prompt
    def a() -> str:
        raise OSError("/secret")

    @prompt
    def b() -> list[Message]:
        return [Message("system", "x")]

    @prompt
    async def c(context: Context) -> str:
        raise McpError(-32000, "not now", {"retry": 5})

    for function in (a, b):
        with pytest.raises(McpError, match=f"^Error getting prompt {function.__name__}$"):
            get(function)
    assert "returned an invalid message" in capsys.readouterr().err
    with pytest.raises(McpError, match="not now") as caught:
        get(c)
    assert (caught.value.code, caught.value.data) == (-32000, {"retry": 5})


def test_invalid_prompts_are_refused():
    with pytest.raises(DeclarationError, match=r"^prompt `p`, parameter `x`: `complex`"):

        @prompt
        def p(x: complex) -> str: ...

    with pytest.raises(DeclarationError, match="it needs a name"):

        @prompt(name="")
        def q() -> str: ...
