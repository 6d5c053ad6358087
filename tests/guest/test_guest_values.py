"""Conversion of annotated types: the JSON Schema and the checks accept the same values."""

from __future__ import annotations

import enum
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field, make_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.type_matrix import Cat, Color, Dog, Level, Page, Pair, Permission, Tree
from typing_extensions import ReadOnly

from wasmcp.guest.declarations.signature import Signature
from wasmcp.guest.errors import MismatchError, UnsupportedTypeError
from wasmcp.guest.json_types.annotated import Field
from wasmcp.guest.json_types.annotations import Resolver
from wasmcp.guest.json_types.base import Definitions
from wasmcp.guest.json_types.conversions import dump_any

T = TypeVar("T")


@dataclass(frozen=True)
class Point:
    """A place.

    Attributes:
        x: To the right.
        y: Upwards.
    """

    x: float
    y: float = 0.0


class Options(TypedDict, total=False):
    verbose: bool
    level: Level


@dataclass
class Node(Generic[T]):
    value: T
    children: list[Node[T]] = field(default_factory=list)


Scalar = TypeVar("Scalar", int, str)


class Base(TypedDict):
    x: int


class Labels(Base, total=False):
    y: Required[str]
    left: NotRequired[ReadOnly[int]]


UserId = NewType("UserId", int)

ANNOTATIONS: list[Any] = [
    str,
    int,
    float,
    bool,
    None,
    Any,
    object,
    list[int],
    list,
    tuple[int, ...],
    tuple[int, str],
    tuple[()],
    set[str],
    frozenset[int],
    Sequence[str],
    dict[str, int],
    Mapping[str, list[float]],
    dict[Color, int],
    dict,
    Optional[int],  # noqa: UP045 - both spellings are annotations
    int | None,
    Union[str, int, None],  # noqa: UP007
    int | float | list[str],
    Literal["a", "b"],
    Literal["a", 1, None],  # noqa: PYI061
    Color,
    Level,
    Point,
    Tree,
    Options,
    Pair,
    Page[int],
    Page[Point],
    Cat | Dog,
    UserId,
    Annotated[int, Field(ge=0, lt=10)],
    Annotated[int, Field(multiple_of=3)],
    Annotated[float, Field(gt=0, le=1)],
    Annotated[str, Field(min_length=1, max_length=3)],
    Annotated[str, Field(pattern="^a+$")],
    Annotated[list[int], Field(min_length=1, max_length=2)],
    Annotated[dict[str, int], Field(max_length=1)],
    Annotated[int | None, Field(ge=3)],
    set[Point],
    list[Color | int],
    Permission,
    dict[int, int],
    dict[Literal["x", "y"], Permission],
    Literal[Color.RED, 1],
    Options | Pair,
    list[T],
    Node[int],
    tuple[Node[int], Node[str]],
    Cat | Dog | None,
    Labels,
    list[list[Scalar]],
]

_keys = st.sampled_from(
    ["x", "y", "value", "children", "items", "more", "kind", "lives", "verbose", "left", "red", "q"]
)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 12)
    | st.sampled_from([0.0, 1.0, 1.5, -2.0, 1e300])
    | st.sampled_from(["", "a", "aa", "abcd", "red", "blue", "cat", "dog", "b"])
)
JSON = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3), max_leaves=8
)


def schema_of(annotation: Any, *, output: bool = False) -> tuple[Any, dict[str, Any]]:
    json_type = Resolver(globals()).json_type(annotation)
    definitions = Definitions([json_type], output=output)
    return json_type, definitions.finish(json_type.schema(definitions))


@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=str)
def test_schemas_are_valid(annotation):
    for output in (False, True):
        jsonschema.Draft202012Validator.check_schema(schema_of(annotation, output=output)[1])


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(ANNOTATIONS), JSON)
def test_schema_and_conversion_accept_the_same_values(annotation, value):
    json_type, schema = schema_of(annotation)
    allowed = jsonschema.Draft202012Validator(schema).is_valid(value)
    try:
        json_type.load(value)
    except MismatchError:
        accepted = False
    else:
        accepted = True
    assert accepted == allowed


@settings(max_examples=800, deadline=None)
@given(st.sampled_from(ANNOTATIONS), JSON)
def test_accepted_values_can_be_returned(annotation, value):
    json_type, _ = schema_of(annotation)
    try:
        loaded = json_type.load(value)
    except MismatchError:
        return
    dumped = json_type.dump(loaded)
    jsonschema.validate(dumped, schema_of(annotation, output=True)[1])
    assert json_type.load(json.loads(json.dumps(dumped))) == loaded


