"""Classes of other libraries."""

from __future__ import annotations

import attrs
import jsonschema
from pydantic import v1

from wasmcp.guest import tool
from wasmcp.guest.declarations.registry import tool_of
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


class Item(v1.BaseModel):
    name: str
    size: tuple[int, int] = (1, 1)


class Order(v1.BaseModel):
    """An order."""

    items: list[Item]
    total: float = v1.Field(gt=0, alias="sum")
    parent: Order | None = None


Order.update_forward_refs()


def test_attrs_class():
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


def test_attrs_instance_without_annotation():
    @tool
    def make():
        return Point(1)

    assert tool_of(make).call("{}", LocalContext()).content[0].text == '{"x":1,"y":0.5,"tags":[],"length":0.0}'


def test_models_of_the_same_name_have_separate_definitions():
    def order_of(size: type) -> type:
        item = v1.create_model("Item", size=(size, ...))
        return v1.create_model("Order", item=(item, ...))

    first, second = order_of(int), order_of(str)

    @tool(references=True)
    def compare(one: first, other: second, again: first) -> None: ...

    schema = tool_of(compare).input_schema
    jsonschema.Draft202012Validator.check_schema(schema)
    arguments = {"one": {"item": {"size": 1}}, "other": {"item": {"size": "x"}}, "again": {"item": {"size": 2}}}
    jsonschema.validate(arguments, schema)
    assert sorted(schema["$defs"]) == ["Item"]


def test_pydantic_1_model():
    @tool
    def ship(order: Order) -> Order:
        assert isinstance(order, Order)
        return order

    found = tool_of(ship)
    jsonschema.Draft202012Validator.check_schema(found.input_schema)
    jsonschema.Draft202012Validator.check_schema(found.output_schema)
    assert (found.output_schema["type"], found.output_schema["$ref"]) == ("object", "#/$defs/Order")
    assert found.input_schema["properties"]["order"]["$ref"] == "#/$defs/Order"
    assert list(found.input_schema["$defs"]) == ["Order"]  # it refers to itself; its items are written in place
    item = found.input_schema["$defs"]["Order"]["properties"]["items"]["items"]
    assert item["properties"]["size"]["prefixItems"] == [{"type": "integer"}, {"type": "integer"}]
    answer = found.call('{"order": {"items": [{"name": "a"}], "sum": 2}}', LocalContext())
    assert answer.structured == '{"items":[{"name":"a","size":[1,1]}],"sum":2.0,"parent":null}'
    text = (
        found.call('{"order": {"items": [{"name": "a", "size": [1, "x"]}], "sum": 2}}', LocalContext()).content[0].text
    )
    assert text == ("Invalid arguments for tool ship: order.items[0].size[1]: value is not a valid integer")
    text = found.call('{"order": {"items": [{"size": [1, "x"]}, {}], "sum": "y"}}', LocalContext()).content[0].text
    assert text == (
        "Invalid arguments for tool ship: order.items[0].name: field required; "
        "order.items[0].size[1]: value is not a valid integer; order.items[1].name: field required; "
        "order.sum: value is not a valid float"
    )
