"""Values that strategies draw from JSON Schemas."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from wasmcp.schemas.strategies import Schema

OBJECT = {
    "type": "object",
    "properties": {
        "degrees": {"type": "number", "exclusiveMinimum": 0, "maximum": 5},
        "scale": {"enum": ["a", "b"]},
        "digits": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, {"type": "null"}]},
        "inner": {"$ref": "#/$defs/inner"},
    },
    "required": ["degrees", "scale"],
    "additionalProperties": False,
    "$defs": {
        "inner": {
            "type": "object",
            "properties": {"id": {"type": "string", "format": "uuid"}, "inner": {"$ref": "#/$defs/inner"}},
            "required": ["id"],
        }
    },
}
SCHEMAS = [
    True,
    {},
    OBJECT,
    {"type": "object"},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "minItems": 2, "maxItems": 4},
    {"type": "array", "prefixItems": [{"type": "string"}, {"const": 3}], "items": False, "minItems": 2},
    {"type": "string", "pattern": "^[a-c]{2,4}$", "maxLength": 3},
    {"type": "string", "format": "date-time"},
    {"type": ["integer", "null"], "multipleOf": 5, "minimum": -12, "maximum": 12},
    {"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 1.5},
    {"allOf": [{"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}, {"required": ["a"]}]},
    {"oneOf": [{"type": "string", "maxLength": 2}, {"type": "string", "minLength": 2}]},
    {"minimum": 5},
    {"properties": {"a": {"const": None}}},
    {"type": "number", "minimum": 2**53 + 1, "maximum": 10**400},
    {"anyOf": [{"type": "string", "minLength": 3, "maxLength": 2}, {"type": "null"}]},
]


@pytest.mark.parametrize("schema", SCHEMAS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_values_are_allowed(schema: Any, data: st.DataObject) -> None:
    value = data.draw(Schema(schema).values())
    assert Draft202012Validator(schema).is_valid(value)


@settings(max_examples=30)
@given(data=st.data())
def test_rejected_values_have_one_mistake_with_a_name(data: st.DataObject) -> None:
    value, name = data.draw(Schema(OBJECT).rejected())
    assert not Draft202012Validator(OBJECT, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(value)
    assert name in {*OBJECT["properties"], "id", "unexpected_member"}


def test_each_kind_of_mistake_is_found() -> None:
    rejected = Schema(OBJECT).rejected()
    assert find(rejected, lambda pair: "scale" not in pair[0])[1] == "scale"
    assert find(rejected, lambda pair: "unexpected_member" in pair[0])[1] == "unexpected_member"
    assert "id" not in find(rejected, lambda pair: pair[1] == "id" and len(pair[0].get("inner", {})) == 0)[0]["inner"]
    assert find(rejected, lambda pair: isinstance(pair[0].get("digits"), str))[1] == "digits"


def test_both_alternatives_and_optional_members_are_drawn() -> None:
    values = Schema(OBJECT).values()
    assert find(values, lambda value: value.get("digits", 0) is None)["digits"] is None
    assert type(find(values, lambda value: isinstance(value.get("digits"), int))["digits"]) is int
    assert "id" in find(values, lambda value: "inner" in value.get("inner", {}))["inner"]["inner"]
    assert find(values, lambda value: len(value) == 2).keys() == {"degrees", "scale"}


@pytest.mark.parametrize("schema", [5, {"type": "text"}, {"properties": []}, {"minimum": "1"}])
def test_invalid_schemas_are_errors_with_a_path(schema: Any) -> None:
    with pytest.raises(ValueError, match=r"^\$"):
        Schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "object", "properties": {"a": False}, "required": ["a"]},
        {"enum": []},
        {"type": "number", "minimum": 5, "maximum": 1},
        {"type": "number", "exclusiveMinimum": 1, "maximum": 1},
        {"type": "integer", "minimum": 5, "maximum": 1},
        {"type": "array", "minItems": 5, "maxItems": 2},
        {"type": "string", "minLength": 5, "maxLength": 2},
    ],
)
def test_a_schema_without_values_has_an_empty_strategy(schema: Any) -> None:
    assert Schema(schema)._of(schema, 0).is_empty
    assert Schema(schema).values().is_empty


def test_references_outside_of_the_document_allow_everything() -> None:
    assert Schema({"$ref": "https://elsewhere.example/schema"}).problem(5) is None