CONVERSIONS = [
    (int, 1.0, 1),
    (float, 1, 1.0),
    (int | float, 1, 1),
    (int | float, 1.0, 1.0),
    (float | int, 1, 1),
    (set[int], [2, 1], {1, 2}),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[int, ...], [1, 2], (1, 2)),
    (Color, "red", Color.RED),
    (Level, 2, Level.HIGH),
    (Level, 2.0, Level.HIGH),
    (dict[Color, int], {"red": 1}, {Color.RED: 1}),
    (Point, {"x": 1}, Point(1.0)),
    (Tree, {"value": 1, "children": [{"value": 2}]}, Tree(1, [Tree(2)])),
    (Pair, {"left": 1}, Pair(1)),
    (Page[Point], {"items": [{"x": 1}]}, Page([Point(1.0)])),
    (Cat | Dog, {"kind": "dog", "tricks": []}, Dog("dog", [])),
    (date, "2026-11-22", date(2026, 11, 22)),
    (datetime, "2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
    (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
    (Decimal, "1.10", Decimal("1.10")),
    (bytes, "AAEC", b"\x00\x01\x02"),
    (list[Any], [1, {"a": None}], [1, {"a": None}]),
    (timedelta, "PT1H30M", timedelta(hours=1, minutes=30)),
    (timedelta, "-P1DT0.5S", -timedelta(days=1, milliseconds=500)),
    (timedelta, "P2W", timedelta(weeks=2)),
    (time, "10:30:00", time(10, 30)),
    (IPv4Address, "127.0.0.1", IPv4Address("127.0.0.1")),
    (IPv6Address, "::1", IPv6Address("::1")),
    (Permission, ["WRITE", "READ"], Permission.READ | Permission.WRITE),
    (Permission, [], Permission(0)),
    (dict[int, str], {"-3": "a"}, {-3: "a"}),
    (dict[date, int], {"2026-11-22": 1}, {date(2026, 11, 22): 1}),
    (Literal[Color.RED, 1], "red", Color.RED),
    (Node[date], {"value": "2026-11-22"}, Node(date(2026, 11, 22))),
    (
        tuple[Node[int], Node[date]],
        [{"value": 1, "children": [{"value": 2}]}, {"value": "2026-11-22", "children": []}],
        (Node(1, [Node(2)]), Node(date(2026, 11, 22))),
    ),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), CONVERSIONS, ids=lambda item: str(item)[:40])
def test_values_are_dumped(annotation, value, expected):
    json_type = schema_of(annotation)[0]
    assert json_type.load(json_type.dump(expected)) == expected


@given(st.timedeltas())
def test_durations(value):
    json_type = schema_of(timedelta)[0]
    assert json_type.load(json_type.dump(value)) == value


@pytest.mark.parametrize(("annotation", "value", "expected"), CONVERSIONS, ids=lambda item: str(item)[:40])
def test_values_are_converted(annotation, value, expected):
    loaded = schema_of(annotation)[0].load(value)
    assert loaded == expected
    assert type(loaded) is type(expected)


