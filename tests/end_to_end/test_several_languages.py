"""One server of components in several languages: one merged list, each call at its owner."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from support.polyglot_project import SOURCES, polyglot_server
from support.server_processes import WASMCP, wasmtime_serve

from wasmcp.host import open_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = polyglot_server(tmp_path_factory.mktemp("polyglot"))
    with open_server(path):  # compiled here, not while a client waits
        return path


async def check_server(target: StdioServerParameters | str) -> None:
    async with Client(target, read_timeout_seconds=240) as client:
        listed = (await client.list_tools()).tools
        assert [tool.name for tool in listed] == [
            f"{language}_{name}" for language in SOURCES for name in ("add", "fail")
        ]
        for language in SOURCES:
            added = await client.call_tool(f"{language}_add", {"a": 1, "b": 2})
            assert added.structured_content == {"result": 3}
            failed = await client.call_tool(f"{language}_fail", {"why": "because"})
            assert failed.is_error
            assert failed.content[0].text == "because"
            wrong = await client.call_tool(f"{language}_add", {"a": "x", "b": 2})
            assert wrong.is_error
            assert "a: " in wrong.content[0].text
        resources = (await client.list_resources()).resources
        assert len(resources) == 2 * len(SOURCES)
        for number, listed_resource in enumerate(resources):
            (contents,) = (await client.read_resource(listed_resource.uri)).contents
            assert contents.text == [*SOURCES][number // 2]


def test_over_lines(server: Path) -> None:
    command, *arguments = [*WASMCP, "run", str(server)]
    anyio.run(check_server, StdioServerParameters(command=command, args=arguments))


def test_under_the_stock_runtime(server: Path) -> None:
    with wasmtime_serve(server) as port:
        anyio.run(check_server, f"http://127.0.0.1:{port}/mcp")
