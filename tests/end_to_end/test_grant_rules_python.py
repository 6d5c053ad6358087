"""Rules of grants for a Python component, and the errors of the library. Slow: it compiles one."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support import granted_components
from support.granted_components import Built, built_component, inspected
from support.web_server import web_server

from wasmcp.testing.world import World

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).parent.parent / "support" / "granted_tools.py"


@pytest.fixture(scope="module")
def component(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return built_component(tmp_path_factory.mktemp("granted"), "src/granted/granted_tools.py", SOURCE.read_text())


@pytest.fixture
def running(component: Built, tmp_path: Path) -> Callable[..., Any]:
    return partial(granted_components.running, tmp_path / "server.wasm", component)


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
    part = inspected(tmp_path / "server.wasm")
    assert (part["granted"], part["host"], part["guarded"]) == ([], part["host"], [])
    assert set(part["refused"]) == {"env", "fs", "sockets", "http", "kv"}


def test_exactly_the_rules_work(running: Callable[..., Any], directories: Path, tmp_path: Path) -> None:
    grants = {"env": ["TOKEN"], "kv": ["bucket:notes", {"bucket": "shared", "prefix": "own/"}], "fs": ["/data"]}
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
        assert "`kv` for `bucket:other` is not granted" in call("keep", bucket="other", key="a")
        assert 'kv = [{ bucket = "shared", prefix = "theirs/" }]' in call("keep", bucket="shared", key="theirs/a")
        assert call("read", path="/data/a") == "read/a"
        assert call("read", path="/data") == "a,b"
        assert call("write", path="/data/new").startswith("error: PermissionError")
        assert call("read", path="/other/a").startswith("error: ")
    part = inspected(tmp_path / "server.wasm")
    assert part["rules"] == {**grants, "http": [url]}
    assert part["unproved_rules"] == []
    assert part["refused"] == ["sockets"]


def test_the_world_of_a_test_is_that_of_a_python_component(running: Callable[..., Any]) -> None:
    world = World()
    world.http.route("GET", "https://api.example.org/*", text="stubbed")
    with running({"http": True}, substitutes=world.substitutes()) as call:
        assert call("get", url="https://api.example.org/x?y=1") == "stubbed"
        assert "has no rule for the request" in call("get", url="https://other.example/")
        world.clock.freeze("2026-01-02T03:00:00Z", waits=False)  # from now on timeouts end at once
        world.clock.seed(1)
        time_of_day, passed, _ = call("moment")
    assert (time_of_day, passed) == (1767326400.0, 3600.0)
    assert [sent.url for sent in world.http.requests] == ["https://api.example.org/x?y=1"]
    assert list(world.http.refused) == ["GET https://other.example/"]
    world.close()