MISTAKES = [
    (int, "1", "expected integer, got string"),
    (int, 1.5, "expected integer, got 1.5"),
    (int, True, "expected integer, got boolean"),
    (float, 10**400, "expected number, got an integer that is too large"),
    (str, None, "expected string, got null"),
    (list[int], [1, "x"], "[1]: expected integer, got string"),
    (list[list[int]], [[1], [2, {}]], "[1][1]: expected integer, got object"),
    (set[str], ["a", "a"], "expected no item twice"),
    (tuple[int, str], [1], "expected an array of 2, got one of 1"),
    (dict[str, int], {"a b": "x"}, '["a b"]: expected integer, got string'),
    (Color, "green", 'expected one of "red", "blue", got "green"'),
    (Literal["a", 1], True, 'expected one of "a", 1, got true'),
    (Point, {"x": 1, "z": 1}, "z: unexpected; expected only x, y"),
    (Point, {}, "x: required, but missing"),
    (Tree, {"value": 1, "children": [{"value": "2"}]}, "children[0].value: expected integer, got string"),
    (Cat | Dog, {"kind": "cat", "lives": "nine"}, "lives: expected integer, got string"),
    (
        Cat | Dog,
        {"kind": "dog", "lives": 1},
        "lives: unexpected; expected only kind, tricks; tricks: required, but missing",
    ),
    (Cat | Dog, {"kind": "cow"}, 'kind: expected one of "cat", "dog", got "cow"'),
    (Permission, ["READ", "X"], '[1]: expected one of "READ", "WRITE", got "X"'),
    (Permission, ["READ", "READ"], "expected no item twice"),
    (dict[int, int], {"01": 1}, '["01"]: expected an integer as a string, got "01"'),
    (timedelta, "P", 'expected an ISO 8601 duration, got "P"'),
    (timedelta, "PT", 'expected an ISO 8601 duration, got "PT"'),
    (int | str, [], "expected integer or string, got array"),
    (int | None, "x", "expected integer or null, got string"),
    (date, "yesterday", 'expected an RFC 3339 date, got "yesterday"'),
    (Decimal, "NaN", 'expected a decimal number as a string, got "NaN"'),
    (Annotated[int, Field(ge=0)], -1, "expected at least 0, got -1"),
    (Annotated[float, Field(lt=1)], 1, "expected less than 1, got 1"),
    (Annotated[str, Field(max_length=2)], "abc", "expected at most 2 characters, got 3"),
    (Annotated[list[int], Field(min_length=1)], [], "expected at least 1 items, got 0"),
    (Annotated[str, Field(pattern="^a")], "b", 'expected a match of "^a", got "b"'),
]


@pytest.mark.parametrize(("annotation", "value", "message"), MISTAKES, ids=lambda item: str(item)[:40])
def test_mistakes_are_reported_with_path_and_expectation(annotation, value, message):
    with pytest.raises(MismatchError) as caught:
        schema_of(annotation)[0].load(value)
    assert str(caught.value) == message


ALL_MISTAKES = [
    (list[int], ["a", 1, None], ["[0]: expected integer, got string", "[2]: expected integer, got null"]),
    (tuple[int, str], ["a", 1], ["[0]: expected integer, got string", "[1]: expected string, got integer"]),
    (
        dict[str, int],
        {"a": 1, "b": "x", "c d": []},
        ["b: expected integer, got string", '["c d"]: expected integer, got array'],
    ),
    (
        dict[Color, int],
        {"green": 1, "red": "x"},
        ['green: expected one of "red", "blue", got "green"', "red: expected integer, got string"],
    ),
    (
        list[Point],
        [{"x": "a", "y": []}, {"z": 1}],
        [
            "[0].x: expected number, got string",
            "[0].y: expected number, got array",
            "[1].z: unexpected; expected only x, y",
            "[1].x: required, but missing",
        ],
    ),
    (
        Tree,
        {"value": "a", "children": [{"value": 1, "children": [{"value": None}]}, {"value": []}]},
        [
            "value: expected integer, got string",
            "children[0].children[0].value: expected integer, got null",
            "children[1].value: expected integer, got array",
        ],
    ),
    (
        Point,
        {"a": 1, "b": 2, "x": None},
        ["a: unexpected; expected only x, y", "b: unexpected", "x: expected number, got null"],
    ),
    (
        Cat | Dog,
        {"kind": "dog", "tricks": [1, "a", 2]},
        ["tricks[0]: expected string, got integer", "tricks[2]: expected string, got integer"],
    ),
    (
        Permission,
        ["X", "READ", "Y"],
        ['[0]: expected one of "READ", "WRITE", got "X"', '[2]: expected one of "READ", "WRITE", got "Y"'],
    ),
    (
        Page[Point],
        {"items": [{"x": ""}, {"x": 1}, {}], "more": 1},
        [
            "items[0].x: expected number, got string",
            "items[2].x: required, but missing",
            "more: expected boolean, got integer",
        ],
    ),
    (
        list[Annotated[int, Field(ge=0)]],
        [-1, 1, -2],
        ["[0]: expected at least 0, got -1", "[2]: expected at least 0, got -2"],
    ),
]


