from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wasmcp.schemas.comparison import Rejection, rejections

STRING = {"type": "string"}


def an_object(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (STRING, STRING, []),
        (STRING, True, []),
        (True, STRING, [("", "type", "anything but string")]),
        (STRING, False, [("", "value", "anything")]),
        (False, STRING, []),
        ({"type": "integer"}, {"type": "number"}, []),
        ({"type": "number"}, {"type": "integer"}, [("", "type", "number")]),
        ({"type": ["string", "null"]}, STRING, [("", "type", "null")]),
        (STRING, {"type": ["string", "null"]}, []),
        (STRING, {"anyOf": [STRING, {"type": "null"}]}, []),
        ({"anyOf": [STRING, {"type": "null"}]}, STRING, [("", "type", "null")]),
        ({"enum": ["a", "b"]}, {"enum": ["b"]}, [("", "value", '"a"')]),
        ({"enum": ["a"]}, STRING, []),
        ({"enum": ["a", 1]}, STRING, [("", "value", "1")]),
        ({"enum": [float("inf"), 1.0]}, {"type": "integer"}, [("", "value", "Infinity")]),
        (STRING, {"type": "string", "enum": ["a"]}, [("", "enum", '"a"')]),
        ({"const": 1}, {"enum": [1, 2]}, []),
        ({"type": "integer", "maximum": 5}, {"type": "integer", "maximum": 9}, []),
        ({"type": "integer", "maximum": 9}, {"type": "integer", "maximum": 5}, [("", "maximum", "5")]),
        ({"type": "integer"}, {"type": "integer", "minimum": 0}, [("", "minimum", "0")]),
        (STRING, {"type": "string", "minLength": 0}, []),
        (STRING, {"type": "string", "pattern": "^a"}, [("", "pattern", '"^a"')]),
        ({"type": "string", "pattern": "^a"}, STRING, []),
        ({"type": "array"}, {"type": "array", "items": STRING}, [("[]", "type", "anything but string")]),
        ({"type": "array"}, {"type": "array", "uniqueItems": True}, [("", "uniqueItems", "true")]),
        (an_object(a=STRING), an_object(["a"], a=STRING), [("", "missing", "a")]),
        (an_object(["a"], a=STRING), an_object(a=STRING, b=STRING), []),
        (an_object(a=an_object(b=STRING)), an_object(a=an_object(b={"type": "null"})), [("a.b", "type", "string")]),
        (an_object(), {"type": "object", "additionalProperties": False}, [("", "member", "any other")]),
        (
            {**an_object(a=STRING), "additionalProperties": False},
            {"type": "object", "additionalProperties": False},
            [("", "member", "a")],
        ),
        (
            {"type": "object", "additionalProperties": STRING},
            {"type": "object", "additionalProperties": {"type": "null"}},
            [("*", "type", "string")],
        ),
        ({"title": "A", "description": "B", "default": 1}, {"title": "C"}, []),
    ],
)
def test_rejected_values_of_schemas(first: Any, second: Any, expected: list[tuple[str, str, str]]) -> None:
    assert rejections(first, second) == [Rejection(*one) for one in expected]


def test_references_between_schemas() -> None:
    first = {"$ref": "#/$defs/a~1b", "$defs": {"a/b": STRING}}
    assert rejections(first, STRING) == []
    assert rejections(STRING, first) == []
    assert rejections(first, {"type": "null"}) == [Rejection("", "type", "string")]
    elsewhere = {"$ref": "https://example.com/schema"}
    assert rejections(elsewhere, elsewhere) == []
    assert [one.kind for one in rejections(STRING, elsewhere)] == ["$ref"]


def test_recursive_schemas() -> None:
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}, "name": {"type": ["string", "null"]}},
    }
    narrow = {**tree, "properties": {**tree["properties"], "name": STRING}}  # type: ignore[dict-item]
    assert rejections(tree, tree) == []
    assert rejections(tree, narrow) == [Rejection("name", "type", "null")]


SCALARS = st.sampled_from(["string", "integer", "number", "boolean", "null"])
LEAVES = st.one_of(
    st.builds(lambda name: {"type": name}, SCALARS),
    st.builds(lambda names: {"type": sorted(names)}, st.sets(SCALARS, min_size=2)),
    st.builds(
        lambda values: {"enum": values}, st.lists(st.sampled_from(["a", 1, None, True]), min_size=1, unique=True)
    ),
    st.builds(lambda low: {"type": "integer", "minimum": low}, st.integers(-2, 2)),
    st.builds(lambda high: {"type": "string", "maxLength": high}, st.integers(0, 3)),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda some: {"anyOf": some}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(
            lambda members, required, closed: {
                "type": "object",
                "properties": members,
                "required": sorted(required & members.keys()),
                "additionalProperties": not closed,
            },
            st.dictionaries(st.sampled_from("ab"), inner),
            st.sets(st.sampled_from("ab")),
            st.booleans(),
        ),
    ),
    max_leaves=4,
)
VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1, -3, 2.5, "", "a", "long text"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)


def named(schema: Any) -> Any:
    """Return a schema that allows only members that it names: others are not counted, a version may add some."""
    if isinstance(schema, list):
        return [named(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: named(value) for key, value in schema.items()}
    return {**closed, "additionalProperties": False} if schema.get("additionalProperties") is True else closed


@given(SCHEMAS, SCHEMAS, VALUES)
@example(
    {**an_object(), "additionalProperties": True}, {**an_object(a=STRING), "additionalProperties": True}, {"a": None}
)
def test_compatible_schemas_allow_all_values(first: Any, second: Any, value: Any) -> None:
    validator = jsonschema.Draft202012Validator
    if validator(named(first)).is_valid(value) and not validator(second).is_valid(value):
        assert rejections(first, second)


@given(SCHEMAS)
def test_schema_is_compatible_with_itself(schema: Any) -> None:
    assert rejections(schema, schema) == []
