"""Types of pydantic 2: accepted values, paths and words of errors, secrets; compared with pydantic itself."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Annotated, Any, Literal

import jsonschema
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, EmailStr, Field, HttpUrl, Secret, SecretStr
from support.pydantic_models import (
    CUSTOMER,
    Aliased,
    Basket,
    Cat,
    Closed,
    Customer,
    Dog,
    Holder,
    Login,
    Nested,
    Node,
    Numbers,
    Open,
    Order,
    Page,
    Pair,
    Pet,
    Point,
    Range,
    Strict,
    Written,
    call,
    json_type_of,
    schema_of,
)

from wasmcp.guest import tool
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.json_codec import encode

ACCEPTED: list[tuple[Any, Any, Any]] = [
    # the type, a JSON value, the same as a result
    (Customer, {**CUSTOMER, "age": "36"}, {"name": "Ada", "age": 36, "tier": "free", "addresses": []}),
    (Customer, {**CUSTOMER, "name": " Ada "}, {"name": "Ada", "age": 36, "tier": "free", "addresses": []}),
    (Customer, {**CUSTOMER, "unknown": 1}, {"name": "Ada", "age": 36, "tier": "free", "addresses": []}),
    (list[Closed], [{"x": 1.0}], [{"x": 1, "y": 0}]),
    (dict[str, Closed], {"a": {"x": 1}}, {"a": {"x": 1, "y": 0}}),
    (Closed | None, None, None),
    (Closed | int, 5, 5),
    (Closed | str, "5", "5"),
    (Cat | Dog, {"kind": "dog", "tricks": ["sit"]}, {"kind": "dog", "tricks": ["sit"]}),
    (Cat | Dog | None, None, None),
    (Pet, {"kind": "cat", "lives": "9"}, {"kind": "cat", "lives": 9}),
    (
        Strict,
        {"count": 1, "day": "2026-01-02", "color": "red", "tags": ["a"]},
        {"count": 1, "day": "2026-01-02", "color": "red", "tags": ["a"]},
    ),
    (Open, {"x": 1, "z": [1]}, {"x": 1, "z": [1]}),
    (
        Aliased,
        {"firstName": "A", "bornOn": "2000-01-01", "nickIn": "n"},
        {"firstName": "A", "bornOn": "2000-01-01", "nickOut": "n"},
    ),
    (Aliased, {"first_name": "A"}, {"firstName": "A", "bornOn": None, "nickOut": ""}),
    (Nested, {"place": {"names": ["Rome"]}, "zip": "1"}, {"city": "Rome", "code": "1"}),
    (Range, {"low": 1, "high": 3}, {"low": 1, "high": 3, "width": 2}),
    (
        Written,
        {"when": "2026-01-02T03:04:05Z", "price": 2.5, "raw": "xy", "colors": ["red"]},
        {"when": "2026-01-02T03:04:05Z", "price": "2.5", "raw": "xy", "colors": ["red"], "stamp": 1767225600},
    ),
    (Node, {"value": 1, "children": [{"value": 2}]}, {"value": 1, "children": [{"value": 2, "children": []}]}),
    (Numbers, [1, "2"], [1, 2]),
    (Page[Closed], {"items": [{"x": 1}]}, {"items": [{"x": 1, "y": 0}], "next": None}),
    (Page[int], {"items": ["1"]}, {"items": [1], "next": None}),
    (
        Login,
        {"user": "u", "password": "long enough"},
        {"user": "u", "password": "**********", "pin": None, "key": None},
    ),
    (Point, {"x": 1}, {"x": 1, "y": 0}),
    (
        Order,
        {"customer": CUSTOMER, "points": [{"x": 1}]},
        {"customer": {**CUSTOMER, "tier": "free", "addresses": []}, "points": [{"x": 1, "y": 0}]},
    ),
    (Basket, {"pets": [{"kind": "cat", "lives": 1}]}, {"pets": [{"kind": "cat", "lives": 1}]}),
    (
        Holder,
        {"order": {"customer": CUSTOMER}, "ids": {"12345678-1234-1234-1234-123456789abc": "1"}},
        {
            "order": {"customer": {**CUSTOMER, "tier": "free", "addresses": []}, "points": []},
            "basket": None,
            "ids": {"12345678-1234-1234-1234-123456789abc": 1},
        },
    ),
    (Pair, {"left": {"x": 1}, "right": {"x": 2}}, {"left": {"x": 1, "y": 0}, "right": {"x": 2, "y": 0}}),
    (EmailStr, "ada@example.org", "ada@example.org"),
    (HttpUrl, "https://example.org/ä", "https://example.org/%C3%A4"),
    (EmailStr | HttpUrl, "https://example.org", "https://example.org/"),
    (SecretStr, "x", "**********"),
    (Secret[int], 5, "**********"),
    (pydantic.PositiveInt, 1.0, 1),
    (pydantic.PositiveInt | str, "5", "5"),
    (pydantic.UUID4, "12345678-1234-4234-9234-123456789abc", "12345678-1234-4234-9234-123456789abc"),
    (pydantic.AwareDatetime, "2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05+01:00"),
    (pydantic.ByteSize, "1KiB", 1024),
    (pydantic.Json[list[int]], "[1]", [1]),
    (pydantic.Base64Bytes, "YWI=", "YWI="),
    (pydantic.IPvAnyAddress, "::1", "::1"),
    (Annotated[Decimal, Field(ge=0, max_digits=3)], "1.5", "1.5"),
    (Annotated[int, pydantic.AfterValidator(lambda value: value + 1)], 1.0, 2),
    (Annotated[str, pydantic.StringConstraints(strip_whitespace=True, min_length=1)], " a ", "a"),
    (Annotated[list[Closed], Field(min_length=1)], [{"x": 1}], [{"x": 1, "y": 0}]),
    (Annotated[str, Field(description="A name.", max_length=3)], "abc", "abc"),
    (pydantic.conint(ge=1, strict=True), 1, 1),
    (set[Strict], [{"count": 1, "day": "2026-01-02", "color": "red"}], None),
]

REJECTED: list[tuple[Any, Any, str]] = [
    (
        Customer,
        {"name": "", "age": 151, "tier": "gold", "addresses": [{"street": 5, "zip_code": "1x"}, {}]},
        (
            "name: expected at least 1 characters, got 0; age: expected at most 150, got 151; "
            'tier: expected one of "free", "pro", got "gold"; addresses[0].street: expected string, got integer; '
            'addresses[0].zip_code: expected a match of "^\\\\d{5}$", got "1x"; '
            "addresses[1].street: required, but missing; addresses[1].zip_code: required, but missing"
        ),
    ),
    (Customer, {**CUSTOMER, "name": "Ada!"}, "name: no exclamation marks, please"),
    (Customer, {**CUSTOMER, "age": "x"}, 'age: expected integer, got "x"'),
    (Customer, {**CUSTOMER, "age": 1.5}, "age: expected integer, got 1.5"),
    (Customer, {**CUSTOMER, "age": None}, "age: expected integer, got null"),
    (Customer, [], "expected object, got array"),
    (list[Closed], [{"x": 1}, {"x": 1, "z": 2}], "[1].z: unexpected; expected only x, y"),
    (dict[str, Closed], {"a": {}}, "a.x: required, but missing"),
    (Closed | None, 5, "expected object or null, got integer"),
    (Cat | Dog, {"kind": "cat"}, "lives: required, but missing"),
    (Cat | Dog, {"kind": "dog", "tricks": ["a", 1]}, "tricks[1]: expected string, got integer"),
    (Cat | Dog, 5, "expected object, got integer"),
    (Pet, {"kind": "bird"}, 'kind: expected one of "cat", "dog", got "bird"'),
    (Pet, {}, "kind: required, but missing"),
    (Pet, {"kind": "dog", "tricks": "sit"}, "tricks: expected array, got string"),
    (
        Strict,
        {"count": "1", "day": "x", "color": "green"},
        (
            'count: expected integer, got string; day: expected an RFC 3339 date, got "x"; '
            'color: expected one of "red", "blue", got "green"'
        ),
    ),
    (Closed, {"z": 1, "w": 2}, "x: required, but missing; z: unexpected; expected only x, y; w: unexpected"),
    (
        Aliased,
        {"firstName": 5, "bornOn": 5.5},
        "firstName: expected string, got integer; bornOn: expected an RFC 3339 date, got 5.5",
    ),
    (Aliased, {}, "firstName: required, but missing"),
    (Aliased, {"first_name": 5}, "first_name: expected string, got integer"),
    (Nested, {"place": {"names": [5]}}, "place.names[0]: expected string, got integer"),
    (Nested, {}, "place.names[0]: required, but missing"),
    (Range, {"low": 3, "high": 1}, "low must not exceed high"),
    (Written, {"when": "yesterday"}, 'when: expected an RFC 3339 date and time, got "yesterday"'),
    (Written, {"when": "2026-01-02", "price": "x"}, 'price: expected a decimal number, got "x"'),
    (Node, {"value": 1, "children": [{"value": "x"}]}, 'children[0].value: expected integer, got "x"'),
    (Numbers, [1, "x"], '[1]: expected integer, got "x"'),
    (Page[Closed], {"items": [{"x": "a"}]}, 'items[0].x: expected integer, got "a"'),
    (Point, {"y": -1}, "x: required, but missing; y: expected at least 0, got -1"),
    (Order, {"customer": {"name": "A"}}, "customer.age: required, but missing"),
    (Order, {"customer": CUSTOMER, "points": [{"x": "a"}]}, 'points[0].x: expected integer, got "a"'),
    (Basket, {"pets": [{"kind": "cat"}]}, "pets[0].lives: required, but missing"),
    (Holder, {"order": {"customer": {"name": "A"}}}, "order.customer.age: required, but missing"),
    (Holder, {"order": {"customer": CUSTOMER}, "ids": {"x": 1}}, 'ids.x: expected a UUID, got "x"'),
    (EmailStr, "nowhere", 'expected an e-mail address, got "nowhere"'),
    (EmailStr, 5, "expected string, got integer"),
    (HttpUrl, "ftp://x", "expected a URL with the scheme 'http' or 'https', got \"ftp://x\""),
    (HttpUrl, "x", 'expected a URL (relative URL without a base), got "x"'),
    (pydantic.PositiveInt, 0, "expected more than 0, got 0"),
    (pydantic.PositiveInt, "5", "expected integer, got string"),
    (pydantic.UUID4, "x", 'expected a UUID, got "x"'),
    (pydantic.AwareDatetime, "2026-01-02T03:04:05", 'expected a time with an offset, got "2026-01-02T03:04:05"'),
    (
        pydantic.Json[list[int]],
        "[",
        'expected a string with JSON (EOF while parsing a list at line 1 column 1), got "["',
    ),
    (pydantic.Json[list[int]], '["x"]', "expected integer, got string"),
    (Annotated[Decimal, Field(max_digits=3)], "1.2345", 'expected at most 3 digits, got "1.2345"'),
    (Annotated[list[Closed], Field(min_length=1)], [], "expected at least 1 items, got 0"),
    (Annotated[list[int], Field(min_length=1), pydantic.AfterValidator(list)], [], "expected at least 1 items, got 0"),
    (Annotated[int, pydantic.AfterValidator(abs)], "5", "expected integer, got string"),
    (
        Annotated[str, pydantic.StringConstraints(to_lower=True, max_length=1)],
        "AB",
        "expected at most 1 characters, got 2",
    ),
    (Annotated[int | list[int], pydantic.AfterValidator(lambda v: v)], "x", "expected integer or array, got string"),
    (Annotated[dt.timedelta, pydantic.AfterValidator(abs)], "x", 'expected an ISO 8601 duration, got "x"'),
]


def name_of(item: Any) -> str:
    return str(item)[:50]


@pytest.mark.parametrize(("annotation", "value", "result"), ACCEPTED, ids=name_of)
def test_values_are_accepted_and_returned(annotation, value, result):
    json_type = json_type_of(annotation)
    dumped = json_type.dump(json_type.load(value))
    encode(dumped)
    if result is not None:
        assert dumped == result
    jsonschema.validate({"value": dumped}, schema_of(annotation, output=True))


@pytest.mark.parametrize(("annotation", "value", "message"), REJECTED, ids=name_of)
def test_mistakes_have_the_paths_and_words_of_other_types(annotation, value, message):
    with pytest.raises(MismatchError) as caught:
        json_type_of(annotation).load(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(("annotation", "value"), [(a, v) for a, v, _ in REJECTED], ids=name_of)
def test_no_mistake_of_pydantic_is_shown_in_its_own_words(annotation, value):
    with pytest.raises(MismatchError) as caught:
        json_type_of(annotation).load(value)
    for word in ("Input should", "Field required", "valid dictionary", "pydantic.dev", "Value error"):
        assert word not in str(caught.value)


TEXTS = ["cat", "dog", "free", "12345", "2026-01-02", "red", "2026-01-02T03:04:05Z", "longer than 8", "\ud800"]
NAMES = [
    "name",
    "age",
    "tier",
    "addresses",
    "street",
    "zip_code",
    "kind",
    "lives",
    "tricks",
    "x",
    "y",
    "value",
    "children",
    "low",
    "high",
    "items",
    "firstName",
    "first_name",
    "user",
    "password",
    "pin",
    "count",
    "day",
    "color",
    "tags",
    "customer",
    "points",
    "pets",
    "place",
    "names",
    "when",
    "order",
    "basket",
    "ids",
    "A",
]
_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.sampled_from("19ax!- :T"), max_size=6)
    | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
MODELS = [
    *(Customer, Cat | Dog, Strict, Closed, Open, Aliased, Nested, Range, Written, Node, Numbers, Page[Closed], Login),
    *(Point, Holder, Cat | Dog | Numbers),
]


def near(model: Any) -> st.SearchStrategy[Any]:
    """Return values that often fit: accepted ones with one part replaced."""
    fitting = [value for annotation, value, _ in ACCEPTED if annotation is model and isinstance(value, dict)]
    if not fitting:
        return _ANY
    changed = st.builds(
        lambda value, key, new: {**value, key: new}, st.sampled_from(fitting), st.sampled_from(sorted(fitting[0])), _ANY
    )
    return _ANY | changed | st.sampled_from(fitting)


@given(st.sampled_from(MODELS).flatmap(lambda model: st.tuples(st.just(model), near(model))))
def test_models_accept_what_pydantic_accepts(pair):
    model, value = pair
    adapter = pydantic.TypeAdapter(model)
    try:
        expected = adapter.validate_json(encode(value))
    except pydantic.ValidationError:
        with pytest.raises(MismatchError) as caught:
            json_type_of(model).load(value)
        assert caught.value.problems
    else:
        found = json_type_of(model).load(value)
        assert found == expected
        assert json_type_of(model).dump(found) == adapter.dump_python(expected, mode="json", by_alias=True)


SCALARS = [
    EmailStr, HttpUrl, SecretStr, pydantic.UUID4, pydantic.AwareDatetime, pydantic.ByteSize, pydantic.Json[list[int]],
    pydantic.NaiveDatetime, pydantic.PastDate, pydantic.IPvAnyAddress, pydantic.Base64Str,
    Annotated[Decimal, Field(ge=0)], Annotated[int, pydantic.AfterValidator(abs)],
    Annotated[list[float], pydantic.AfterValidator(sorted)],
]  # fmt: skip


@given(st.sampled_from(SCALARS), _ANY)
def test_other_types_accept_what_pydantic_accepts_in_strict_mode(annotation, value):
    adapter = pydantic.TypeAdapter(annotation, config=ConfigDict(strict=True))

    def whole(item: Any) -> Any:  # 1.0 is an integer of JSON
        if isinstance(item, float) and item.is_integer():
            return int(item)
        return [whole(one) for one in item] if isinstance(item, list) else item

    try:
        expected = adapter.validate_json(encode(whole(value)))
    except pydantic.ValidationError:
        with pytest.raises(MismatchError):
            json_type_of(annotation).load(value)
    else:
        assert json_type_of(annotation).load(value) == expected


@given(st.sampled_from(MODELS).flatmap(lambda model: st.tuples(st.just(model), near(model))))
def test_paths_lead_to_values_or_missing_members(pair):
    model, value = pair
    try:
        json_type_of(model).load(value)
    except MismatchError as mismatch:
        for path, reason in mismatch.problems:
            found = value
            for segment in reversed(path[1:]):
                found = (
                    found[segment] if isinstance(found, (dict, list)) and reason != "required, but missing" else found
                )
            if path and reason != "required, but missing" and isinstance(found, (dict, list)):
                assert path[0] in (found if isinstance(found, dict) else range(len(found)))


class TestSecrets:
    VALUES = ("geheim", "hunter2", 987654321)

    @pytest.mark.parametrize(
        ("annotation", "value"),
        [
            (Login, {"user": "u", "password": "geheim"}),
            (Login, {"user": 5, "password": ["geheim"]}),
            (Login, {"user": "hunter2", "password": "hunter2 is long"}),
            (Login, {"user": "u", "password": "hunter2 is long", "pin": "geheim"}),
            (Login, {"user": "u", "password": "hunter2 is long", "key": 987654321}),
            (list[Login], [{"user": "u", "password": 987654321}]),
            (Page[Login], {"items": [{"user": "u", "password": "geheim"}]}),
            (Secret[int], "geheim"),
            (Annotated[SecretStr, Field(min_length=8)], "geheim"),
            (Annotated[Secret[Annotated[int, Field(le=5)]], Field(description="x")], 987654321),
            (Login | Closed, {"user": "u", "password": "geheim"}),
        ],
        ids=name_of,
    )
    def test_are_not_in_errors(self, annotation, value):
        with pytest.raises(MismatchError) as caught:
            json_type_of(annotation).load(value)
        assert not [one for one in self.VALUES if str(one) in str(caught.value)]

    def test_hidden_inputs_are_not_in_errors(self):
        class Quiet(BaseModel):
            model_config = ConfigDict(hide_input_in_errors=True)

            code: Literal["a"]

        with pytest.raises(MismatchError, match=r'^code: expected one of "a"$'):
            json_type_of(Quiet).load({"code": "geheim"})

    def test_are_not_in_schemas_and_results(self):
        class Settings(BaseModel):
            token: SecretStr = SecretStr("geheim")

        @tool
        def settings(settings: Settings = Settings(), other: SecretStr = SecretStr("hunter2")) -> Settings:  # noqa: B008
            assert other.get_secret_value() == "hunter2"
            return settings

        found = tool_of(settings)
        text = json.dumps([found.input_schema, found.output_schema])
        assert "geheim" not in text
        assert "hunter2" not in text
        assert call(settings) == {"token": "**********"}

    @given(st.sampled_from([Login, list[Login], Login | Closed]), _ANY)
    def test_no_value_of_a_model_with_secrets_is_shown(self, annotation, value):
        try:
            json_type_of(annotation).load(value)
        except MismatchError as mismatch:
            for _, reason in mismatch.problems:
                assert ", got " not in reason or reason.rpartition("got ")[2] in (
                    "null", "boolean", "integer", "number", "string", "array", "object"
                )  # fmt: skip

    def test_values_that_do_not_fit_a_result_are_not_shown(self):
        @tool
        def leak() -> Login:
            return Login.model_construct(user=5, password="geheim", pin=None, key=None)  # noqa: S106

        with pytest.raises(MismatchError) as caught:
            json_type_of(Login).dump(leak())
        assert "geheim" not in str(caught.value)
        assert call(leak) == "Error executing tool leak"
