from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pytest
from pydantic import BaseModel, EmailStr
from pydantic import Field as PydanticField

from wasmcp.guest import Field
from wasmcp.guest.client_requests import form_of
from wasmcp.guest.errors import MismatchError


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


@dataclass
class Order:
    """An order.

    Attributes:
        count: Number of seats.
    """

    name: Annotated[str, Field(min_length=1, title="Name")]
    count: int = 1
    size: Size = Size.SMALL
    extras: list[Literal["milk", "sugar"]] | None = None
    day: date | None = None
    price: Annotated[float, Field(ge=0)] | None = None
    gift: bool = False


class Pair(NamedTuple):
    a: str
    b: int


class Entry(TypedDict):
    key: str


def test_form_of_a_dataclass():
    schema, load = form_of(Order)
    assert schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "title": "Name"},
            "count": {"type": "integer", "description": "Number of seats.", "default": 1},
            "size": {"type": "string", "enum": ["s", "l"], "default": "s"},
            "extras": {"type": "array", "items": {"type": "string", "enum": ["milk", "sugar"]}},
            "day": {"type": "string", "format": "date"},
            "price": {"type": "number", "minimum": 0},
            "gift": {"type": "boolean", "default": False},
        },
        "required": ["name"],
    }
    assert load({"name": "x", "size": "l", "day": "2026-01-02", "extras": ["milk"]}) == Order(
        "x", 1, Size.LARGE, ["milk"], date(2026, 1, 2)
    )
    with pytest.raises(MismatchError, match="count: expected integer"):
        load({"name": "x", "count": "many"})
    assert form_of(Order)[0] is schema


@pytest.mark.parametrize(
    ("kind", "field", "content", "value"),
    [
        (str, {"type": "string"}, "x", "x"),
        (int, {"type": "integer"}, 5.0, 5),
        (bool, {"type": "boolean"}, True, True),
        (Size, {"type": "string", "enum": ["s", "l"]}, "l", Size.LARGE),
        (list[Literal["a", "b"]], {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, ["a"], ["a"]),
    ],
)
def test_form_of_a_simple_type(kind, field, content, value):
    schema, load = form_of(kind)
    assert schema == {"type": "object", "properties": {"value": field}, "required": ["value"]}
    assert load({"value": content}) == value


def test_form_of_other_records_and_schemas():
    assert form_of(Pair)[1]({"a": "x", "b": 1}) == Pair("x", 1)
    assert form_of(Entry)[0]["properties"] == {"key": {"type": "string"}}
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    assert form_of(schema)[0] == schema
    assert form_of(schema)[1]({"x": 1}) == {"x": 1}


@dataclass
class Nested:
    order: Order


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Nested, "`Nested`, member `order` cannot be a form: only strings"),
        (list[str], "a choice of several"),
        (bytes, "only strings|no strings of the format"),
        (int | str, "a field has one type"),
        (Literal[1, 2], "the choices of a form are strings"),
        (complex, "`complex` has no JSON Schema"),
        (Any, "only strings"),
    ],
)
def test_unsupported_form_types_are_refused(kind, reason):
    with pytest.raises(TypeError, match=reason):
        form_of(kind)


class Visit(BaseModel):
    guest: str = PydanticField(min_length=1, description="The name.")
    nights: int = PydanticField(2, ge=1)
    mail: EmailStr | None = None
    room: Literal["single", "double"] = "single"


def test_form_of_a_pydantic_model():
    schema, load = form_of(Visit)
    assert schema == {
        "type": "object",
        "properties": {
            "guest": {"type": "string", "minLength": 1, "description": "The name."},
            "nights": {"type": "integer", "minimum": 1, "default": 2},
            "mail": {"type": "string", "format": "email"},
            "room": {"type": "string", "enum": ["single", "double"], "default": "single"},
        },
        "required": ["guest"],
    }
    assert load({"guest": "Ada", "nights": 3.0}) == Visit(guest="Ada", nights=3)
    with pytest.raises(MismatchError, match="nights: expected at least 1, got 0"):
        load({"guest": "Ada", "nights": 0})


def test_pydantic_model_with_members_that_forms_do_not_have_is_refused():
    class Nested(BaseModel):
        visit: Visit

    class Several(BaseModel):
        value: int | str

    with pytest.raises(TypeError, match=r"`Nested`, member `visit` cannot be a form: only strings, numbers"):
        form_of(Nested)
    with pytest.raises(TypeError, match=r"`Several`, member `value` cannot be a form"):
        form_of(Several)
