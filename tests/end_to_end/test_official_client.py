"""The official client, in every mode, with every entry point of the same file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from support.server_processes import WASMCP, wasmcp_serve, wasmtime, wasmtime_serve

pytestmark = pytest.mark.slow

MODES = ["auto", "legacy", "2026-07-28"]
VERSIONS = {"auto": "2026-07-28", "legacy": "2025-11-25", "2026-07-28": "2026-07-28"}
TOOLS = ["reverse", "statistics", "truncate", "add", "multiply", "divide"]


async def check_server(target: StdioServerParameters | str, mode: str) -> None:
    async with Client(target, mode=mode, read_timeout_seconds=60) as client:
        assert client.protocol_version == VERSIONS[mode]
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS

        added = await client.call_tool("add", {"a": 1, "b": 2})
        assert added.structured_content == {"result": 3}
        assert not added.is_error

        counted = await client.call_tool("statistics", {"text": "one two", "top": 1})
        assert counted.structured_content == {"characters": 7, "words": 2, "lines": 1, "most_common": ["one"]}

        refused = await client.call_tool("divide", {"a": 1, "b": 0})
        assert refused.is_error

        wrong = await client.call_tool("reverse", {"text": 7})
        assert wrong.is_error
        assert "text" in wrong.content[0].text


@pytest.fixture(scope="module")
def wasmcp_port(example_server: Path) -> Iterator[int]:
    with wasmcp_serve(example_server) as port:
        yield port


@pytest.fixture(scope="module")
def wasmtime_port(example_server: Path) -> Iterator[int]:
    with wasmtime_serve(example_server) as port:
        yield port


@pytest.mark.parametrize("mode", MODES)
def test_wasmcp_run(example_server: Path, mode: str) -> None:
    command, *arguments = [*WASMCP, "run", str(example_server)]
    anyio.run(check_server, StdioServerParameters(command=command, args=arguments), mode)


@pytest.mark.parametrize("mode", MODES)
def test_wasmcp_serve(wasmcp_port: int, mode: str) -> None:
    anyio.run(check_server, f"http://127.0.0.1:{wasmcp_port}/mcp", mode)


@pytest.mark.parametrize("mode", MODES)
def test_stock_wasmtime_serve(wasmtime_port: int, mode: str) -> None:
    anyio.run(check_server, f"http://127.0.0.1:{wasmtime_port}/mcp", mode)


@pytest.fixture(scope="module")
def compiled(example_server: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same file compiled ahead by the stock runtime, so that it is not compiled again for each mode."""
    import subprocess

    target = tmp_path_factory.mktemp("compiled") / "server.cwasm"
    subprocess.run([wasmtime(), "compile", str(example_server), "-o", str(target)], check=True)
    return target


@pytest.mark.parametrize("mode", MODES)
def test_stock_wasmtime_run(compiled: Path, mode: str) -> None:
    arguments = ["run", "-Shttp", "--allow-precompiled", str(compiled)]
    anyio.run(check_server, StdioServerParameters(command=wasmtime(), args=arguments), mode)
