from __future__ import annotations

import pytest

from wasmcp.project.catalogue import TOOLS_LIMIT, check_tools

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
        ([GOOD, GOOD], "tool `add`: offered a second time"),
        ([{"name": "add"}], "tool `add`: `inputSchema` must be"),
        ([{"name": "add", "inputSchema": {"type": "array"}}], "tool `add`: `inputSchema` must be"),
        ([{"name": "add", "inputSchema": True}], "tool `add`: `inputSchema` must be"),
        ([{**GOOD, "description": 3}], "tool `add`: `description` must be a string"),
        ([{**GOOD, "outputSchema": []}], "tool `add`: `outputSchema` must be a JSON object"),
        ([{**GOOD, "_meta": None}], "tool `add`: `_meta` must be a JSON object"),
        ([GOOD] * (TOOLS_LIMIT + 1), f"it offers {TOOLS_LIMIT + 1} tools"),
    ],
)
def test_mistakes(tools: list[dict[str, object]], problem: str) -> None:
    problems = check_tools(tools)
    assert len(problems) == 1
    assert problem in problems[0]


def test_all_mistakes_are_found() -> None:
    assert len(check_tools([{"name": "!"}, {"name": "a"}, {"name": "b", "title": 1, "inputSchema": {}}])) == 4
