"""Scripts that use the host: requests over HTTP, stored values, configuration, the values of a session."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from support.projects import write_project
from support.server_processes import WASMCP
from support.web_server import web_server

from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built

pytestmark = pytest.mark.slow

PYPROJECT = """\
[project]
name = "hosted"
version = "1"

[tool.wasmcp.components.hosted]
source = "src/hosted/hosted.ts"
grants = ["http", "kv", "env", "sessions"]

[tool.wasmcp.components.hosted.config]
greeting = "Hi"
nested = { a = 1 }

[tool.wasmcp.servers.default]
components = ["hosted"]
"""


@pytest.fixture(scope="module")
def hosted_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"pyproject.toml": PYPROJECT, "src/hosted/__init__.py": ""}
    root = write_project(tmp_path_factory.mktemp("hosted"), files)
    shutil.copyfile(Path(__file__).parent / "hosted.ts", root / "src" / "hosted" / "hosted.ts")
    return ensure_built(root)


@pytest.fixture(scope="module")
def hosted(hosted_path: Path) -> Iterator[Server]:
    with open_server(hosted_path, env={"RETRIES": "5"}) as server:
        yield server


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with web_server() as other, web_server(other) as url:
        yield url


def call(server: Server, name: str, **arguments: Any) -> Any:
    result = server.call_tool(name, arguments)
    assert not result.is_error, result.text
    return result.structured_content


def test_a_request(hosted: Server, web: str) -> None:
    found = call(hosted, "get", url=f"{web}/?q=é")
    assert found["status"] == 200
    method, path, sent, credentials, _ = json.loads(found["text"])
    assert (method, path, sent, credentials) == ("GET", "/?q=%C3%A9", {"x-one": ["1"]}, ["authorization"])
    assert call(hosted, "get", url=f"{web}/missing")["status"] == 404


def test_redirects(hosted: Server, web: str) -> None:
    moved = call(hosted, "get", url=f"{web}/moved")
    assert (moved["redirected"], moved["url"]) == (True, f"{web}/?moved#top")
    away = json.loads(call(hosted, "get", url=f"{web}/away")["text"])
    assert away[3] == []  # no credentials for another server
    assert "more than 20 redirects" in call(hosted, "get", url=f"{web}/round")["text"]


@pytest.mark.parametrize("streamed", [False, True])
def test_bodies(hosted: Server, web: str, streamed: bool) -> None:
    pieces = 2 if streamed else 1
    assert call(hosted, "post", url=f"{web}/echo", size=100_000, streamed=streamed) == {"result": 200_000 * pieces}


def test_several_at_once(hosted: Server, web: str) -> None:
    assert call(hosted, "together", url=f"{web}/together", count=3) == {"result": ["together"] * 3}


@pytest.mark.parametrize(
    ("page", "problem"),
    [("nonsense", "failed: "), ("short", "failed: "), ("never", "TimeoutError: it took longer than 200 ms")],
)
def test_requests_that_fail(hosted: Server, web: str, page: str, problem: str) -> None:
    found = call(hosted, "get", url=f"{web}/{page}", signal=200 if page == "never" else 5000)
    assert found["status"] == 0
    assert problem in found["text"]


def test_connection_refused(hosted: Server) -> None:
    assert "connection refused" in call(hosted, "get", url="http://127.0.0.1:1/")["text"]
    assert "needs a URL with http or https" in call(hosted, "get", url="ftp://127.0.0.1/")["text"]


def test_a_request_that_is_left_behind(hosted: Server, web: str) -> None:
    assert call(hosted, "abandon", url=f"{web}/never") == {"result": "left"}
    assert call(hosted, "get", url=f"{web}/")["status"] == 200


def test_stored_values(hosted: Server) -> None:
    assert call(hosted, "store", key="k") == {
        "value": {"a": [1, "é"]},
        "count": 2,
        "many": {"text": "x", "flag": True, "half": 0.5},
        "bytes": [1, 255],
        "swapped": [True, False],
        "keys": ["bytes"],
        "has": False,
    }
    assert call(hosted, "store", key="k")["count"] == 4
    assert call(hosted, "misuse") == {"result": "not-a-counter"}


def test_configuration(hosted: Server) -> None:
    assert call(hosted, "configured") == {
        "greeting": "Hi",
        "retries": 5,
        "fallback": "fallback",
        "table": {"greeting": "Hi", "nested": {"a": 1}},
    }


def test_no_session(hosted: Server) -> None:
    assert call(hosted, "visits") == {"result": -1}


def test_the_values_of_a_session(hosted_path: Path) -> None:
    async def visits() -> list[Any]:
        command, *arguments = [*WASMCP, "run", str(hosted_path)]
        target = StdioServerParameters(command=command, args=arguments)
        async with Client(target, mode="legacy", read_timeout_seconds=120) as client:
            return [(await client.call_tool("visits", {})).structured_content for _ in range(2)]

    assert anyio.run(visits) == [{"result": 1}, {"result": 2}]
