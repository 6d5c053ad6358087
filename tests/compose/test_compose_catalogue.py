from __future__ import annotations

import json
import struct

import pytest
from compose_inputs import catalogue, tool
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.compose.catalogue import (
    REVISIONS,
    Catalogue,
    catalogue_values,
    to_json_text,
    tool_for,
    tool_index,
    tools_json,
)
from wasmcp.errors import CatalogueError

FULL = {
    "name": "full",
    "title": "Full",
    "description": "All of it.",
    "inputSchema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {}},
    "outputSchema": {"type": "object"},
    "annotations": {"title": "Full", "readOnlyHint": True},
    "icons": [{"src": "data:,", "theme": "dark"}],
    "_meta": {"example.org/x": 1.5},
    "later": {"a": [None]},
}


def find(index: bytes, name: str) -> int | None:
    """Look a name up as the framework does: by binary search over the bytes of the names."""
    (count,) = struct.unpack_from("<I", index)
    low, high = 0, count
    wanted = name.encode()
    while low < high:
        middle = (low + high) // 2
        offset, length, owner = struct.unpack_from("<III", index, 4 + 12 * middle)
        found = index[offset : offset + length]
        if found == wanted:
            return owner
        low, high = (middle + 1, high) if found < wanted else (low, middle)
    return None


class TestForms:
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
        found = tool_for(FULL, revision)
        assert set(found) == members
        assert all(found[member] == FULL[member] for member in members)

    @pytest.mark.parametrize("revision", REVISIONS[:-1])
    def test_an_output_schema_was_an_object(self, revision: str) -> None:
        assert "outputSchema" not in tool_for({**FULL, "outputSchema": {"type": "array"}}, revision)
        assert "outputSchema" not in tool_for({**FULL, "outputSchema": {"anyOf": []}}, revision)

    def test_the_latest_keeps_any_output_schema(self) -> None:
        assert tool_for({**FULL, "outputSchema": {"type": "array"}}, "2026-07-28")["outputSchema"] == {"type": "array"}

    def test_json_is_one_line_of_utf8(self) -> None:
        text = tools_json([tool("a", description="é\n\u2028 \U0001f600")], "2026-07-28")
        assert "\n" not in text
        assert json.loads(text.encode()) == [tool("a", description="é\n\u2028 \U0001f600")]

    def test_a_lone_surrogate_stays_escaped(self) -> None:
        assert to_json_text({"a": "\ud800é"}).encode() == b'{"a":"\\ud800\\u00e9"}'

    def test_values_for_a_segment(self) -> None:
        values = catalogue_values([[tool("b"), tool("a")], [], [tool("c")]])
        assert [entry["name"] for entry in json.loads(values["tools-v20241105"])] == ["b", "a", "c"]
        assert {name: find(values["tool-index"], name) for name in "abcd"} == {"a": 0, "b": 0, "c": 2, "d": None}
        assert set(values) == {"tool-index", *(f"tools-v{revision.replace('-', '')}" for revision in REVISIONS)}


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 2**32 - 1)))
def test_every_name_is_found_and_no_other(owners: dict[str, int]) -> None:
    index = tool_index(owners)
    assert {name: find(index, name) for name in owners} == owners
    assert all(find(index, name + "x") == owners.get(name + "x") for name in owners)


class TestSidecar:
    def test_a_round_trip(self) -> None:
        one = Catalogue((FULL, tool("é")), "sha256:00")
        assert Catalogue.from_json(one.to_json()) == one
        assert one.to_json() == Catalogue.from_json(one.to_json().encode()).to_json()
        assert json.loads(one.to_json())["format"] == 1
        assert one.names == ("full", "é")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not JSON"),
            ("[" * 100_000, "not JSON"),
            ("[]", "format `list`, expected `1`"),
            ('{"format": 2, "tools": []}', "format `2`, expected `1`: build it again"),
            ('{"format": 1, "tools": {}}', "needs `tools`, an array"),
            ('{"format": 1, "tools": [], "digest": 3}', "`digest`, a string"),
            ('{"format": 1, "tools": [{"name": ""}]}', "tool number 1 has no `name`"),
            ('{"format": 1, "tools": [3]}', "tool number 1 has no `name`"),
            ('{"format": 1, "tools": [{"name": "a", "inputSchema": null}]}', "tool `a` needs an `inputSchema`"),
            ('{"format": 1, "tools": [{"name": "a", "inputSchema": {"type": "array"}}]}', '"type": "object"'),
            (
                '{"format": 1, "tools": [{"name": "a", "inputSchema": {"type": "object", "x": NaN}}]}',
                "`NaN` is not JSON",
            ),
            (
                '{"format": 1, "tools": [{"name": "a", "inputSchema": {"type": "object"}, "outputSchema": 1}]}',
                "`outputSchema` of the tool `a` is not an object",
            ),
        ],
    )
    def test_what_is_no_sidecar(self, text: str, message: str) -> None:
        with pytest.raises(CatalogueError, match=message) as caught:
            Catalogue.from_json(text, source="calc")
        assert "component `calc`" in str(caught.value)

    def test_a_number_too_large_for_json(self) -> None:
        text = '{"format": 1, "tools": [{"name": "a", "inputSchema": {"type": "object", "maximum": 1e400}}]}'
        with pytest.raises(CatalogueError, match="tool `a` cannot be written as JSON"):
            Catalogue.from_json(text)

    def test_a_tool_twice(self) -> None:
        with pytest.raises(ValueError, match="the tool `a` is there twice"):
            catalogue("a", "a")

    def test_a_name_that_is_no_text(self) -> None:
        with pytest.raises(ValueError, match="cannot be written"):
            catalogue("\ud800")
