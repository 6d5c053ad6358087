"""Tools in Zig: schemas, arguments, results and failures, through the component that their author gets."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.python_component import GuestComponent
from support.zig_tools import build, call, result_is_error, structured, text_of, unwrapped, unwrapped_outcome
from wasmtime import WasmtimeError


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> GuestComponent:
    return GuestComponent(build(tmp_path_factory.mktemp("zig-tools")))


@pytest.fixture(scope="module")
def listed(guest: GuestComponent) -> dict[str, Any]:
    page = unwrapped(guest.list_tools())
    return {tool.name: tool for tool in page.items}


def test_list_has_the_declarations(listed: dict[str, Any]) -> None:
    assert list(listed)[:3] == ["types", "nothing", "greet"]
    greet = listed["greet"]
    assert (greet.description, greet.title, greet.meta) == (
        "Greet.",
        "Greeting",
        '{"wasmcp/tags":["words","hello"],"a":1}',
    )
    assert getattr(greet.annotations, "read-only") is True
    assert greet.annotations.idempotent is False
    assert greet.annotations.destructive is None
    assert listed["nothing"].description is None


def test_schemas(listed: dict[str, Any]) -> None:
    for tool in listed.values():
        for schema in (getattr(tool, "input-schema"), getattr(tool, "output-schema")):
            if schema is not None:
                jsonschema.Draft202012Validator.check_schema(json.loads(schema))
                assert json.loads(schema)["type"] == "object"
    everything = json.loads(getattr(listed["types"], "input-schema"))
    assert everything["required"] == ["small", "large", "exact", "text"]
    assert everything["additionalProperties"] is False
    inner = {
        "type": "object",
        "properties": {
            "x": {"type": "integer", "minimum": -128, "maximum": 127, "description": 'How "far"'},
            "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        "required": ["x"],
        "additionalProperties": False,
    }
    assert everything["properties"] == {
        "flag": {"type": "boolean", "default": True},
        "small": {"type": "integer", "minimum": 0, "maximum": 255},
        "large": {"type": "integer"},
        "huge": {"type": "integer", "minimum": 0, "default": 7},
        "ratio": {"type": "number", "default": 0.5},
        "exact": {"type": "number"},
        "text": {"type": "string"},
        "colour": {"type": "string", "enum": ["red", "dark blue"], "default": "red"},
        "maybe": {"anyOf": [inner, {"type": "null"}]},
        "pair": {
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": 65535},
            "minItems": 2,
            "maxItems": 2,
        },
        "list": {"type": "array", "items": inner, "default": []},
        "any": {"default": None},
    }
    assert getattr(listed["nothing"], "output-schema") is None
    assert json.loads(getattr(listed["half"], "output-schema"))["properties"] == {"result": {"type": "number"}}
    assert json.loads(getattr(listed["point"], "output-schema"))["required"] == ["x"]


FULL = {
    "flag": False,
    "small": 255,
    "large": -(2**63),
    "huge": 2**64 - 1,
    "ratio": 0.25,
    "exact": 1e300,
    "text": 'é"\\\n\u0001𝄞',
    "colour": "dark blue",
    "maybe": {"x": -128, "tags": ["a", ""]},
    "pair": [0, 65535],
    "list": [{"x": 1, "tags": []}],
    "any": {"b": [1, 2.5, None]},
}


def test_arguments_and_results_of_every_type(guest: GuestComponent) -> None:
    assert structured(call(guest, "types", FULL)) == FULL
    least = structured(call(guest, "types", {"small": 1, "large": 2, "exact": 3, "text": ""}))
    defaults = {"flag": True, "huge": 7, "ratio": 0.5, "colour": "red", "maybe": None, "pair": [1, 2], "list": []}
    assert least == {"small": 1, "large": 2, "exact": 3, "text": "", "any": None, **defaults}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-300, 70_000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FULL, "x", "tags"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(change=st.dictionaries(st.sampled_from([*FULL, "other"]), JSON | st.sampled_from(list(FULL.values()))))
@example(change={"small": 1.0})
@example(change={"small": 1.5})
@example(change={"small": 256})
@example(change={"pair": [1, 2, 3]})
@example(change={"large": 2**64 - 1})
@example(change={"large": 2**63 - 1})
@example(change={"huge": 2**64})
def test_arguments_are_accepted_exactly_if_the_schema_accepts_them(
    guest: GuestComponent, listed: dict[str, Any], change: dict[str, Any]
) -> None:
    arguments = {**FULL, **change}
    schema = json.loads(getattr(listed["types"], "input-schema"))
    valid = jsonschema.Draft202012Validator(schema).is_valid(arguments)
    # What no f32 and no i64 can hold is refused although JSON Schema has no word for it.
    numbers = isinstance(arguments["ratio"], (int, float)) and abs(arguments["ratio"]) > 3.4e38
    integers = any(isinstance(arguments[n], float) and abs(arguments[n]) > 2**53 for n in ("large", "huge"))
    ranges = {"large": (-(2**63), 2**63), "huge": (0, 2**64)}
    integers |= any(
        isinstance(arguments[name], int) and not low <= arguments[name] < end for name, (low, end) in ranges.items()
    )
    result = call(guest, "types", arguments)
    assert result_is_error(result) == (not valid or numbers or integers)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text('{}[]":,\\u0123456789eE+-.truefalsn "small' + "\x00é", max_size=40))
@example(text='{"small":1,"large":2,"exact":3,"text":"\\ud800"}')
@example(text='{"any":' + "[" * 100_000)
@example(text='{"any":' + "[" * 1000 + "]" * 1000 + "}")
@example(text="")
@example(text='{"small":1e999999999999}')
@example(text='{"small":' + "9" * 100_000 + "}")
def test_arbitrary_text_causes_no_trap(guest: GuestComponent, text: str) -> None:
    assert result_is_error(call(guest, "types", text))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"small": 1, "large": 2, "exact": "3", "text": ""}, "exact: expected number, got string"),
        ({"small": 256, "large": 2}, "small: expected at most 255, got 256"),
        ({"small": 1.5}, "small: expected integer, got 1.5"),
        ({"small": -1}, "small: expected at least 0, got -1"),
        ({"small": True}, "small: expected integer, got boolean"),
        ({"colour": "green"}, 'colour: expected one of "red", "dark blue", got "green"'),
        ({"list": [{"x": 1}, {"x": None}]}, "list[1].x: expected integer, got null"),
        ({"maybe": {}}, "maybe.x: required, but missing"),
        ({"maybe": {"x": 1, "tags": ["", 2]}}, "maybe.tags[1]: expected string, got integer"),
        ({"smal": 1}, "smal: unexpected; expected only flag, small"),
        ({"pair": [1]}, "pair: expected an array of 2, got one of 1"),
        ({"ratio": 1e200}, "ratio: expected a number that f32 can hold, got 1e+200"),
        ({}, "small: required, but missing; large: required, but missing; exact: required"),
        (
            {"small": [1, {"a": 2}], "list": [{"x": "a"}, 5, {"tags": [1]}], "pair": [0, "b"], "more": {}, "text": 1},
            (
                "small: expected integer, got array; list[0].x: expected integer, got string; list[1]: expected object,"
                " got integer; list[2].tags[0]: expected string, got integer; list[2].x: required, but missing; "
                "pair[1]: expected integer, got string; more: unexpected; expected only "
            ),
        ),
        ("[1]", "expected object, got array"),
        ("{", "not valid JSON"),
        ('{"small": 1, "large": 2, "exact": 3, "text": ""} {}', "not valid JSON"),
    ],
)
def test_invalid_argument_is_named(guest: GuestComponent, arguments: Any, message: str) -> None:
    result = call(guest, "types", arguments)
    assert result_is_error(result)
    assert text_of(result).startswith(f"Invalid arguments for tool types: {message}")


def test_wrong_arguments_are_named_up_to_a_bound(guest: GuestComponent) -> None:
    words = text_of(call(guest, "types", {"x" * 1000 + str(number): number for number in range(10_000)}))
    assert words.count(": unexpected") == 20
    assert words.endswith("; and more")
    assert len(words) < 5000


def test_call_without_arguments(guest: GuestComponent) -> None:
    result = call(guest, "nothing", None)
    assert not result_is_error(result)
    assert result.content == []
    assert text_of(call(guest, "half", None)) == "Invalid arguments for tool half: whole: required, but missing"


def test_results(guest: GuestComponent) -> None:
    greeting = call(guest, "greet", {"name": "é"})
    assert text_of(greeting) == "Hello, é!"
    assert structured(greeting) == {"result": "Hello, é!"}
    assert structured(call(guest, "point", {})) == {"x": -1, "y": None}
    assert structured(call(guest, "maybe", {"give": True})) == {"result": [1, 2]}
    assert structured(call(guest, "maybe", {"give": False})) == {"result": None}
    assert getattr(call(guest, "raw", '{"value": {"a" :1.10}}'), "structured-content") == '{"result":{"a" :1.10}}'
    assert structured(call(guest, "bytes")) == {"result": "a\ufffdb\ufffd\ufffd"}
    (image,) = call(guest, "content", {}).content
    assert (image.tag, image.payload.data) == ("image", b"\x00\xff")
    assert unwrapped_outcome(guest.call_tool("ask")).tag == "input-required"
    assert unwrapped_outcome(guest.call_tool("unknown", "{}")) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [("3", "3"), ("-0.0", "0"), ("1e18", "1000000000000000000"), ("0.1", "0.1"), ("1e20", "1e20"), ("1e-7", "1e-7")],
)
def test_numbers_are_written_in_plain_notation(guest: GuestComponent, given: str, expected: str) -> None:
    assert text_of(call(guest, "number", {"text": given})) == expected


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_digit(guest: GuestComponent, value: float) -> None:
    assert structured(call(guest, "number", {"text": repr(value)}))["result"] == value


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_cannot_hold(guest: GuestComponent, value: float) -> None:
    result = call(guest, "number", {"text": repr(value)})
    assert result_is_error(result)
    assert "infinite or not a number" in text_of(result)


def test_failures(guest: GuestComponent) -> None:
    assert text_of(call(guest, "fails", {"why": "not"})) == "because not"
    assert text_of(call(guest, "raises")) == "NoSuchThing"
    assert result_is_error(call(guest, "raises"))
    assert text_of(call(guest, "number", {"text": "x"})) == "InvalidCharacter"


def test_context(guest: GuestComponent) -> None:
    guest.events.clear()
    assert structured(call(guest, "watch")) == {"result": False}
    assert guest.events == [
        ("progress", 1.0, 2.0, "half"),
        ("log", "warning", None, '"3 \\"left\\""'),
        ("log", "info", None, '"\\"some-id\\""'),
    ]


CHECKED = """\
const mcp = @import("wasmcp");
pub const tools = .{ mcp.tool("sum", "", sum), mcp.tool("item", "", item) };
fn sum(args: struct { a: u8, b: u8 }) u8 {
    return args.a + args.b;
}
fn item(args: struct { text: []const u8, index: usize }) u8 {
    return args.text[args.index];
}
"""


@pytest.mark.parametrize(("name", "arguments"), [("sum", {"a": 200, "b": 56}), ("item", {"text": "a", "index": 9999})])
def test_failed_safety_checks_trap(tmp_path: Path, name: str, arguments: dict[str, Any]) -> None:
    guest = GuestComponent(build(tmp_path, CHECKED))
    assert structured(call(guest, "sum", {"a": 200, "b": 55})) == {"result": 255}
    with pytest.raises(WasmtimeError):
        call(guest, name, arguments)


def test_memory_is_freed_after_a_call(guest: GuestComponent) -> None:
    def pages() -> int:
        return int(structured(call(guest, "grow", {"count": 1_000_000}))["result"])

    before = pages()
    for _ in range(200):
        assert pages() == before
    assert text_of(call(guest, "grow", {"count": 2**32 - 1})) == "OutOfMemory"
    assert pages() == before
