"""Branches of JSON Schemas, and those that values use."""

from __future__ import annotations

from typing import Any

import pytest

from wasmcp.schemas.comparison import branches, used_branches

SCHEMA = {
    "type": "object",
    "properties": {
        "scale": {"enum": ["a", "b"]},
        "digits": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "flag": {"type": "boolean"},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
    },
    "required": ["scale"],
    "$defs": {"tag": {"type": "object", "properties": {"kind": {"enum": [1, 2]}, "next": {"$ref": "#/$defs/tag"}}}},
}


def test_branches_are_choices_of_a_schema() -> None:
    found = branches(SCHEMA)
    assert found[:2] == ['scale = "a"', 'scale = "b"']
    assert {"digits given", "digits left out", "digits: integer", "digits: null"} <= set(found)
    assert {"flag = true", "flag = false", "tags[].kind = 1", "tags[].next.kind = 2"} <= set(found)


@pytest.mark.parametrize(
    ("value", "used"),
    [
        ({"scale": "a"}, {'scale = "a"', "digits left out", "flag left out", "tags left out"}),
        (
            {"scale": "b", "digits": 2, "flag": True, "tags": [{"kind": 1}, {"next": {"kind": 2}}]},
            {'scale = "b"', "digits given", "digits: integer", "flag given", "flag = true", "tags given"}
            | {"tags[].kind given", "tags[].kind = 1", "tags[].kind left out", "tags[].next given"}
            | {"tags[].next left out", "tags[].next.kind given", "tags[].next.kind = 2", "tags[].next.next left out"},
        ),
        ({"scale": "c", "digits": None}, {"digits given", "digits: null", "flag left out", "tags left out"}),
        ("no object", set()),
    ],
)
def test_values_use_branches(value: Any, used: set[str]) -> None:
    found = used_branches(SCHEMA, value)
    assert found == used
    assert found <= set(branches(SCHEMA))


def test_alternatives_are_told_apart_by_constants_and_required_members() -> None:
    schema = {
        "oneOf": [
            {"title": "Circle", "type": "object", "properties": {"kind": {"const": "c"}}, "required": ["kind"]},
            {"title": "Square", "type": "object", "properties": {"side": {"type": "number"}}, "required": ["side"]},
        ]
    }
    assert branches(schema) == ["value: Circle", "value: Square"]
    assert used_branches(schema, {"kind": "c"}) == {"value: Circle"}
    assert used_branches(schema, {"side": 2}) == {"value: Square"}
    assert used_branches(schema, {"side": "x"}) == set()


@pytest.mark.parametrize("schema", [True, None, [], {"$ref": "#"}, {"$ref": "#/gone"}, {"enum": 5}, {"properties": []}])
def test_schemas_without_choices_have_no_branches(schema: Any) -> None:
    assert branches(schema) == []
    assert used_branches(schema, {"a": 1}) == set()


def test_the_number_of_branches_is_limited() -> None:
    schema = {"type": "object", "properties": {f"p{index}": {"type": "boolean"} for index in range(5_000)}}
    assert len(branches(schema)) == 2_000
