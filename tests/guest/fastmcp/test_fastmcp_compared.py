"""A server for FastMCP with one changed line: its answers are those of the original, except for what is documented."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.fastmcp_originals import answers, fastmcp_python
from support.projects import project_files, write_project

pytestmark = pytest.mark.slow

SOURCE = (Path(__file__).parent / "library_server.py").read_text("utf-8")
LINE = "from fastmcp import Context, FastMCP"
SDK = "from mcp.server.mcpserver import Context, MCPServer as FastMCP"
OURS = "from wasmcp.guest.fastmcp import Context, FastMCP"
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("find_book", {"key": "dune"}),
    ("find_book", {"key": "odyssey"}),
    ("find_book", {}),
    ("find_book", {"key": 7}),
    ("books", {}),
    ("books", {"order": "year", "limit": "1"}),
    ("books", {"order": "pages"}),
    ("count", {"years": [1965, 1815, 1]}),
    ("facts", {}),
    ("untyped", {"value": [1, "a"]}),
    ("untyped", {}),
    ("burn", {"key": "dune"}),
    ("shelf", {}),
    ("quote", {"key": "emma"}),
    ("reserve", {"key": "emma"}),
    ("nothing", {}),
]
URIS = ["library://rules", "library://books/dune", "library://books/none"]
PROMPTS: list[tuple[str, dict[str, str]]] = [
    ("recommend", {"reader": "Ada"}),
    ("recommend", {"reader": "Ada", "count": "3"}),
    ("recommend", {}),
]
INVALID = ("find_book {}", 'find_book {"key": 7}', 'books {"order": "pages"}')
"""Calls whose error text comes from the validation of arguments."""


def changed(line: str) -> str:
    """Return the server with another import."""
    assert SOURCE.count(LINE) == 1
    return SOURCE.replace(LINE, line)


@pytest.fixture(scope="module")
def original() -> dict[str, Any]:
    command = [str(fastmcp_python()), str(Path(__file__).parent / "library_server.py")]
    return asyncio.run(answers(command, CALLS, URIS, PROMPTS))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from wasmcp.project import ensure_built

    files = project_files("library", {"src/library/server.py": changed(OURS)})
    server = ensure_built(write_project(tmp_path_factory.mktemp("library"), files))
    return asyncio.run(answers([sys.executable, "-m", "wasmcp", "run", str(server)], CALLS, URIS, PROMPTS))


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("sdk") / "server.py"
    file.write_text(
        changed(SDK).replace(', tags={"books", "read"}', "").replace('annotations={"readOnlyHint": True}', ""), "utf-8"
    )
    return asyncio.run(answers([sys.executable, str(file)], CALLS, URIS, PROMPTS))


def undocumented(schema: Any) -> Any:
    """Return a schema without what differs by documentation: titles, markers and closed objects."""
    if isinstance(schema, list):
        return [undocumented(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    left = {"title", "additionalProperties", "x-fastmcp-wrap-result"}
    found = {key: undocumented(value) for key, value in schema.items() if key not in left or isinstance(value, dict)}
    if found.get("properties") == {}:
        del found["properties"]
    return {key: sorted(value) if key == "required" else value for key, value in found.items()}


def facts(listed: dict[str, Any]) -> list[Any]:
    """Return the facts of a resource or prompt that clients show."""
    return [listed.get(key) for key in ("name", "uri", "title", "description", "mimeType")]


def test_lists_are_those_of_fastmcp(original: dict[str, Any], ours: dict[str, Any]) -> None:
    assert list(ours["tools"]) == list(original["tools"])
    for name, tool in original["tools"].items():
        mine = ours["tools"][name]
        assert mine.get("description") == tool.get("description"), name
        assert undocumented(mine["inputSchema"]) == undocumented(tool["inputSchema"]), name
        assert mine.get("annotations") == tool.get("annotations"), name
        assert ("outputSchema" in mine) == ("outputSchema" in tool), name
    assert ours["tools"]["count"]["title"] == original["tools"]["count"]["title"] == "Number of books"
    assert ours["tools"]["find_book"]["_meta"] == original["tools"]["find_book"]["_meta"]
    for kind in ("resources", "prompts"):
        assert [facts(one) for one in ours[kind].values()] == [facts(one) for one in original[kind].values()]
    assert [one["uriTemplate"] for one in ours["templates"]] == [one["uriTemplate"] for one in original["templates"]]


def test_calls_have_the_results_of_fastmcp(original: dict[str, Any], ours: dict[str, Any]) -> None:
    assert list(ours["calls"]) == list(original["calls"])
    for call, result in original["calls"].items():
        mine = ours["calls"][call]
        assert mine.get("isError", False) == result.get("isError", False), call
        if call not in INVALID:
            assert mine["content"] == result["content"], call
            assert mine.get("structuredContent") == result.get("structuredContent"), call
    assert [(done, total) for done, total, _ in ours["progress"]] == [(n, 3) for n in (1, 2, 3)]
    assert original["progress"] == ours["progress"]
    assert ours["logged"] == ["2 of 2"]
    assert [record["msg"] for record in original["logged"]] == ours["logged"]


def test_resources_and_prompts_have_the_contents_of_fastmcp(original: dict[str, Any], ours: dict[str, Any]) -> None:
    for uri, result in original["reads"].items():
        assert ("error" in ours["reads"][uri]) == ("error" in result), uri
        assert ours["reads"][uri].get("contents") == result.get("contents"), uri
    assert "'none'" in ours["reads"]["library://books/none"]["error"]
    for call, result in original["got"].items():
        assert ("error" in ours["got"][call]) == ("error" in result), call
        assert ours["got"][call].get("messages") == result.get("messages"), call


def test_structured_results_are_those_of_the_official_sdk(sdk: dict[str, Any], ours: dict[str, Any]) -> None:
    for call, result in sdk["calls"].items():
        if call.startswith("reserve "):  # its forms are models of pydantic
            continue
        mine = ours["calls"][call]
        assert mine.get("isError", False) == result.get("isError", False), call
        structured = result.get("structuredContent")
        if structured not in (None, {"result": None}):
            assert mine.get("structuredContent") == structured, call
    assert json.loads(sdk["calls"]["facts {}"]["content"][0]["text"]) == ours["calls"]["facts {}"]["structuredContent"]
    assert {uri: result.get("contents") for uri, result in sdk["reads"].items()} == {
        uri: result.get("contents") for uri, result in ours["reads"].items()
    }
