"""The example of the guide on pydantic, and more of its types, in a composed server with the official client.

The package index is PyPI, or its mirror in the settings of pip; without it the tests are skipped.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from support.projects import project_files, write_project
from support.server_processes import WASMCP

from wasmcp.errors import ToolchainError
from wasmcp.project import ensure_built

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

GUIDE = (Path(__file__).parents[2] / "docs/guides/pydantic.md").read_text("utf-8")
MORE = '''

import datetime
from decimal import Decimal
from enum import Enum

import pydantic
from pydantic_settings import BaseSettings


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Node(BaseModel):
    model_config = ConfigDict(alias_generator=str.upper, populate_by_name=True)

    when: datetime.datetime
    price: Decimal
    color: Color = Color.RED
    link: pydantic.HttpUrl | None = None
    children: list["Node"] = []


class Settings(BaseSettings):
    folder: str = "/data"


class Needed(BaseSettings):
    shop_token: str


@pydantic.dataclasses.dataclass
class Point:
    x: int
    when: pydantic.AwareDatetime | None = None


@tool
def grow(node: Node, points: list[Point], even: Annotated[int, pydantic.AfterValidator(lambda n: n // 2)] = 0) -> Node:
    """Return a node of a tree."""
    return node.model_copy(update={"children": [*node.children, node]})


@tool
def untyped(url: pydantic.HttpUrl):
    return {"url": url, "point": Point(1), "nodes": [Node(when="2026-01-02T03:04:05", price="1.5")]}


@tool
def settings() -> list[str]:
    try:
        found = Needed()
    except pydantic.ValidationError as error:
        return [Settings().folder, f"{error.error_count()} missing"]
    return [Settings().folder, found.shop_token]
'''
TABLES = """
[tool.wasmcp.components.shop]
source = "src/shop/tools.py"
grants = ["env"]
dependencies = ["pydantic[email]>=2.14.1", "pydantic-settings"]

[tool.wasmcp.servers.default]
components = ["shop"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    source = {"src/shop/__init__.py": "", "src/shop/tools.py": code + MORE}
    root = write_project(tmp_path_factory.mktemp("shop"), project_files("shop", source, TABLES))
    try:
        return ensure_built(root)
    except ToolchainError as error:
        if "No matching distribution found" not in str(error):
            raise
        pytest.skip("no package index can be reached")


def test_models_are_types_of_a_composed_server(server: Path) -> None:
    async def use() -> None:
        command = StdioServerParameters(command=WASMCP[0], args=[*WASMCP[1:], "run", str(server)])
        async with stdio_client(command) as streams, ClientSession(*streams) as session:
            await session.initialize()
            listed = (await session.list_tools()).tools
            tools = {tool.name: tool for tool in listed}
            for tool in listed:
                jsonschema.Draft202012Validator.check_schema(tool.input_schema)
            customer = tools["register"].input_schema["properties"]["customer"]
            assert customer["properties"]["mail"] == {"type": "string", "format": "email"}
            assert "$ref" not in str(tools["register"].input_schema)
            assert "cities" in (tools["register"].output_schema or {})["properties"]

            async def call(name: str, **arguments: Any) -> Any:
                found = await session.call_tool(name, arguments)
                return found.content[0].text if found.is_error else found.structured_content  # type: ignore[union-attr]

            ada = {"name": "Ada", "mail": "ada@example.org", "password": "geheim", "addresses": []}
            assert await call("register", customer=ada) == {**ada, "password": "**********", "cities": 0}
            wrong = {"name": "ada", "mail": "x", "addresses": [{"street": "a", "zip_code": "1"}], "more": "geheim"}
            assert await call("register", customer=wrong, limit=500) == (
                "Invalid arguments for tool register: customer.name: a name begins with a capital letter; "
                "customer.mail: expected an e-mail address; "
                'customer.addresses[0].zip_code: expected a match of "^\\\\d{5}$"; '
                "customer.more: unexpected; expected only name, mail, password, addresses; "
                "limit: expected at most 100, got 500"
            )
            assert await call("pay", payment={"kind": "cash"}) == {"result": "cash"}
            assert (await call("pay", payment={"kind": "gold"})).endswith(
                'payment.kind: expected one of "card", "cash", got "gold"'
            )
            leaf = {"WHEN": "2026-01-02T03:04:05", "PRICE": "1.50", "COLOR": "blue", "LINK": None, "CHILDREN": []}
            points = [{"x": 1, "when": "2026-01-02T03:04:05Z"}]
            assert await call("grow", node=leaf, points=points, even=4) == {**leaf, "CHILDREN": [leaf]}
            deep = {**leaf, "CHILDREN": [{"when": "x", "price": "y"}]}
            assert await call("grow", node=deep, points=[{"x": 1, "when": "2026-01-02T03:04:05"}], even="4") == (
                'Invalid arguments for tool grow: node.CHILDREN[0].when: expected an RFC 3339 date and time, got "x"; '
                'node.CHILDREN[0].price: expected a decimal number, got "y"; '
                'points[0].when: expected a time with an offset, got "2026-01-02T03:04:05"; '
                "even: expected integer, got string"
            )
            found = await session.call_tool("untyped", {"url": "https://example.org"})
            assert '"url":"https://example.org/"' in found.content[0].text  # type: ignore[union-attr]
            assert '"nodes":[{"WHEN":"2026-01-02T03:04:05","PRICE":"1.5"' in found.content[0].text  # type: ignore[union-attr]

    anyio.run(use)


@pytest.mark.parametrize(
    ("given", "found"), [([], ["/data", "1 missing"]), (["--env", "SHOP_TOKEN=abc"], ["/data", "abc"])]
)
def test_settings_read_the_environment_with_the_grant(server: Path, given: list[str], found: list[str]) -> None:
    async def use() -> None:
        command = StdioServerParameters(command=WASMCP[0], args=[*WASMCP[1:], "run", str(server), *given])
        async with stdio_client(command) as streams, ClientSession(*streams) as session:
            await session.initialize()
            assert (await session.call_tool("settings", {})).structured_content == {"result": found}

    anyio.run(use)
