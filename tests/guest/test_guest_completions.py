from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Literal

import pytest
from support.asking_client import answered

from wasmcp.guest import Choices, Completion, Context, DeclarationError, McpError, completion, prompt, resource
from wasmcp.guest.declarations.prompts import has_completions, propose
from wasmcp.guest.declarations.registry import COMPLETIONS, check, prompt_of, resource_of
from wasmcp.guest.testing import LocalContext


class Size(Enum):
    SMALL = "small"
    LARGE = "Large"


@prompt
def review(
    language: str, size: Size = Size.SMALL, kind: Literal["a", 1] | None = None, *, deep: bool = True
) -> str: ...


def complete(declared, argument, value, arguments=None):
    completers = [
        one for one in COMPLETIONS.all().values() if one.is_for(declared.identity, declared.function, argument)
    ]
    completer = completers[0] if completers else None
    return propose(completer, declared.variables[argument], value, arguments or {}, LocalContext())


@pytest.fixture
def declared():
    prompt(review)
    return prompt_of(review)


def test_completions_of_types(declared):
    assert complete(declared, "size", "l") == Choices(["small", "Large"])
    assert complete(declared, "kind", "") == Choices(["a", "1"])
    assert complete(declared, "deep", "t") == Choices(["true", "false"])
    assert complete(declared, "language", "") == Choices([])
    assert has_completions(declared.variables)


def test_completion_by_function(declared):
    @completion(review, "language")
    def languages(value: str, arguments: Mapping[str, str], context: Context) -> list[str]:
        return [value, *arguments.values(), context.protocol_version]

    assert complete(declared, "language", "py", {"size": "small"}).values == ["py", "small", "2026-07-28"]
    assert languages("a", {}, LocalContext()) == ["a", "2026-07-28"]


def test_target_by_name_and_by_template(declared):
    @resource("test://{id}")
    def thing(id: str) -> str: ...  # noqa: A002

    @completion("review", "language")
    def languages(value: str) -> list[str]:
        return ["python"]

    @completion("test://{id}", "id")
    async def ids(value: str) -> tuple[str, ...]:
        return ("1", "2")

    assert check() == 2
    assert complete(declared, "language", "").values == ["python"]
    assert complete(resource_of(thing), "id", "").values == ["1", "2"]


def test_choices(declared):
    @completion(review, "language")
    def languages(value: str) -> Choices:
        return Choices(name for name in ("python", "rust"))

    assert complete(declared, "language", "r") == Choices(["python", "rust"])


def test_iterators_are_read_up_to_the_limit(declared):
    @completion(review, "language")
    def languages(value: str) -> Iterator[str]:
        return (str(number) for number in range(10**12))

    found = complete(declared, "language", "")
    assert (len(found.values), found.total, found.has_more) == (100, None, True)


def test_completion_object(declared):
    @completion(review, "language")
    def languages(value: str) -> Completion:
        return Completion([str(number) for number in range(101)], 500, has_more=False)

    found = complete(declared, "language", "")
    assert (len(found.values), found.total, found.has_more) == (101, 500, False)


@pytest.mark.parametrize("value", ["text", [1], 5, Choices([1])])
def test_invalid_completions_are_an_error(declared, value, capsys):
    @completion(review, "language")
    def languages(value_so_far: str):
        return value

    with pytest.raises(McpError, match=r"^Error completing language$"):
        complete(declared, "language", "")
    assert "a completion returns strings" in capsys.readouterr().err


def test_completion_cannot_send_requests_to_the_client(declared, capsys):
    @completion(review, "language")
    def languages(value: str, context: Context) -> list[str]:
        return [context.elicit("Which?", str).data]

    completer = COMPLETIONS.of(languages)
    able = answered()
    with pytest.raises(McpError, match=r"^Error completing language$"):
        propose(completer, declared.variables["language"], "", {}, able)
    assert "only tools, resources and prompts can send requests" in capsys.readouterr().err


def test_unknown_target_is_refused(declared):
    @completion("reviewed", "language")
    def languages(value: str) -> list[str]: ...

    with pytest.raises(DeclarationError, match="`reviewed` is neither a prompt nor a resource with a URI template"):
        check()


def test_unknown_argument_is_refused(declared):
    @completion(review, "lang")
    def languages(value: str) -> list[str]: ...

    with pytest.raises(DeclarationError, match="`review` has no argument `lang`"):
        check()


def test_wrong_parameters_are_refused():
    with pytest.raises(DeclarationError, match="it must take the text typed so far"):

        @completion("x", "y")
        def none() -> list[str]: ...
