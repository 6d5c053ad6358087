"""Arguments of the command line, typed by the schema of a tool."""

from __future__ import annotations

from typing import Any

import pytest

from wasmcp.client.texts import json_object, prompt_arguments, signature, tool_arguments
from wasmcp.errors import ArgumentsError

SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "flag": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "numbers": {"type": "array", "items": {"type": "integer"}},
        "deep": {"type": "object"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "color": {"$ref": "#/$defs/Color"},
        "level": {"anyOf": [{"enum": [1, 2]}, {"type": "null"}]},
        "either": {"type": ["integer", "string"]},
        "any": {},
    },
    "required": ["text"],
    "additionalProperties": False,
    "$defs": {"Color": {"enum": ["red", "green"]}},
}


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("text=5", "5"),
        ("text=", ""),
        ("text=a=b", "a=b"),
        ('text="quoted"', '"quoted"'),
        ("count=5", 5),
        ("count=-5", -5),
        ("ratio=2", 2),
        ("ratio=2.5", 2.5),
        ("flag=true", True),
        ("tags=one", ["one"]),
        ('tags=["a","b"]', ["a", "b"]),
        ("numbers=1", [1]),
        ('deep={"a": [1]}', {"a": [1]}),
        ("note=null", None),
        ('note="null"', "null"),
        ("note=hello", "hello"),
        ("color=red", "red"),
        ("level=2", 2),
        ("level=null", None),
        ("either=5", 5),
        ('either="5"', "5"),
        ("either=five", "five"),
        ("any=true", True),
        ("any=plain", "plain"),
    ],
)
def test_value_has_the_type_of_the_schema(given: str, value: Any) -> None:
    name = given.partition("=")[0]
    found = tool_arguments([given], {}, SCHEMA)[name]
    assert found == value
    assert type(found) is type(value)


def test_repeated_name_of_an_array_is_an_array() -> None:
    assert tool_arguments(["numbers=1", "numbers=2"], {}, SCHEMA) == {"numbers": [1, 2]}


def test_names_take_precedence_over_the_json_object() -> None:
    assert tool_arguments(["count=1"], {"count": 2, "text": "a"}, SCHEMA) == {"count": 1, "text": "a"}


def test_all_mistakes_are_reported_at_once() -> None:
    given = ["plain", "other=1", "count=1.5", "flag=yes", "color=blue", "text=a", "text=b", "ratio=NaN", "deep=["]
    with pytest.raises(ArgumentsError) as caught:
        tool_arguments(given, {}, SCHEMA)
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 8
    assert "`plain` must be NAME=VALUE" in problems
    assert "`other` is not an argument of the tool: it has `text`, `count`" in problems
    assert "`count` must be an integer, not `1.5`" in problems
    assert "`flag` must be a boolean, not `yes`" in problems
    assert '`color` must be "red" | "green", not `blue`' in problems
    assert "`text` is given 2 times" in problems
    assert "`ratio` must be a number, not `NaN`" in problems


@pytest.mark.parametrize("schema", [None, {}, True, {"type": "object"}, {"$ref": "#/$defs/x"}, {"properties": []}])
def test_unknown_schema_accepts_json_and_texts(schema: Any) -> None:
    given = ["a=1", "b=text", "c=[1]"]
    assert tool_arguments(given, {}, schema) == {"a": 1, "b": "text", "c": [1]}


def test_reference_cycle_in_a_schema_ends() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}}
    assert tool_arguments(["a=1"], {}, schema) == {"a": 1}


def test_schema_that_grows_exponentially_is_read_once() -> None:
    definitions = {f"L{level}": {"anyOf": [{"$ref": f"#/$defs/L{level + 1}"}] * 10} for level in range(15)}
    schema = {"properties": {"a": {"$ref": "#/$defs/L0"}}, "$defs": {**definitions, "L15": {"type": "integer"}}}
    assert tool_arguments(["a=1"], {}, schema) == {"a": 1}


@pytest.mark.parametrize("text", ["[1]", "1", "{", "NaN", '{"a": NaN}', "[" * 100_000])
def test_json_arguments_must_be_an_object(text: str) -> None:
    with pytest.raises(ArgumentsError):
        json_object(text)


def test_arguments_of_prompts_are_texts() -> None:
    assert prompt_arguments(["a=1", "b=true"], {"c": "x"}) == {"a": "1", "b": "true", "c": "x"}
    with pytest.raises(ArgumentsError, match="`a` is given 2 times"):
        prompt_arguments(["a=1", "a=2"], {})


def test_signature_shows_types_and_optional_parameters() -> None:
    shown = signature(SCHEMA)
    assert shown.startswith("text: string, count?: integer, ratio?: number, flag?: boolean, tags?: array of string")
    assert 'color?: "red" | "green"' in shown
    assert "any?: any" in shown