@pytest.mark.parametrize(("annotation", "value", "messages"), ALL_MISTAKES, ids=lambda item: str(item)[:40])
def test_all_mistakes_of_a_value_are_reported(annotation, value, messages):
    with pytest.raises(MismatchError) as caught:
        schema_of(annotation)[0].load(value)
    assert str(caught.value) == "; ".join(messages)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (list[int], ["x"] * 300_000),
        (dict[str, int], {f"k{number}": "x" for number in range(300_000)}),
        (Point, {f"k{number}": 1 for number in range(300_000)}),
        (list[Point], [{}] * 100_000),
        (Permission, ["x"] * 300_000),
        (Point, {"k" * 300_000: 1, "x": "v" * 300_000}),
        (list[Literal["a", "b"]], ["x" * 300_000] * 30),
    ],
    ids=lambda item: str(item)[:40],
)
def test_reported_mistakes_are_limited(annotation, value):
    with pytest.raises(MismatchError) as caught:
        schema_of(annotation)[0].load(value)
    message = str(caught.value)
    assert len(message) < 4000
    assert len(caught.value.problems) <= 20
    assert message.endswith("; and more") == (len(value) > 2)


@dataclass
class Left:
    child: Left | Right | None
    n: int


@dataclass
class Right:
    child: Left | Right | None
    n: int
    m: int = 0


@pytest.mark.parametrize("fits", [True, False])
def test_recursive_union_tries_each_object_once(fits):
    # Otherwise each level would double the attempts of the level below it: 2 to the power of 200.
    value: dict[str, Any] = {"child": None, "n": 1 if fits else "x", "m": 1}
    for _ in range(100):
        value = {"child": value, "n": 1, "m": 1}
    json_type = schema_of(Left | Right)[0]
    if fits:
        loaded = json_type.load(value)
        assert isinstance(loaded.child.child, Right)
        assert json_type.dump(loaded) == value
    else:
        with pytest.raises(MismatchError, match=r"\.child\.n: expected integer, got string"):
            json_type.load(value)


def test_long_path_is_truncated():
    value: dict[str, Any] = {"value": "x"}
    for _ in range(100):
        value = {"value": 1, "children": [value]}
    with pytest.raises(MismatchError) as caught:
        schema_of(Tree)[0].load(value)
    assert len(str(caught.value)) < 300
    assert str(caught.value).endswith("children[0].value: expected integer, got string")


def test_all_mistakes_of_a_result_are_reported():
    with pytest.raises(MismatchError, match=r"^x: expected number, got string; y: expected number, got null$"):
        schema_of(Point)[0].dump(Point("a", None))
    with pytest.raises(
        MismatchError, match=r"^\[0\]: expected integer, got string; \[2\]: expected integer, got null$"
    ):
        schema_of(list[int])[0].dump(["a", 1, None])
    with pytest.raises(MismatchError, match=r"`verbose`; level: expected one of"):
        schema_of(Strict)[0].dump({"level": 7})


class Strict(TypedDict):
    verbose: bool
    level: Level


@dataclass
class Unhashable:
    x: int


class Strange(enum.Enum):
    A = (1, 2)


UNSUPPORTED = [
    (complex, "`complex` has no JSON Schema"),
    (dict[float, str], "the keys of a JSON object are strings"),
    (set[Unhashable], "a set cannot contain a `Unhashable`"),
    (Literal[b"x"], "only strings, integers, booleans and None"),
    (Literal[Color.RED, "red"], "two of them are the same value in JSON"),
    (Strange, "`Strange.A` is (1, 2)"),
    (type, "`type` has no JSON Schema"),
    (Annotated[str, Field(ge=1)], "`Field(ge=...)` does not apply to `str`"),
    (Annotated[str, Field(pattern="(")], "`Field(pattern=...)` with `(`: `(` has no `)`"),
    (list[complex], "`complex` has no JSON Schema"),
    ("a string", "has no JSON Schema"),
]


@pytest.mark.parametrize(("annotation", "message"), UNSUPPORTED, ids=lambda item: str(item)[:40])
def test_unsupported_annotations_are_refused_with_the_reason(annotation, message):
    with pytest.raises(UnsupportedTypeError) as caught:
        schema_of(annotation)
    assert message in str(caught.value)


