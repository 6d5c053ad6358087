"""Packages of the Python index inside a component, and syntax that only the Python inside knows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from support.python_component import GuestComponent, result_of

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python.toolchain import PythonToolchain

TOOLS = """\
from dataclasses import dataclass
from datetime import timedelta

import attrs
from pydantic import BaseModel, Field
from wasmcp.guest import tool


@attrs.define
class Point:
    x: int
    y: float = 0.5


class Order(BaseModel):
    name: str
    points: list[int] = []
    total: float = Field(gt=0)


@dataclass
class Node[T]:
    value: T
    children: list[Node[T]]


type Pairs[K] = list[tuple[K, K]]
type Tree[T] = T | list[Tree[T]]


@tool
def move(point: Point) -> Point:
    return attrs.evolve(point, x=point.x + 1)


@tool
def order(order: Order) -> Order:
    return order.copy(update={"name": type(order).__name__})


@tool
def node(node: Node[timedelta], pairs: Pairs[int], tree: Tree[int]) -> Node[timedelta]:
    assert (pairs, tree) == ([(1, 2)], [1, [2]])
    return Node(node.value + node.children[0].value, [])


@tool
def first[T](items: list[T]) -> T:
    return items[0]
"""


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> GuestComponent:
    root = tmp_path_factory.mktemp("packages")
    (root / "tools_.py").write_text(TOOLS, encoding="utf-8")
    source = ComponentSource("shop", root / "tools_.py", root, options={"dependencies": ["attrs", "pydantic<2"]})
    toolchain = PythonToolchain()
    try:
        found = toolchain.resolve(source, cache=root, progress=lambda _: None)
    except ToolchainError as error:
        if "No matching distribution" not in str(error):
            raise
        pytest.skip("no package index can be reached")
    toolchain.build(replace(source, dependencies=found), root / "out.wasm", cache=root, progress=lambda _: None)
    return GuestComponent(root / "out.wasm")


def call(guest: GuestComponent, name: str, /, **arguments: Any) -> Any:
    result = result_of(guest.call_tool(name, json.dumps(arguments)))
    text = result.__dict__["structured-content"]
    return json.loads(text) if text else result.content[0].payload.text


@pytest.mark.slow
def test_attrs(guest):
    assert call(guest, "move", point={"x": 1}) == {"x": 2, "y": 0.5}


@pytest.mark.slow
def test_pydantic_1(guest):
    assert call(guest, "order", order={"name": "x", "points": ["3"], "total": 2}) == {
        "name": "Order",
        "points": [3],
        "total": 2.0,
    }
    message = "Invalid arguments for tool order: order.total: ensure this value is greater than 0"
    assert call(guest, "order", order={"name": "x", "total": 0}) == message


@pytest.mark.slow
def test_generic_types_of_python_3_12(guest):
    node = {"value": "PT1H", "children": [{"value": "P1D", "children": []}]}
    assert call(guest, "node", node=node, pairs=[[1, 2]], tree=[1, [2]]) == {"value": "P1DT1H", "children": []}
    assert call(guest, "first", items=[{"a": 1}]) == {"result": {"a": 1}}
