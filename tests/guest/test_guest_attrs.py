"""Classes of other libraries."""

from __future__ import annotations

import attrs
import pydantic
import pytest

from wasmcp.guest import DeclarationError, tool
from wasmcp.guest.registry import tool_of
from wasmcp.guest.testing import LocalContext


@attrs.define
class Point:
    """A point.

    Attributes:
        x: To the right.
    """

    x: int
    _y: float = 0.5
    tags: list[str] = attrs.field(factory=list)
    length: float = attrs.field(init=False, default=0.0)


class Model(pydantic.BaseModel):
    x: int


def test_an_attrs_class():
    @tool
    def move(point: Point) -> Point:
        point.x += 1
        return point

    found = tool_of(move)
    schema = found.input_schema["properties"]["point"]
    assert schema == {
        "type": "object",
        "description": "A point.",
        "properties": {
            "x": {"type": "integer", "description": "To the right."},
            "y": {"type": "number", "default": 0.5},
            "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        "required": ["x"],
        "additionalProperties": False,
    }
    answer = found.call('{"point": {"x": 1, "y": 2, "tags": ["a"]}}', LocalContext())
    assert answer.structured == '{"x":2,"y":2.0,"tags":["a"],"length":0.0}'
    assert found.call('{"point": {"x": 1, "_y": 2}}', LocalContext()).is_error


def test_an_attrs_instance_without_an_annotation():
    @tool
    def make():
        return Point(1)

    assert tool_of(make).call("{}", LocalContext()).content[0].text == '{"x":1,"y":0.5,"tags":[],"length":0.0}'


def test_a_pydantic_model():
    with pytest.raises(DeclarationError, match=r"parameter `x`: `Model` is a pydantic model.*use a dataclass"):

        @tool
        def f(x: Model) -> None: ...
