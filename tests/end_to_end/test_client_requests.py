"""A component that sends server-to-client requests, with the official client, over every transport that supports them.

Specification: basic/patterns/mrtr; 2025-11-25, client/elicitation, client/sampling, client/roots.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CreateMessageResult, ElicitResult, ListRootsResult, Root, TextContent
from support.server_processes import WASMCP, wasmcp_serve, wasmtime, wasmtime_serve
from support.zig_servers import asker

MODES = ["auto", "legacy"]
KEYS = "WASMCP_STATE_KEYS=" + "k" * 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asker(tmp_path_factory.mktemp("asker"))


async def elicit(_context: Any, params: Any) -> ElicitResult:
    if getattr(params, "mode", "form") == "url":
        assert params.url == "https://example.com/go"
        return ElicitResult(action="accept")
    assert params.message == "Who?"
    return ElicitResult(action="accept", content={"name": "Ada"})


async def sample(_context: Any, params: Any) -> CreateMessageResult:
    assert params.max_tokens == 10
    return CreateMessageResult(role="assistant", content=TextContent(type="text", text="Paris"), model="m")


async def roots(_context: Any) -> ListRootsResult:
    return ListRootsResult(roots=[Root(uri="file:///r")])


def able(target: StdioServerParameters | str, mode: str) -> Client:
    return Client(
        target,
        mode=mode,
        read_timeout_seconds=60,
        elicitation_callback=elicit,
        sampling_callback=sample,
        list_roots_callback=roots,
    )


def text(result: Any) -> str:
    assert not result.is_error, result
    return str(result.content[0].text)


async def check_requests(target: StdioServerParameters | str, mode: str) -> None:
    async with able(target, mode) as client:
        assert json.loads(text(await client.call_tool("greet", {}))) == {"action": "accept", "content": {"name": "Ada"}}

        who, capital, where = json.loads(text(await client.call_tool("survey", {"a": 1})))
        assert who["content"] == {"name": "Ada"}
        assert capital["content"]["text"] == "Paris"
        assert where["roots"] == [{"uri": "file:///r"}]

        told: list[float] = []

        async def heard(progress: float, _total: float | None, _message: str | None) -> None:
            told.append(progress)

        assert text(await client.call_tool("rounds", {}, progress_callback=heard)) == "xxx"
        assert told == sorted(set(told))
        assert json.loads(text(await client.call_tool("visit", {}))) == {"action": "accept"}

        # Several at a time, more than there are instances: none waits inside of one.
        answers: list[str] = []

        async def one() -> None:
            answers.append(text(await client.call_tool("survey", {})))

        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(one)
        assert len(answers) == 6
        assert all("Paris" in answer for answer in answers)


async def check_missing_capability(target: StdioServerParameters | str, mode: str) -> None:
    """Check the errors for a client without capabilities."""
    async with Client(target, mode=mode, read_timeout_seconds=60) as client:
        if mode == "legacy":
            result = await client.call_tool("greet", {})
            assert result.is_error
            assert "elicitation" in result.content[0].text
        else:
            with pytest.raises(Exception, match="the client does not support `elicitation`") as caught:
                await client.call_tool("greet", {})
            assert caught.value.error.code == -32021  # type: ignore[attr-defined]


def stdio(*command: str) -> StdioServerParameters:
    return StdioServerParameters(command=command[0], args=list(command[1:]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("check", [check_requests, check_missing_capability])
def test_client_requests_under_wasmcp_run(server: Path, mode: str, check: Any) -> None:
    anyio.run(check, stdio(*WASMCP, "run", str(server)), mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("check", [check_requests, check_missing_capability])
def test_client_requests_under_wasmtime_run(server: Path, mode: str, check: Any) -> None:
    anyio.run(check, stdio(wasmtime(), "run", "-Shttp", str(server)), mode)


@pytest.fixture(scope="module")
def port(server: Path) -> Iterator[int]:
    with wasmcp_serve(server) as port:
        yield port


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("check", [check_requests, check_missing_capability])
def test_client_requests_under_wasmcp_serve(port: int, mode: str, check: Any) -> None:
    anyio.run(check, f"http://127.0.0.1:{port}/mcp", mode)


def test_client_requests_under_wasmtime_serve_with_a_key(tmp_path: Path) -> None:
    server = asker(tmp_path, environment=True)
    with wasmtime_serve(server, "-Scli", "--env", KEYS) as port:
        anyio.run(check_requests, f"http://127.0.0.1:{port}/mcp", "auto")
        anyio.run(check_missing_capability, f"http://127.0.0.1:{port}/mcp", "legacy")
