"""Rules of grants for a Python component, and the errors of the library. Slow: it compiles one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.compose_inputs import METADATA
from support.projects import project_files, write_project
from support.web_server import web_server

from wasmcp.cli.group import commands
from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.compose.grant_rules import read_grants
from wasmcp.host import Server, open_server
from wasmcp.project.build_steps import build_component
from wasmcp.project.config import load

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).parent.parent / "support" / "granted_tools.py"
PROJECT = """\
[tool.wasmcp.components.tools]
source = "src/granted/granted_tools.py"
grants = ["http", "env", "kv", "fs", "sockets"]

[tool.wasmcp.servers.default]
components = ["tools"]
"""
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Any]:
    """The component and its catalogue."""
    files = project_files("granted", {"src/granted/granted_tools.py": SOURCE.read_text()}, PROJECT)
    built = build_component(load(write_project(tmp_path_factory.mktemp("granted"), files)), "tools")
    return built.data, built.catalogue


@pytest.fixture
def running(component: tuple[bytes, Any], tmp_path: Path) -> Callable[..., Any]:
    @contextmanager
    def running(grants: Mapping[str, Any], **options: Any) -> Iterator[Call]:
        problems: list[str] = []
        families, rules = read_grants(grants, lambda *problem: problems.append(": ".join(problem)))
        assert problems == []
        spec = ComponentSpec("tools", component[0], component[1], families, rules=rules)
        compose_server([spec], METADATA).write(tmp_path / "server.wasm")
        with open_server(tmp_path / "server.wasm", instances=1, **options) as server:
            assert isinstance(server, Server)

            def call(name: str, /, **arguments: Any) -> Any:
                result = server.call_tool(name, arguments)
                if result.is_error:
                    return f"error: {result.content[0]['text']}"
                content = result.structured_content or {}
                return content.get("result", content)

            yield call

    return running


@pytest.fixture
def directories(tmp_path: Path) -> Path:
    for name in ("read", "other"):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("a", "b"):
            (folder / file).write_text(f"{name}/{file}")
    return tmp_path


def test_without_a_grant_everything_is_denied(running: Callable[..., Any], directories: Path, tmp_path: Path) -> None:
    host = {"env": {"TOKEN": "t"}, "directories": [(str(directories / "read"), "/data", True)]}
    with web_server() as url, running({}, **host) as call:
        _, _, port = url.rpartition(":")
        assert "not granted" in call("get", url=url)
        assert call("variables") == {}
        assert "not granted" in call("keep", bucket="", key="a")
        assert call("read", path="/data/a").startswith("error: ")
        assert call("connect", host="127.0.0.1", port=int(port)).startswith("error: ")
    shown = CliRunner().invoke(commands, ["inspect", str(tmp_path / "server.wasm"), "--no-boot", "--json"])
    (part,) = json.loads(shown.stdout)["components"]
    assert (part["granted"], part["host"], part["guarded"]) == ([], part["host"], [])
    assert set(part["refused"]) == {"env", "fs", "sockets", "http", "kv"}


def test_exactly_the_rules_work(running: Callable[..., Any], directories: Path, tmp_path: Path) -> None:
    grants = {"env": ["TOKEN"], "kv": ["bucket:notes"], "fs": ["/data"]}
    host = {
        "env": {"TOKEN": "t", "OTHER": "o"},
        "directories": [(str(directories / "read"), "/data", True), (str(directories / "other"), "/other", True)],
    }
    with web_server() as away, web_server(away) as url, running({**grants, "http": [url]}, **host) as call:
        assert json.loads(call("get", url=f"{url}/x"))[1] == "/x"
        for other in (away, f"{url}/away", "http://localhost:1/"):
            answer = call("get", url=other)
            rule = away if "away" in other or other == away else "http://localhost:1"
            assert f"`http` for `{rule}` is not granted to this component: name it in the `grants`" in answer
        assert call("variables") == {"TOKEN": "t"}
        assert call("keep", bucket="notes", key="a") == "kept"
        assert "`kv` is not granted" in call("keep", bucket="other", key="a")
        assert call("read", path="/data/a") == "read/a"
        assert call("read", path="/data") == "a,b"
        assert call("write", path="/data/new").startswith("error: PermissionError")
        assert call("read", path="/other/a").startswith("error: ")
    shown = CliRunner().invoke(commands, ["inspect", str(tmp_path / "server.wasm"), "--no-boot", "--json"])
    (part,) = json.loads(shown.stdout)["components"]
    assert part["rules"] == {**grants, "http": [url]}
    assert part["unproved_rules"] == []
    assert part["refused"] == ["sockets"]
