from __future__ import annotations

import json
from typing import Any

import pytest
from support.compose_inputs import FULL, tool

from wasmcp.protocol import REVISIONS
from wasmcp.revision_views import from_json_text, in_form, items_json, to_json_text

NAMED = {"name": "n", "description": "D"}
TITLED = {"title": "N", "_meta": {"x": 1}}
ICONS = {"icons": [{"src": "data:,"}]}
LATER = {"later": 1}


class TestTools:
    @pytest.mark.parametrize(
        ("revision", "members"),
        [
            ("2024-11-05", {"name", "description", "inputSchema"}),
            ("2025-03-26", {"name", "description", "inputSchema", "annotations"}),
            ("2025-06-18", {"name", "description", "inputSchema", "annotations", "title", "outputSchema", "_meta"}),
            ("2025-11-25", set(FULL) - {"later"}),
            ("2026-07-28", set(FULL)),
        ],
    )
    def test_a_revision_has_what_it_knows(self, revision: str, members: set[str]) -> None:
        found = in_form("tools", FULL, revision)
        assert set(found) == members
        assert all(found[member] == FULL[member] for member in members)

    @pytest.mark.parametrize("revision", REVISIONS[:-1])
    def test_an_output_schema_was_an_object(self, revision: str) -> None:
        assert "outputSchema" not in in_form("tools", {**FULL, "outputSchema": {"type": "array"}}, revision)
        assert "outputSchema" not in in_form("tools", {**FULL, "outputSchema": {"anyOf": []}}, revision)

    def test_the_latest_keeps_any_output_schema(self) -> None:
        assert in_form("tools", {**FULL, "outputSchema": {"type": "array"}}, "2026-07-28")["outputSchema"] == {
            "type": "array"
        }

    def test_json_is_one_line_of_utf8(self) -> None:
        text = items_json("tools", [tool("a", description="é\n\u2028 \U0001f600")], "2026-07-28")
        assert "\n" not in text
        assert json.loads(text.encode()) == [tool("a", description="é\n\u2028 \U0001f600")]

    def test_a_lone_surrogate_stays_escaped(self) -> None:
        assert to_json_text({"a": "\ud800é"}).encode() == b'{"a":"\\ud800\\u00e9"}'


def known(revision: str, *parts: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """The parts that a revision has."""
    return {name: value for first, part in parts if revision >= first for name, value in part.items()}


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("kind", "own"), [("resources", {"uri": "a:b", "size": 3}), ("templates", {"uriTemplate": "a:{b}"})]
)
def test_resources_and_templates(kind: str, own: dict[str, Any], revision: str) -> None:
    hints = {"audience": ["user"], "priority": 0.5}
    item = {
        **NAMED,
        **TITLED,
        **ICONS,
        **LATER,
        **own,
        "mimeType": "text/plain",
        "annotations": {**hints, "lastModified": "2026"},
    }
    assert in_form(kind, item, revision) == {
        **NAMED,
        **own,
        "mimeType": "text/plain",
        "annotations": {**hints, **known(revision, ("2025-06-18", {"lastModified": "2026"}))},
        **known(revision, ("2025-06-18", TITLED), ("2025-11-25", ICONS), ("2026-07-28", LATER)),
    }


@pytest.mark.parametrize("revision", REVISIONS)
def test_prompts(revision: str) -> None:
    argument = {"name": "a", "description": "A", "required": True}
    item = {**NAMED, **TITLED, **ICONS, **LATER, "arguments": [{**argument, "title": "T"}]}
    assert in_form("prompts", item, revision) == {
        **NAMED,
        "arguments": [{**argument, **known(revision, ("2025-06-18", {"title": "T"}))}],
        **known(revision, ("2025-06-18", TITLED), ("2025-11-25", ICONS), ("2026-07-28", LATER)),
    }


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "{", "", "[" * 100_000])
def test_a_text_that_is_not_json(text: str) -> None:
    with pytest.raises(ValueError):
        from_json_text(text)


def test_a_json_text() -> None:
    assert from_json_text(b'{"a":[1.5,null]}') == {"a": [1.5, None]}
