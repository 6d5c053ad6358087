from __future__ import annotations

import pytest

from wasmcp.project.catalogue_recording import ITEMS_LIMIT, check_items, check_tools

GOOD = {"name": "add", "inputSchema": {"type": "object"}}


def test_good_tools() -> None:
    longest = {**GOOD, "name": "A.b_c-9" + "x" * 121, "title": "T", "description": "D", "_meta": {}, "annotations": {}}
    assert check_tools([GOOD, longest]) == []
    assert check_tools([]) == []


@pytest.mark.parametrize(
    ("tools", "problem"),
    [
        ([{"inputSchema": {"type": "object"}}], "tool 0: the name must be"),
        ([{**GOOD, "name": ""}], "tool 0: the name must be"),
        ([{**GOOD, "name": "x" * 129}], "tool 0: the name must be"),
        ([{**GOOD, "name": "two words"}], "not 'two words'"),
        ([{**GOOD, "name": "é"}], "tool 0: the name must be"),
        ([GOOD, GOOD], "tool `add`: listed a second time"),
        ([{"name": "add"}], "tool `add`: `inputSchema` must be"),
        ([{"name": "add", "inputSchema": {"type": "array"}}], "tool `add`: `inputSchema` must be"),
        ([{"name": "add", "inputSchema": True}], "tool `add`: `inputSchema` must be"),
        ([{**GOOD, "description": 3}], "tool `add`: `description` must be a string"),
        ([{**GOOD, "outputSchema": []}], "tool `add`: `outputSchema` must be a JSON object"),
        ([{**GOOD, "_meta": None}], "tool `add`: `_meta` must be a JSON object"),
        ([GOOD] * (ITEMS_LIMIT + 1), f"it offers {ITEMS_LIMIT + 1} tools"),
    ],
)
def test_mistakes(tools: list[dict[str, object]], problem: str) -> None:
    problems = check_tools(tools)
    assert len(problems) == 1
    assert problem in problems[0]


def test_all_mistakes_are_found() -> None:
    assert len(check_tools([{"name": "!"}, {"name": "a"}, {"name": "b", "title": 1, "inputSchema": {}}])) == 4


@pytest.mark.parametrize(
    ("kind", "items"),
    [
        ("resources", [{"uri": "file:///a", "name": "a"}, {"uri": "x+y.z-1:", "name": "b"}]),
        ("templates", [{"uriTemplate": "a:{b}{?c,d*}{/e:3}", "name": "a"}, {"uriTemplate": "{+base}/x", "name": "b"}]),
        ("prompts", [{"name": "two words"}]),
    ],
)
def test_good_items(kind: str, items: list[dict[str, object]]) -> None:
    assert check_items(kind, items) == []


@pytest.mark.parametrize(
    ("kind", "items", "problem"),
    [
        ("resources", [{"name": "a"}], "resource 0: `uri` must be"),
        ("resources", [{"uri": "a:b", "name": ""}], "resource `a:b`: `name` must be"),
        ("resources", [{"uri": "/a", "name": "a"}], "resource `/a`: a URI begins with its scheme"),
        ("resources", [{"uri": "a:b", "name": "a"}] * 2, "resource `a:b`: listed a second time"),
        ("templates", [{"uriTemplate": "a:{b", "name": "a"}], "resource template `a:{b`: its braces are not balanced"),
        ("templates", [{"uriTemplate": "a:b}", "name": "a"}], "its braces are not balanced"),
        ("templates", [{"uriTemplate": "a:{}", "name": "a"}], "its braces are not balanced"),
        ("prompts", [{"name": ""}], "prompt 0: `name` must be"),
        ("prompts", [{"name": "p"}] * (ITEMS_LIMIT + 1), f"it offers {ITEMS_LIMIT + 1} prompts"),
    ],
)
def test_mistakes_of_other_kinds(kind: str, items: list[dict[str, object]], problem: str) -> None:
    problems = check_items(kind, items)
    assert len(problems) == 1
    assert problem in problems[0]
