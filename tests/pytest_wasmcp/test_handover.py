"""A server under test handed over to clients that others wrote."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.npm_packages import SDK, installed, node

from wasmcp.testing.server import ServerUnderTest, open_for_test
from wasmcp.testing.world import World

SCRIPT = Path(__file__).parents[1] / "support" / "world_client.mjs"


@pytest.fixture
def server(world_file: Path) -> Iterator[ServerUnderTest]:
    """A server whose requests to `api.example.org` have a rule."""
    world = World()
    world.http.route("GET", "https://api.example.org/x", text="stubbed")
    with open_for_test(world_file, world=world) as opened:
        yield opened
    world.close()


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["in-memory", "url", "stdio"])
async def test_the_client_of_the_official_sdk(server: ServerUnderTest, way: str) -> None:
    import mcp
    from mcp.client.stdio import StdioServerParameters

    command, *arguments = server.stdio_command()
    heard: dict[object, list[str]] = {}
    server.on_message = lambda direction, text, client: heard.setdefault(client, []).append(f"{direction} {text}")
    ways = {
        "in-memory": server.in_memory,
        "url": lambda: server.url,
        "stdio": lambda: StdioServerParameters(command=command, args=arguments),
    }
    progress = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append((done, total, message))

    async with mcp.Client(ways[way]()) as client:
        assert "fetch" in [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("fetch", {"url": "https://api.example.org/x"})
        assert result.structured_content == {"status": 200, "body": "stubbed"}
        assert (await client.call_tool("fail", {})).is_error
        await client.call_tool("report", {}, progress_callback=on_progress)
    assert progress == [(1, 2, "half")]
    (call,) = [
        messages
        for messages in heard.values()
        if any('"tools/call"' in one and "api.example" in one for one in messages)
    ]
    assert any(one.startswith("<-") and "stubbed" in one for one in call)


@pytest.mark.anyio
async def test_the_client_of_the_official_sdk_answers_the_server_and_has_a_handshake_revision(
    server: ServerUnderTest,
) -> None:
    import mcp
    from mcp.types import ElicitResult

    async def elicit(*_: object) -> ElicitResult:
        return ElicitResult(action="accept", content={"name": "Ada"})

    for mode in ("auto", "legacy"):
        async with mcp.Client(server.in_memory(), elicitation_callback=elicit, mode=mode) as client:
            result = await client.call_tool("greet", {})
            assert result.content[0].text == "Hello Ada"  # type: ignore[union-attr]


@pytest.mark.anyio
async def test_several_clients_one_after_the_other_and_at_once(server: ServerUnderTest) -> None:
    import mcp

    async with mcp.Client(server.in_memory()) as one, mcp.Client(server.in_memory()) as other:
        assert (await one.call_tool("count", {"key": "x"})).structured_content == {"result": 1}
        assert (await other.call_tool("count", {"key": "x"})).structured_content == {"result": 2}
    async with mcp.Client(server.url) as client:
        assert (await client.call_tool("count", {"key": "x"})).structured_content == {"result": 3}
    assert server.call_tool("count", {"key": "x"}).data == 4


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # FastMCP does not run on trio
@pytest.mark.parametrize("way", ["in-memory", "url", "stdio"])
async def test_the_client_of_fastmcp(server: ServerUnderTest, way: str) -> None:
    import fastmcp  # type: ignore[import-not-found, unused-ignore]
    from fastmcp.client.transports import StdioTransport  # type: ignore[import-not-found, unused-ignore]

    command, *arguments = server.stdio_command()
    ways = {
        "in-memory": server.fastmcp,
        "url": lambda: server.url,
        "stdio": lambda: StdioTransport(command, arguments),
    }
    async with fastmcp.Client(ways[way]()) as client:
        assert "fetch" in [tool.name for tool in await client.list_tools()]
        result = await client.call_tool("fetch", {"url": "https://api.example.org/x"})
        assert result.structured_content == {"status": 200, "body": "stubbed"}


def test_the_client_of_the_typescript_sdk_on_the_url(server: ServerUnderTest) -> None:
    script = installed(SDK) / SCRIPT.name
    script.write_text(SCRIPT.read_text("utf-8"), "utf-8")
    command = [node(), str(script), server.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "fetch" in found["tools"]
    assert found["result"] == {"status": 200, "body": "stubbed"}


def test_the_url_and_the_command_of_the_fixture(world_tests: pytest.Pytester) -> None:
    code = """
        import subprocess
        import urllib.request

        def test_url(wasmcp_server):
            assert wasmcp_server.url.startswith("http://127.0.0.1:")
            assert wasmcp_server.url == wasmcp_server.url

        def test_command(wasmcp_server):
            line = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",'
            line += b'"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\\n'
            done = subprocess.run(wasmcp_server.stdio_command(), input=line, capture_output=True, timeout=60)
            assert b'"protocolVersion":"2025-06-18"' in done.stdout
            assert done.returncode == 0

        left = []

        def test_left(wasmcp_server):
            left.append(wasmcp_server.stdio_command())

        def test_closed():
            done = subprocess.run(left[0], input=b"", capture_output=True, timeout=60)
            assert done.returncode == 1
            assert b"cannot be reached" in done.stderr
    """
    world_tests.makepyfile(textwrap.dedent(code))
    world_tests.runpytest_subprocess().assert_outcomes(passed=4)
