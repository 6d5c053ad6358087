"""Behaviour with one implementation for all entry points, tested at each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.compose_inputs import MIDDLEWARE
from support.conversations import EVERY_DOOR, Talk, talking
from support.entry_points import request

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.zig import build_component

SOURCE = Path(__file__).parent / "chain" / "probe.zig"
OWN = ["echo", "events", "wait", "refuse", "later", "ask", "broken"]
REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compose two components: one with several pages of tools, one with a recorded catalogue."""
    folder = tmp_path_factory.mktemp("everywhere")
    data = build_component(SOURCE, wit_directory(), "tools-component", folder / "probe.wasm").read_bytes()
    known = Catalogue(tools=({"name": "known", "inputSchema": {"type": "object"}},), digest="sha256:0")
    specs = [ComponentSpec("paged", data, grants=MIDDLEWARE, dynamic=True), ComponentSpec("recorded", data, known)]
    path = folder / "server.wasm"
    compose_server(specs, ServerMetadata("everywhere", "1")).write(path)
    return path


@pytest.fixture(scope="module", params=EVERY_DOOR)
def entry_point(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def talk(entry_point: str, server: Path) -> Iterator[Talk]:
    with talking(entry_point, server) as talk:
        yield talk


def hello(talk: Talk, revision: str) -> bool:
    """Shake hands if the revision has a handshake."""
    if revision == REVISIONS[-1]:
        return False
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    assert talk(request("initialize", params, meta=None, id=0))["result"]["protocolVersion"] == revision
    return True


@pytest.mark.parametrize("revision", REVISIONS)
def test_pages_across_components(talk: Talk, revision: str) -> None:
    older: dict[str, Any] = {"meta": None} if hello(talk, revision) else {}
    names, cursor = [], None
    while True:
        params = {} if cursor is None else {"cursor": cursor}
        page = talk(request("tools/list", params, **older))["result"]
        names.append([tool["name"] for tool in page["tools"]])
        cursor = page.get("nextCursor")
        if cursor is None:
            break
    assert names == [OWN[0:2], OWN[2:4], OWN[4:6], ["broken", "known"]]


def test_batches(talk: Talk) -> None:
    hello(talk, "2025-03-26")
    ping = {"jsonrpc": "2.0", "id": 1, "result": {}}
    notification = {"jsonrpc": "2.0", "method": "notifications/x"}
    first, second = talk([request("ping", meta=None), notification, request("nope", meta=None, id="b")])
    assert first == ping
    assert (second["id"], second["error"]["code"]) == ("b", -32601)
    assert talk([notification, notification]) is None
    assert talk([request("ping", meta=None)]) == [ping]


# Over HTTP it has a status: test_framework_entry_points_handshake.py, `test_batches`.
@pytest.mark.parametrize("entry_point", ["in-process", "run", "stock run"])
@pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25"])
def test_batches_of_other_revisions(entry_point: str, server: Path, revision: str) -> None:
    with talking(entry_point, server) as talk:
        hello(talk, revision)
        assert talk([request("ping", meta=None)])["error"]["code"] == -32600