class TestSchemas:
    def test_dataclass(self):
        assert schema_of(Point)[1] == {
            "type": "object",
            "description": "A place.",
            "properties": {
                "x": {"type": "number", "description": "To the right."},
                "y": {"type": "number", "description": "Upwards.", "default": 0.0},
            },
            "required": ["x"],
            "additionalProperties": False,
        }

    def test_output_schema_is_complete_and_open(self):
        schema = schema_of(Point, output=True)[1]
        assert schema["required"] == ["x", "y"]
        assert "additionalProperties" not in schema

    def test_type_used_twice_is_written_once(self):
        @dataclass
        class Line:
            start: Point
            end: Point

        json_type = Resolver({"Point": Point}).json_type(Line)
        definitions = Definitions([json_type])
        schema = definitions.finish(json_type.schema(definitions))
        assert schema["properties"]["start"] == {"$ref": "#/$defs/Point"}
        assert list(schema["$defs"]) == ["Point"]

    def test_type_used_once_is_written_in_place(self):
        assert "$defs" not in schema_of(list[Point])[1]

    def test_recursive_type_refers_to_itself(self):
        schema = schema_of(Tree)[1]
        assert schema["$ref"] == "#/$defs/Tree"
        assert schema["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}

    def test_types_of_the_same_name_have_separate_definitions(self):
        def make():
            @dataclass
            class Item:
                n: int

            return Item

        resolver = Resolver()
        json_types = [resolver.json_type(cls) for cls in (make(), make()) for _ in range(2)]
        definitions = Definitions(json_types)
        assert [json_type.schema(definitions)["$ref"] for json_type in json_types] == ["#/$defs/Item"] * 2 + [
            "#/$defs/Item2"
        ] * 2

    def test_a_class_of_another_module_has_the_names_of_that_module(self):
        json_type = Resolver({"T": str, "Tree": str, "Literal": str}).json_type(Page[Cat])
        assert json_type.load({"items": [{"kind": "cat", "lives": 7}]}) == Page([Cat("cat", 7)])

    def test_scalar_unions_are_a_list_of_types(self):
        assert schema_of(int | None)[1] == {"type": ["integer", "null"]}

    def test_not_required_members_of_a_typed_dict(self):
        class Settings(TypedDict):
            name: str
            options: Options

        json_type = Resolver({"Options": Options}).json_type(Settings)
        definitions = Definitions([json_type])
        schema = json_type.schema(definitions)
        assert schema["required"] == ["name", "options"]
        assert "required" not in schema["properties"]["options"]

    def test_field_init_false_is_returned_but_not_accepted(self):
        @dataclass
        class Counted:
            n: int
            double: int = field(init=False)

            def __post_init__(self):
                self.double = 2 * self.n

        json_type = Resolver().json_type(Counted)
        assert list(json_type.schema(Definitions([json_type]))["properties"]) == ["n"]
        assert json_type.dump(json_type.load({"n": 2})) == {"n": 2, "double": 4}

    def test_sets_are_returned_in_a_fixed_order(self):
        assert schema_of(set[str])[0].dump({"b", "a", "c"}) == ["a", "b", "c"]

    def test_required_and_not_required(self):
        extensions = pytest.importorskip("typing_extensions")
        types = {"a": int, "b": extensions.NotRequired[int], "c": extensions.Required[Annotated[int, "see"]]}
        json_type = Resolver().json_type(extensions.TypedDict("Settings", types))
        schema = json_type.schema(Definitions([json_type], output=True))
        assert schema["required"] == ["a", "c"]
        assert schema["properties"]["c"] == {"type": "integer", "description": "see"}
        assert json_type.dump({"a": 1, "c": 2}) == {"a": 1, "c": 2}
        with pytest.raises(MismatchError, match="one without `c`"):
            json_type.dump({"a": 1})

    def test_recursive_alias_has_a_name(self):
        class TypeAliasType:
            """`type Tree = int | list[Tree]`, which older Python versions cannot parse."""

            __name__ = "Tree"

        tree = TypeAliasType()
        tree.__value__ = Union[int, list[tree]]  # noqa: UP007 - `tree` is not a type
        json_type = Resolver().json_type(tree)
        definitions = Definitions([json_type])
        schema = definitions.finish(json_type.schema(definitions))
        assert schema["$defs"]["Tree"]["anyOf"][1]["items"] == {"$ref": "#/$defs/Tree"}
        jsonschema.Draft202012Validator.check_schema(schema)
        assert json_type.load([1, [2, [3]]]) == [1, [2, [3]]]
        with pytest.raises(MismatchError, match=r"\[1\]\[0\]: expected integer or array, got string"):
            json_type.load([1, ["x"]])

    def test_init_var_is_refused(self):
        @dataclass
        class Seeded:
            seed: InitVar[int]

        with pytest.raises(UnsupportedTypeError, match="`seed` is an `InitVar`"):
            Resolver({"InitVar": InitVar}).json_type(Seeded)


def arguments_schema(references: bool = False, **parameters: Any) -> dict[str, Any]:
    def f(**_: Any) -> None: ...

    f.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint) for name, hint in parameters.items()]
    )
    f.__annotations__ = {**parameters, "return": None}
    return Signature(f, "tool", globals()).schema(references=references)


