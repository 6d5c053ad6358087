"""JSON inside strings: decoded only if the type requires it, and only if it is valid JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.type_matrix import Cat, Dog, Level, Tree

from wasmcp.guest import Field, tool
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.declarations.rules import ToolOptions
from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.annotations import Resolver
from wasmcp.guest.json_types.conversions import coerced
from wasmcp.guest.testing import LocalContext


@dataclass
class Point:
    x: float
    y: float = 0.0


READ = [
    (int, "5", 5),
    (int, "-5", -5),
    (int, "5.0", 5),
    (float, "1.5e2", 150.0),
    (bool, "true", True),
    (bool, "false", False),
    (int | None, "null", None),
    (int | None, "7", 7),
    (list[str], '["a", "b"]', ["a", "b"]),
    (list[int], '["1", 2]', [1, 2]),
    (list[int], ["1", "2"], [1, 2]),
    (set[int], "[1]", {1}),
    (tuple[int, bool], ["1", "true"], (1, True)),
    (dict[str, int], '{"a": "1"}', {"a": 1}),
    (Point, '{"x": "1", "y": 2}', Point(1.0, 2.0)),
    (list[Point], ['{"x": 1}'], [Point(1.0)]),
    (Tree, {"value": "1", "children": '[{"value": "2"}]'}, Tree(1, [Tree(2)])),
    (Level, "2", Level.HIGH),
    (Literal[1, 2], "2", 2),
    (Annotated[int, Field(ge=0)], "3", 3),
    (Annotated[list[int], Field(min_length=1)], "[3]", [3]),
    (int | list[int], "[1]", [1]),
    (Cat | Dog, '{"kind": "cat", "lives": 9}', Cat("cat", 9)),
    (Point | None, '{"x": "1"}', Point(1.0)),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), READ, ids=lambda item: str(item)[:40])
def test_json_in_strings_is_decoded_for_other_types(annotation, value, expected):
    json_type = Resolver(globals()).json_type(annotation)
    with pytest.raises(MismatchError):
        json_type.load(value)
    assert json_type.load(coerced(json_type, value)) == expected


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, "5"),
        (str | int, "5"),
        (str | list[str], '["a"]'),
        (Literal["1", "2"], "1"),
        (list[str], ["1", '["a"]']),
        (dict[str, str], {"a": "{}"}),
        (Any, "5"),
        (dict[str, Any], {"a": "5"}),
    ],
)
def test_string_types_keep_strings(annotation, value):
    json_type = Resolver().json_type(annotation)
    assert coerced(json_type, value) == value
    assert json_type.load(coerced(json_type, value)) == value


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        *((int, text) for text in ("5 ", " 5", "1_000", "+5", "05", "0x5", "five", "", "5.5", "NaN", "1" + "0" * 5000)),
        *((bool, text) for text in ("True", "1", "yes", "TRUE")),
        *((list[int], text) for text in ("1, 2", "[1, 2", "(1, 2)", "['1']", "null", "[" * 5000)),
        *((Point, text) for text in ('{"x": 1', '{"z": 1}', "{'x': 1}", "[1]")),
        (int | None, "None"),
        (float, "NaN"),
        (list[int], "[NaN]"),
    ],
)
def test_invalid_json_in_strings_is_refused(annotation, value):
    json_type = Resolver().json_type(annotation)
    with pytest.raises(MismatchError):
        json_type.load(coerced(json_type, value))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('15ax[]{}":, '), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "value", "kind"]), inner),
    max_leaves=6,
)


@given(st.sampled_from([int, list[int], Point, Tree, Cat | Dog | None, dict[str, Point], tuple[int, bool]]), _VALUES)
def test_fitting_values_are_unchanged(annotation, value):
    json_type = Resolver(globals()).json_type(annotation)
    before = json.dumps(value)
    try:
        loaded = json_type.load(value)
    except MismatchError:
        coerced(json_type, value)
    else:
        assert json_type.load(coerced(json_type, value)) == loaded
    assert json.dumps(value) == before


def call(function, arguments):
    return tool_of(function).call(json.dumps(arguments), LocalContext())


ARGUMENTS = {"count": "5", "items": '["1"]', "name": "7"}


def test_tools_are_strict_by_default():
    @tool
    def f(count: int, items: list[int], name: str) -> str: ...

    assert "count: expected integer, got string; items: expected array" in call(f, ARGUMENTS).content[0].text


def test_tool_with_coerce():
    @tool(coerce=True)
    def f(count: int, items: list[int], name: str) -> str:
        return repr((count, items, name))

    assert call(f, ARGUMENTS).content[0].text == "(5, [1], '7')"
    assert tool_of(f).input_schema["properties"]["count"] == {"type": "integer"}
    wrong = call(f, {"count": "5", "items": '["x"]', "more": 1}).content[0].text
    assert wrong.startswith("Invalid arguments for tool f: items[0]: expected integer, got string; more: unexpected")


def test_component_option_is_the_default(monkeypatch):
    monkeypatch.setattr(ToolOptions, "coerce", True)

    @tool
    def f(count: int) -> int:
        return count

    @tool(coerce=False)
    def g(count: int) -> int:
        return count

    assert call(f, {"count": "5"}).structured == '{"result":5}'
    assert call(g, {"count": "5"}).is_error
