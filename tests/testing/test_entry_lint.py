"""Lint of the lists of servers."""

from __future__ import annotations

from typing import Any

import pytest

from wasmcp.testing.suite import ERROR, WARNING, remarks, tools_size

GOOD = {
    "name": "add",
    "description": "Add.",
    "inputSchema": {
        "type": "object",
        "properties": {"a": {"type": "integer", "description": "A number."}},
        "additionalProperties": False,
    },
}


def of_tool(**changes: Any) -> list[tuple[str, str]]:
    return [(one.level, str(one)) for one in remarks({"tools": [{**GOOD, **changes}]})]


def test_a_good_tool_has_no_remarks() -> None:
    assert of_tool() == []


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({"name": "a b"}, ERROR, "tool `a b`: its name is not 1 to 128 letters"),
        ({"name": "a" * 129}, ERROR, "its name is not 1 to 128 letters"),
        ({"name": "a.b"}, WARNING, "which APIs of models do not take"),
        ({"name": None}, ERROR, "tool `None`: has no `name`"),
        ({"description": " "}, ERROR, "has no description"),
        ({"inputSchema": {"type": "string"}}, ERROR, "is not an object schema"),
        ({"inputSchema": None}, ERROR, "is not an object schema"),
        ({"inputSchema": {"type": "object"}}, WARNING, "accepts arguments with any other name"),
        ({"outputSchema": {"type": "text"}}, ERROR, "`outputSchema` is not a JSON Schema of 2020-12: $.type"),
        (
            {"outputSchema": {"items": [{"$ref": "https://a.example/s"}]}},
            ERROR,
            "another document: `https://a.example/s`",
        ),
        (
            {"inputSchema": {"type": "object", "properties": {"a": {}}, "additionalProperties": False}},
            WARNING,
            "argument `a` has no description",
        ),
    ],
)
def test_remarks_about_a_tool(changes: dict[str, Any], level: str, text: str) -> None:
    ((found, sentence),) = of_tool(**changes)
    assert found == level
    assert text in sentence


def test_entries_that_are_listed_twice_and_other_kinds() -> None:
    lists: dict[str, list[dict[str, Any]]] = {
        "tools": [GOOD, GOOD],
        "resources": [{"uri": "a://b", "description": "One."}],
        "templates": [{"uriTemplate": "a://{b}", "name": "b"}],
        "prompts": [{"name": "p", "description": "A prompt.", "arguments": [{"name": "x"}]}],
    }
    assert [str(one) for one in remarks(lists)] == [
        "tool `add`: is listed twice",
        "resource `a://b`: has no `name`",
        "resource template `a://{b}`: has no description: a model cannot tell what it is for",
        "prompt `p`: argument `x` has no description",
    ]


def test_the_size_is_that_of_compact_json() -> None:
    assert tools_size([{"a": "é"}]) == len('[{"a":"é"}]'.encode())