def references_in(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        found = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
        return found.union(*map(references_in, schema.values()))
    return set().union(*map(references_in, schema)) if isinstance(schema, list) else set()


@dataclass
class Line:
    """Between two points.

    Attributes:
        start: The first point.
    """

    start: Point
    end: Point


class TestReferences:
    def test_repeated_type_is_written_in_place_in_input_schemas(self):
        schema = arguments_schema(a=Line, b=Annotated[Line, Field(description="The second.")])
        assert "$defs" not in schema
        assert references_in(schema) == set()
        start = schema["properties"]["a"]["properties"]["start"]
        assert start["description"] == "The first point.\n\nA place."
        assert start["properties"]["x"] == {"type": "number", "description": "To the right."}
        assert schema["properties"]["b"]["description"] == "The second.\n\nBetween two points."
        assert schema["properties"]["b"]["required"] == ["start", "end"]

    def test_references_can_be_kept(self):
        schema = arguments_schema(references=True, a=Line, b=Line)
        assert sorted(schema["$defs"]) == ["Line", "Point"]
        assert references_in(schema) == {"#/$defs/Line", "#/$defs/Point"}

    def test_recursive_type_stays_a_reference(self):
        schema = arguments_schema(a=Tree, b=list[Tree], c=Line, d=Line)
        assert list(schema["$defs"]) == ["Tree"]
        assert references_in(schema) == {"#/$defs/Tree"}

    def test_types_that_double_at_every_level_stay_references(self):
        kind: Any = Point
        for number in range(40):
            kind = make_dataclass(f"Level{number}", [("a", kind), ("b", kind)])
        schema = arguments_schema(a=kind)
        assert len(schema["$defs"]) == 40
        assert len(json.dumps(schema)) < 10_000

    def test_member_named_like_a_keyword_is_a_schema(self):
        kind = make_dataclass("Odd", [("default", Point), ("enum", Point), ("const", Point)])
        schema = arguments_schema(a=kind, b=kind)
        assert references_in(schema) == set()
        assert schema["properties"]["a"]["properties"]["enum"]["type"] == "object"

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(st.sampled_from(ANNOTATIONS), min_size=1, max_size=4), st.dictionaries(st.sampled_from("abcd"), JSON)
    )
    def test_both_forms_accept_the_same_values(self, annotations, value):
        parameters = dict(zip("abcd", annotations, strict=False))
        kept = jsonschema.Draft202012Validator(arguments_schema(references=True, **parameters))
        written = jsonschema.Draft202012Validator(arguments_schema(**parameters))
        assert kept.is_valid(value) == written.is_valid(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (Level.HIGH, 2),
        (1.5, 1.5),
        ({Color.RED: {1, 3, 2}}, {"red": [1, 2, 3]}),
        ((1, "a"), [1, "a"]),
        (Pair(1), {"left": 1, "right": "r"}),
        (Tree(1, [Tree(2)]), {"value": 1, "children": [{"value": 2, "children": []}]}),
        (date(2026, 11, 22), "2026-11-22"),
        (b"\x00", "AA=="),
    ],
)
def test_values_without_annotation(value, expected):
    assert dump_any(value) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, {"a": object()}], "[1].a: expected a value that JSON can hold, got object"),
        ({"a": float("nan")}, "a: expected a finite number, got nan"),
        ({1: 2}, "expected strings as the keys of an object, got int"),
        (Tree, "expected a value that JSON can hold, got type"),
    ],
)
def test_values_without_json_form(value, message):
    with pytest.raises(MismatchError) as caught:
        dump_any(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, True),
        (int, "1"),
        (float, float("nan")),
        (float, float("inf")),
        (str, 1),
        (Point, {"x": 1.0}),
        (Color, "x"),
    ],
)
def test_unfitting_results_are_refused(annotation, value):
    with pytest.raises(MismatchError):
        schema_of(annotation)[0].dump(value)
