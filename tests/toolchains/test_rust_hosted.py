"""Rust components that use the host: streamed HTTP, several requests at a time, the values of a session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from support.projects import project_files, write_project
from support.rust_crates import MISSING
from support.server_processes import WASMCP
from support.web_server import web_server

from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

TABLES = """
[tool.wasmcp.components.hosted]
source = "rust/hosted.rs"
grants = ["http", "sessions"]

[tool.wasmcp.servers.default]
components = ["hosted"]
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = (Path(__file__).parent / "hosted.rs").read_text("utf-8")
    files = project_files("hosted", {"rust/hosted.rs": source}, TABLES)
    return ensure_built(write_project(tmp_path_factory.mktemp("hosted"), files))


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[Server]:
    with open_server(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with web_server() as url:
        yield url


def call(server: Server, name: str, **arguments: Any) -> Any:
    result = server.call_tool(name, arguments)
    assert not result.is_error, result.text
    assert result.structured_content is not None
    return result.structured_content["result"]


def test_bodies_of_requests_and_responses_are_streamed(server: Server, web: str) -> None:
    assert call(server, "echo", url=f"{web}/echo", count=20, size=100_000) == 2_000_000
    assert call(server, "echo_whole", url=f"{web}/echo", count=1, size=300_001) is True


def test_concurrent_requests(server: Server, web: str) -> None:
    assert call(server, "together", url=f"{web}/together", count=3) == ["together"] * 3


def test_lines_are_read_as_they_arrive(server: Server, web: str) -> None:
    assert call(server, "lines", url=f"{web}/lines") == ["one", "twö", "three"]


@pytest.mark.parametrize(
    ("page", "options", "outcome"),
    [
        ("stalls", {"between_bytes": 0.2}, {"timeout": "between_bytes"}),
        ("stalls", {"total": 0.3}, {"timeout": "total"}),
        ("never", {"total": 0.3}, {"timeout": "total"}),
        ("short", {}, {"error": "ProtocolError"}),
        ("nonsense", {}, {"error": "ProtocolError"}),
    ],
)
def test_transfers_that_fail(server: Server, web: str, page: str, options: Any, outcome: dict[str, Any]) -> None:
    found = json.loads(call(server, "fetch", url=f"{web}/{page}", **options))
    assert found.items() >= outcome.items(), found


def test_response_can_be_dropped_before_its_end(server: Server, web: str) -> None:
    assert call(server, "leave", url=f"{web}/stalls") == "beg"
    assert json.loads(call(server, "fetch", url=f"{web}/missing")) == {"status": 404, "text": "not here"}


def test_the_target_and_the_transport(server: Server) -> None:
    assert call(server, "target") == 'Some("target") false'


def test_no_session_without_a_client_session(server: Server) -> None:
    assert json.loads(call(server, "visits")) is None


def test_session_keeps_values(path: Path) -> None:
    async def visits() -> list[Any]:
        command, *arguments = [*WASMCP, "run", str(path)]
        target = StdioServerParameters(command=command, args=arguments)
        async with Client(target, mode="legacy", read_timeout_seconds=120) as client:
            results = [(await client.call_tool("visits", {})).structured_content for _ in range(2)]
            return [json.loads(result["result"]) for result in results if result is not None]

    first, second = anyio.run(visits)
    assert first == {
        "count": 2,
        "names": ["visit 1"],
        "first": True,
        "keys": ["first", "names"],
        "there": [True, False],
    }
    assert (second["count"], second["names"], second["first"]) == (4, ["visit 1", "visit 2"], False)
