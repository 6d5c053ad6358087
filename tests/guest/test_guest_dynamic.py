"""Entries that exist for some requests only: `enabled`, descriptions by request, and functions that make entries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wasmcp.guest import (
    Context,
    Identity,
    Prompt,
    Resource,
    Tool,
    config,
    dynamic_prompts,
    dynamic_resources,
    dynamic_tools,
    make_prompt,
    make_resource,
    make_tool,
    prompt,
    provider,
    resource,
    tool,
)
from wasmcp.guest.declarations.registry import check
from wasmcp.guest.declarations.rules import ToolOptions
from wasmcp.guest.errors import DeclarationError
from wasmcp.guest.testing import (
    LocalContext,
    fake_config,
    listed_prompts,
    listed_resources,
    listed_templates,
    listed_tools,
    offered_prompt,
    offered_resource,
    offered_tool,
)

ADMIN = LocalContext(identity=Identity("ada", None, ("admin",), {}))


@pytest.fixture
def _dynamic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToolOptions, "dynamic", True)


def is_admin(context: Context) -> bool:
    return context.identity is not None and "admin" in context.identity.scopes


def names(context: Context | None = None) -> list[str]:
    return [one.name for one in listed_tools(context or LocalContext())]


def call(name: str, arguments: dict[str, Any] | None = None) -> Any:
    found = offered_tool(name, LocalContext())
    assert found is not None
    return json.loads(found.call(json.dumps(arguments or {}), LocalContext()).structured or "null")["result"]


def test_tool_is_listed_and_offered_only_where_it_is_enabled() -> None:
    @tool(enabled=is_admin)
    def reset() -> str:
        """Reset."""
        return "done"

    @tool
    def always() -> str:
        """Return."""
        return ""

    assert names() == ["always"]
    assert names(ADMIN) == ["reset", "always"]
    assert offered_tool("reset", LocalContext()) is None
    assert offered_tool("reset", ADMIN) is not None
    assert offered_tool("none", ADMIN) is None


def test_tool_is_enabled_by_the_session() -> None:
    @tool(enabled=lambda context: context.session is not None and "open" in context.session)
    def inside() -> str:
        """Return."""
        return ""

    assert names(LocalContext()) == names(LocalContext(session="s")) == []
    assert names(LocalContext(session="s", session_values={"open": True})) == ["inside"]


def test_description_is_made_for_the_request() -> None:
    @tool(description=lambda _: f"Folders: {', '.join(config.get('folders', list[str]))}")
    def read(path: str) -> str:
        """Read a file.

        Args:
            path: The path.
        """
        return path

    with fake_config({"folders": ["/a", "/b"]}):
        (listed,) = listed_tools(LocalContext())
    assert listed.description == "Folders: /a, /b"
    assert listed.input_schema["properties"]["path"]["description"] == "The path."
    assert call("read", {"path": "p"}) == "p"


def test_description_that_is_not_a_string_is_an_error() -> None:
    @tool(description=lambda _: 5)  # type: ignore[arg-type, return-value]
    def broken() -> str:
        """Return."""
        return ""

    with pytest.raises(TypeError, match="`broken` must be a string, not int"):
        names()


def test_tools_are_made_for_the_request() -> None:
    def report(name: str) -> Tool:
        def run(year: int) -> str:
            """Run a report."""
            return f"{name} of {year}"

        return make_tool(run, name=f"report_{name}", description=f"Run {name}.", read_only=True)

    @dynamic_tools
    def reports(context: Context) -> list[Tool]:
        return [report(name) for name in config.get("reports", list[str])]

    with fake_config({"reports": ["sales", "costs"]}):
        found = listed_tools(LocalContext())
        assert [(one.name, one.description, one.hints) for one in found] == [
            ("report_sales", "Run sales.", {"read_only": True}),
            ("report_costs", "Run costs.", {"read_only": True}),
        ]
        assert call("report_costs", {"year": 2026}) == "costs of 2026"
        assert offered_tool("report_none", LocalContext()) is None
    assert reports.__name__ == "reports"


def test_source_of_tools_can_be_async_and_use_providers() -> None:
    class Catalogue:
        names = ("a", "b")

    @provider
    def catalogue() -> Catalogue:
        return Catalogue()

    def answer() -> int:
        """Answer."""
        return 42

    @dynamic_tools
    async def listed(found: Catalogue) -> list[Tool]:
        return [make_tool(answer, name=name) for name in found.names]

    assert names() == ["a", "b"]
    assert call("b") == 42


def test_two_tools_of_one_name_are_an_error() -> None:
    def twice() -> str:
        """Return."""
        return ""

    @dynamic_tools
    def listed() -> list[Tool]:
        return [make_tool(twice), make_tool(twice)]

    with pytest.raises(ValueError, match="two tools for one request have the name `twice`"):
        names()


def test_source_that_returns_something_else_is_an_error() -> None:
    @dynamic_tools
    def listed() -> list[Any]:
        return [print]

    with pytest.raises(TypeError, match="must return tools of `make_tool`, not builtin_function_or_method"):
        names()


def test_source_with_other_parameters_is_refused() -> None:
    with pytest.raises(DeclarationError, match="parameter `city`: only a `Context` and objects of providers"):

        @dynamic_tools
        def listed(city: str) -> list[Tool]:
            return []


def test_generator_is_refused() -> None:
    with pytest.raises(DeclarationError, match="only a plain function that returns its result"):

        @dynamic_tools
        def listed() -> Iterator[Tool]:
            yield from ()


@pytest.mark.parametrize("kind", ["enabled", "description", "source"])
def test_component_that_is_not_dynamic_is_refused(kind: str) -> None:
    def function(context: Context) -> Any:
        """Return."""
        return []

    if kind == "source":
        dynamic_tools(function)
    else:
        options: dict[str, Any] = {kind: function}
        tool(**options)(plain)
    with pytest.raises(DeclarationError, match="`dynamic = true`"):
        check()


def plain() -> str:
    """Return."""
    return ""


def read(uri: str, context: Context | None = None) -> Any:
    context = context or LocalContext()
    found = offered_resource(uri, context)
    if found is None:
        return None
    (part,) = found.resource.read(uri, found.variables, context)  # type: ignore[misc]
    return part.data


def test_resource_exists_only_where_it_is_enabled() -> None:
    @resource("notes://secret", enabled=is_admin)
    def secret() -> str:
        """Secret."""
        return "xyzzy"

    @resource("notes://{number}", enabled=is_admin, description=lambda _: "Described.")
    def note(number: int) -> str:
        """Return a note."""
        return f"note {number}"

    assert listed_resources(LocalContext()) == listed_templates(LocalContext()) == []
    assert read("notes://secret") is None
    assert read("notes://7") is None
    assert [one.uri for one in listed_resources(ADMIN)] == ["notes://secret"]
    assert [one.description for one in listed_templates(ADMIN)] == ["Described."]
    assert read("notes://secret", LocalContext(identity=Identity("a", None, ("admin",), {}))) == "xyzzy"
    assert read("notes://7", LocalContext(identity=Identity("a", None, ("admin",), {}))) == "note 7"


def test_resources_and_templates_are_made_for_the_request() -> None:
    @resource("shelf://b")
    def declared() -> str:
        """Return."""
        return "declared"

    @dynamic_resources
    def shelves() -> list[Resource]:
        def book(title: str) -> str:
            return f"book {title}"

        def shelf() -> str:
            return "made"

        return [make_resource(shelf, "shelf://A"), make_resource(book, "shelf://a/{title}", mime_type="text/markdown")]

    assert [one.uri for one in listed_resources(LocalContext())] == ["shelf://b", "shelf://A"]
    assert [one.mime_type for one in listed_templates(LocalContext())] == ["text/markdown"]
    assert read("shelf://b") == "declared"
    assert read("shelf://a") == "made"  # hosts have no case
    assert read("shelf://a/Emma") == "book Emma"
    assert read("shelf://c") is None
    assert read("nonsense") is None


def test_two_resources_of_one_uri_are_an_error() -> None:
    @resource("shelf://a")
    def declared() -> str:
        """Return."""
        return ""

    @dynamic_resources
    def shelves() -> list[Resource]:
        return [make_resource(plain, "shelf://A")]

    with pytest.raises(ValueError, match="two resources for one request have the URI `shelf://a`"):
        listed_resources(LocalContext())


def test_prompts_are_enabled_described_and_made_for_the_request() -> None:
    @prompt(enabled=is_admin)
    def audit() -> str:
        """Audit."""
        return "audit"

    @prompt(description=lambda _: "By request.")
    def review(part: str) -> str:
        """Review."""
        return f"review {part}"

    @dynamic_prompts
    def styles() -> list[Prompt]:
        def rewrite(text: str) -> str:
            return text

        return [make_prompt(rewrite, name=f"rewrite_{style}") for style in ("plain", "short")]

    def listed(context: Context) -> list[str]:
        return [one.name for one in listed_prompts(context)]

    assert listed(LocalContext()) == ["review", "rewrite_plain", "rewrite_short"]
    assert listed(ADMIN) == ["audit", "review", "rewrite_plain", "rewrite_short"]
    assert offered_prompt("audit", LocalContext()) is None
    assert offered_prompt("rewrite_none", LocalContext()) is None
    found = offered_prompt("review", LocalContext())
    assert found is not None
    result = found.get('{"part": "p"}', LocalContext())
    assert result.description == "By request."  # type: ignore[union-attr]
    assert offered_prompt("rewrite_short", LocalContext()) is not None


def test_completions_of_what_is_made_name_its_arguments() -> None:
    def rewrite(text: str) -> str:
        return text

    def texts(value: str) -> list[str]:
        return [value]

    assert list(make_prompt(rewrite, completions={"text": texts}).completers) == ["text"]
    with pytest.raises(DeclarationError, match="`rewrite` has no argument `words`"):
        make_prompt(rewrite, completions={"words": texts})


@pytest.mark.parametrize(
    ("declare", "reason"),
    [
        (dynamic_resources, "must return resources of `make_resource`, not int"),
        (dynamic_prompts, "must return prompts of `make_prompt`, not int"),
    ],
)
def test_source_of_other_kinds_that_returns_something_else_is_an_error(declare: Any, reason: str) -> None:
    def listed() -> list[Any]:
        return [5]

    declare(listed)
    with pytest.raises(TypeError, match=reason):
        [*listed_resources(LocalContext()), *listed_prompts(LocalContext())]


@pytest.mark.parametrize("kind", ["resource", "prompt"])
def test_entries_of_other_kinds_need_a_dynamic_component(kind: str) -> None:
    if kind == "resource":
        resource("a://b", enabled=is_admin)(plain)
    else:
        prompt(description=lambda _: "")(plain)
    with pytest.raises(DeclarationError, match="`dynamic = true`"):
        check()


@pytest.mark.usefixtures("_dynamic")
def test_component_with_a_source_alone_declares_something() -> None:
    @dynamic_tools
    def listed() -> list[Tool]:
        return []

    assert check() == 1


def test_example_of_the_guide() -> None:
    page = (Path(__file__).parents[2] / "docs/guides/dynamic-components.md").read_text("utf-8")
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    assert len(blocks) == 4
    namespace: dict[str, Any] = {"__name__": "guide"}
    exec(compile(f"{blocks[0]}\n{blocks[3]}", "guide", "exec", dont_inherit=True), namespace)  # noqa: S102 - our own page
    tests = [name for name in namespace if name.startswith("test_")]
    assert tests == ["test_write_is_offered_after_unlocking", "test_list_follows_the_configuration"]
    for name in tests:
        namespace[name]()
