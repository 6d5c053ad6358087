"""Rules of grants for components in Rust and TypeScript, and the errors of their libraries. Slow: it compiles both."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support import granted_components
from support.granted_components import Built, built_component, inspected
from support.rust_crates import MISSING
from support.web_server import web_server

from wasmcp.testing.world import World

pytestmark = pytest.mark.slow

LANGUAGES = [pytest.param("rs", marks=pytest.mark.skipif(bool(MISSING), reason=MISSING)), "ts"]
MISSING_STORE = "`kv` for `bucket:{0}` is not granted to this component: name it in the `grants` of its table: "


MISSING_KEYS = (
    '`kv` for `{ bucket = "shared", prefix = "theirs/" }` is not granted to this component: name it in the `grants` of '
    'its table: `grants = { kv = [{ bucket = "shared", prefix = "theirs/" }] }`'
)


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def component(language: str, tmp_path_factory: pytest.TempPathFactory) -> Built:
    source = Path(__file__).parent.parent / "support" / f"granted_tools.{language}"
    return built_component(tmp_path_factory.mktemp("granted"), f"{language}/{source.name}", source.read_text())


@pytest.fixture
def running(component: Built, tmp_path: Path) -> Callable[..., Any]:
    return partial(granted_components.running, tmp_path / "server.wasm", component)


def missing_grant(rule: str) -> str:
    """Return how the error of a denied request names the grant."""
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
        assert missing_grant(url) in call("get", url=url)
        assert call("variable", name="TOKEN") == "none"
        assert MISSING_STORE.format("") in call("keep", bucket="", key="a")
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
    grants: dict[str, Any] = {
        "env": ["TOKEN"],
        "kv": ["bucket:notes", {"bucket": "shared", "prefix": "own/"}],
    }
    if language == "rs":
        grants["fs"] = ["/data"]
    with web_server() as away, web_server(away) as url, running({**grants, "http": [url]}, **host) as call:
        assert json.loads(call("get", url=f"{url}/x"))[1] == "/x"
        for other, rule in ((away, away), (f"{url}/away", away), ("http://localhost:1/", "http://localhost:1")):
            assert missing_grant(rule) in call("get", url=other)
        assert call("variable", name="TOKEN") == "t"
        assert call("variable", name="OTHER") == "none"
        assert call("keep", bucket="notes", key="a") == "kept"
        assert MISSING_STORE.format("other") in call("keep", bucket="other", key="a")
        assert call("keep", bucket="shared", key="own/a") == "kept"
        assert MISSING_KEYS in call("keep", bucket="shared", key="theirs/a")
        if language == "rs":
            assert call("read", path="/data/a") == "read/a"
            assert call("write", path="/data/new").startswith("error: ")
            assert call("read", path="/other/a").startswith("error: ")
    part = inspected(tmp_path / "server.wasm")
    assert part["rules"] == {**grants, "http": [url]}
    assert part["unproved_rules"] == []
    assert set(part["refused"]) <= {"sockets", "fs"}


def test_the_network_of_a_test_is_that_of_a_component_in_each_language(running: Callable[..., Any]) -> None:
    world = World()
    world.http.route("GET", "https://api.example.org/*", text="stubbed")
    with running({"http": True}, substitutes=world.substitutes()) as call:
        assert call("get", url="https://api.example.org/x?y=1") == "stubbed"
        unknown = call("get", url="https://other.example/")
        assert "the network of this test has no rule for the request" in unknown
        assert "grants" not in unknown
    assert [sent.url for sent in world.http.requests] == ["https://api.example.org/x?y=1"]
    assert list(world.http.refused) == ["GET https://other.example/"]
    world.close()
