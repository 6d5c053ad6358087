"""Change notifications with the official client, in each era and through each command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.subscriptions import ResourceUpdated, ToolsListChanged
from support.server_processes import WASMCP, wasmcp_serve, wasmtime
from support.zig_servers import changing_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return changing_server(tmp_path_factory.mktemp("changing"))


@pytest.fixture(params=["wasmcp serve", "wasmcp run", "wasmtime run"])
def target(request: pytest.FixtureRequest, server: Path) -> Iterator[StdioServerParameters | str]:
    if request.param == "wasmcp serve":
        with wasmcp_serve(server) as port:
            yield f"http://127.0.0.1:{port}/mcp"
    else:
        command = [*WASMCP, "run"] if request.param == "wasmcp run" else [wasmtime(), "run", "-Shttp"]
        yield StdioServerParameters(command=command[0], args=[*command[1:], str(server)])


def test_notifications_of_changes_reach_the_client(target: StdioServerParameters | str) -> None:
    async def listen() -> None:
        async with Client(target, mode="2026-07-28", read_timeout_seconds=30) as client:
            async with client.listen(tools_list_changed=True, resource_subscriptions=["a:b"]) as heard:
                assert heard.honored.resource_subscriptions == ["a:b"]
                with anyio.fail_after(30):
                    await client.call_tool("change")
                    assert await anext(heard) == ToolsListChanged()
                    await client.call_tool("update", {"uri": "a:c"})
                    await client.call_tool("update", {"uri": "a:b"})
                    assert await anext(heard) == ResourceUpdated(uri="a:b")
            # The connection goes on without the stream.
            assert not (await client.call_tool("change")).is_error

    anyio.run(listen)


def test_notifications_of_changes_reach_a_client_of_a_handshake_revision(target: StdioServerParameters | str) -> None:
    async def subscribe() -> None:
        heard: list[Any] = []
        news = anyio.Event()

        async def take(message: Any) -> None:
            nonlocal news
            heard.append(message)
            news.set()

        async def wait() -> Any:
            nonlocal news
            with anyio.fail_after(30):
                while not heard:
                    await news.wait()
                    news = anyio.Event()
            return heard.pop(0)

        async with Client(target, mode="legacy", message_handler=take, read_timeout_seconds=30) as client:
            assert client.server_capabilities.resources.subscribe
            await client.call_tool("change")
            assert (await wait()).method == "notifications/tools/list_changed"
            await client.session.subscribe_resource("a:b")
            await client.call_tool("update", {"uri": "a:b"})
            updated = await wait()
            assert (updated.method, str(updated.params.uri)) == ("notifications/resources/updated", "a:b")

    anyio.run(subscribe)
