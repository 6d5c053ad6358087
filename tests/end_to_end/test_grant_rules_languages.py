"""Rules of grants for components in Rust and TypeScript, and the errors of their libraries. Slow: it compiles both."""

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
from support.rust_prerequisites import MISSING
from support.web_server import web_server

from wasmcp.cli.group import commands
from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.compose.grant_rules import read_grants
from wasmcp.host import Server, open_server
from wasmcp.project.build_steps import build_component
from wasmcp.project.config import load

pytestmark = pytest.mark.slow

LANGUAGES = [pytest.param("rs", marks=pytest.mark.skipif(bool(MISSING), reason=MISSING)), "ts"]
ALL = ["http", "env", "kv", "fs", "sockets"]
MISSING_STORE = {
    "rs": "`kv` is not granted to this component",
    "ts": '`grants = ["kv"]` in the table of the component grants it',
}
Call = Callable[..., Any]


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def component(language: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Any]:
    """The component and its catalogue."""
    source = Path(__file__).parent.parent / "support" / f"granted_tools.{language}"
    project = f"""\
[tool.wasmcp.components.tools]
source = "{language}/granted_tools.{language}"
grants = {json.dumps(ALL)}

[tool.wasmcp.servers.default]
components = ["tools"]
"""
    files = project_files("granted", {f"{language}/granted_tools.{language}": source.read_text()}, project)
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
                return (result.structured_content or {})["result"]

            yield call

    return running


def inspected(path: Path) -> Any:
    shown = CliRunner().invoke(commands, ["inspect", str(path), "--no-boot", "--json"])
    (part,) = json.loads(shown.stdout)["components"]
    return part


def missing_grant(rule: str, language: str) -> str:
    """Return how the error of a denied request names the grant."""
    if language == "ts":
        return f'`grants = {{ http = ["{rule}"] }}` in the table of the component grants it'
    return f"`http` for `{rule}` is not granted to this component: name it in the `grants`"


@pytest.fixture
def host(tmp_path: Path) -> dict[str, Any]:
    """Variables and directories that the operator gives to the server."""
    for name in ("read", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(f"{name}/a")
    directories = [(str(tmp_path / "read"), "/data", True), (str(tmp_path / "other"), "/other", True)]
    return {"env": {"TOKEN": "t", "OTHER": "o"}, "directories": directories}


def test_without_a_grant_everything_is_denied(
    running: Callable[..., Any], host: dict[str, Any], tmp_path: Path, language: str
) -> None:
    with web_server() as url, running({}, **host) as call:
        _, _, port = url.rpartition(":")
        assert missing_grant(url, language) in call("get", url=url)
        assert call("variable", name="TOKEN") == "none"
        assert MISSING_STORE[language] in call("keep", bucket="", key="a")
        if language == "rs":  # scripts have neither
            assert call("read", path="/data/a").startswith("error: ")
            assert call("write", path="/data/new").startswith("error: ")
            assert call("connect", host="127.0.0.1", port=int(port.rstrip("/"))).startswith("error: ")
    part = inspected(tmp_path / "server.wasm")
    assert part["granted"] == []
    assert part["guarded"] == []
    assert set(part["refused"]) >= {"env", "http", "kv"}
    assert {"fs", "sockets"} <= set(part["refused"]) or language == "ts"
    assert not any(name.startswith(("wasi:filesystem", "wasi:sockets", "wasi:keyvalue")) for name in part["host"])


def test_exactly_the_rules_work(
    running: Callable[..., Any], host: dict[str, Any], tmp_path: Path, language: str
) -> None:
    grants: dict[str, Any] = {"env": ["TOKEN"], "kv": ["bucket:notes"]}
    if language == "rs":
        grants["fs"] = ["/data"]
    with web_server() as away, web_server(away) as url, running({**grants, "http": [url]}, **host) as call:
        assert json.loads(call("get", url=f"{url}/x"))[1] == "/x"
        for other, rule in ((away, away), (f"{url}/away", away), ("http://localhost:1/", "http://localhost:1")):
            assert missing_grant(rule, language) in call("get", url=other)
        assert call("variable", name="TOKEN") == "t"
        assert call("variable", name="OTHER") == "none"
        assert call("keep", bucket="notes", key="a") == "kept"
        assert MISSING_STORE[language] in call("keep", bucket="other", key="a")
        if language == "rs":
            assert call("read", path="/data/a") == "read/a"
            assert call("write", path="/data/new").startswith("error: ")
            assert call("read", path="/other/a").startswith("error: ")
    part = inspected(tmp_path / "server.wasm")
    assert part["rules"] == {**grants, "http": [url]}
    assert part["unproved_rules"] == []
    assert set(part["refused"]) <= {"sockets", "fs"}
