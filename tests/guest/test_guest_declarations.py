"""Duplicate declarations, modules that are imported again, and late declarations."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wasmcp.guest import Cache, DeclarationError, cache_lists, completion, prompt, provider, resource, tool
from wasmcp.guest.declarations import rules
from wasmcp.guest.declarations.registry import COMPLETIONS, PROMPTS, RESOURCES, TOOLS, check, registered, tool_of
from wasmcp.guest.testing import LocalContext, fresh_declarations

MODULE = """\
from wasmcp.guest import completion, prompt, provider, resource, tool

class Store: ...

@provider
def store() -> Store:
    return Store()

@tool
def one(store: Store) -> int:
    return 1

@tool
def late(x: Later) -> int:
    return 1

@resource("notes://{name}")
def note(name: str) -> str: ...

@completion(note, "name")
def names(value: str) -> list[str]: ...

@prompt
def review() -> str: ...

class Later(int): ...
Later = int
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def closed() -> Iterator[None]:
    rules.close()
    yield
    rules.reopen()


class TestOneNameTwice:
    def test_tools_of_one_module(self):
        @tool
        def search(query: str) -> str: ...

        line = search.__code__.co_firstlineno
        with pytest.raises(DeclarationError) as caught:

            @tool
            def search(query: str, limit: int) -> str: ...

        reason = f"tool `search`: `search` is already the tool at line {line} of `{__name__}`"
        assert str(caught.value) == reason
        assert list(registered()) == ["search"]

    def test_resources_and_prompts(self):
        def text() -> str: ...

        def other() -> str: ...

        resource("notes://a")(text)
        prompt(name="a")(text)
        with pytest.raises(DeclarationError, match="`notes://a` is already the resource at line"):
            resource("notes://a")(other)
        with pytest.raises(DeclarationError, match="`a` is already the prompt at line"):
            prompt(name="a")(other)

    def test_providers(self):
        class Store: ...

        @provider
        def store() -> Store: ...

        with pytest.raises(DeclarationError, match=r"provider `store`: `Store` is already made by `.*store`, line"):

            @provider
            def store() -> Store: ...

    def test_late_description(self):
        namespace = {"__name__": "late", "tool": tool}
        text = (
            "from __future__ import annotations\n@tool\ndef f(x: Later): ...\n@tool\ndef f(): ...\nclass Later: ...\n"
        )
        exec(text + "Later = int\n", namespace)  # noqa: S102 - a module whose order matters
        with pytest.raises(DeclarationError, match="`f` is already the tool at line 2 of `late`"):
            registered()

    def test_completions_of_one_argument(self):
        @prompt
        def review(language: str) -> str: ...

        @completion(review, "language")
        def first(value: str) -> list[str]: ...

        @completion("review", "language")
        def second(value: str) -> list[str]: ...

        with pytest.raises(DeclarationError, match=r"`language` of `review` is completed by `.*first` already"):
            check()

    def test_same_function_twice(self):
        def f() -> int: ...

        tool(f)
        with pytest.raises(DeclarationError, match="`f` is already the tool"):
            tool(f)


class TestFactories:
    def test_distinct_names(self):
        def make(language: str) -> None:
            @tool(name=f"greet_{language}")
            def greet() -> str:
                return language

            @resource(f"words://{language}/{{word}}")
            def words(word: str) -> str: ...

            @completion(words, "word")
            def proposed(value: str) -> list[str]:
                return [language]

            @prompt(name=language)
            def ask(topic: str) -> str: ...

            @completion(ask, "topic")
            def topics(value: str) -> list[str]:
                return [language]

        languages = ["de", "fr", "is"]
        for language in languages:
            make(language)
        check()
        assert [json.loads(found.call("{}", LocalContext()).structured) for found in TOOLS.all().values()] == [
            {"result": language} for language in languages
        ]
        assert list(RESOURCES.all()) == [f"words://{language}/{{word}}" for language in languages]
        assert list(PROMPTS.all()) == languages
        assert [found.function("") for found in COMPLETIONS.all().values()] == [
            [language] for language in languages for _ in range(2)
        ]

    def test_same_name_is_refused(self):
        def make(answer: str) -> None:
            @tool
            def generated() -> str:
                return answer

        make("a")
        advice = "the same lines declare it each time they run, so give it another name each time"
        with pytest.raises(DeclarationError, match=f"`generated` is already the tool at line .*: {advice}"):
            make("b")


class TestAgain:
    @pytest.mark.parametrize("how", ["reload", "import"])
    def test_module_imported_again_replaces_its_declarations(self, folder, how):
        path = folder / "again_tools.py"
        path.write_text(f"from __future__ import annotations\n{MODULE}")
        first = importlib.import_module("again_tools")
        check()
        path.write_text(f"from __future__ import annotations\n\n\n{MODULE.replace('return 1', 'return 22')}")
        if how == "reload":
            second = importlib.reload(first)
        else:
            del sys.modules["again_tools"]
            second = importlib.import_module("again_tools")
        assert {name: found.function for name, found in registered().items()} == {
            "one": second.one,
            "late": second.late,
        }
        assert tool_of(second.one).call("{}", LocalContext()).structured == '{"result":22}'
        assert [found.function for found in (*RESOURCES.all().values(), *PROMPTS.all().values())] == [
            second.note,
            second.review,
        ]

    def test_interactive_session_can_redefine_a_tool(self, monkeypatch):
        monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
        namespace = {"__name__": "__main__", "tool": tool}
        for number in (1, 2):
            exec(f"@tool\ndef f() -> int:\n    return {number}\n", namespace)  # noqa: S102 - a line of the session
        assert registered()["f"].function() == 2

    def test_script_cannot_redefine_a_tool(self):
        namespace = {"__name__": "__main__", "tool": tool}
        text = "@tool\ndef f() -> int: ...\n"
        with pytest.raises(DeclarationError, match="`f` is already the tool at line 1 of `__main__`"):
            exec(text + text, namespace)  # noqa: S102 - a script


@pytest.mark.usefixtures("closed")
class TestTooLate:
    def test_declarations_in_a_call_are_refused(self):
        def later() -> str: ...

        class Store: ...

        def store() -> Store: ...

        message = "it is declared during a call, but lists are recorded when the component is built"
        for declare, kind in (
            (tool, "tool"),
            (tool(name="x"), "tool"),
            (prompt, "prompt"),
            (resource("x://y"), "resource"),
            (completion("x", "y"), "completion"),
        ):
            with pytest.raises(DeclarationError, match=f"{kind} `later`: {message}"):
                declare(later)
        with pytest.raises(DeclarationError, match=f"provider `store`: {message}"):
            provider(store)
        with pytest.raises(RuntimeError, match="`cache_lists` in a call has no effect"):
            cache_lists(Cache(1))


def test_fresh_declarations_isolate_tests():
    @tool
    def f() -> int:
        return 1

    with fresh_declarations():
        assert registered() == {}

        @tool(name="f")
        def other() -> int:
            return 2

        assert list(registered()) == ["f"]
    assert registered()["f"].function is f
