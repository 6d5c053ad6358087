"""Sessions of handshake revisions in the storage of wasmCloud, and of a runtime whose storage does not last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.conversations import INITIALIZE, OlderClient, call
from support.server_processes import STATE_KEYS, wasmtime_serve
from support.wash_servers import STORES, needs_wash, wash_dev
from support.zig_servers import keeping_server

STORED = {"keyvalue": "0.2.0-draft", "stored_sessions": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keeping_server(tmp_path_factory.mktemp("stored") / "keeper.wasm", "sessions", **STORED)


@pytest.fixture(scope="module", params=STORES)
def port(
    request: pytest.FixtureRequest, server: Path, wash: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    with wash_dev(wash, server, tmp_path_factory.mktemp("wash"), request.param) as port:
        # Storage is only used once another instance has read what the first one wrote.
        assert OlderClient(port).session == ""
        yield port


@needs_wash
@pytest.mark.slow
class TestWasmCloud:
    def test_session_and_its_values_last_until_it_ends(self, port: int) -> None:
        client = OlderClient(port)
        assert len(client.session) == 32
        assert client(do="has") == "yes"
        assert client(do="set", key="name", text="Ada") == "ok"
        assert [client(do="increment", key="visits") for _ in range(3)] == ["1", "2", "3"]
        assert client(do="get", key="name") == "string Ada"
        other = OlderClient(port)
        assert other.session != client.session
        assert other(do="get", key="name") == "none"
        assert client.send("GET")[0] == 405
        assert client.send("DELETE")[0] == 204
        for method, message in (("POST", call(do="has")), ("DELETE", None)):
            status, _, body = client.send(method, message)
            assert status == 404
            assert "begin one with `initialize`" in json.loads(body)["error"]["message"]
        assert other(do="has") == "yes"

    def test_ids_that_the_server_did_not_issue_are_not_adopted(self, port: int) -> None:
        client = OlderClient(port)
        issued = client.session
        for wrong in ("f" * 32, issued[:-1] + ("0" if issued[-1] != "0" else "1"), issued[:-1], issued.upper() + "A"):
            client.session = wrong
            assert client.send("POST", call(do="has"))[0] == 404
            status, headers, _ = client.send("POST", INITIALIZE)
            assert (status, len(headers["mcp-session-id"])) == (200, 32)
            assert headers["mcp-session-id"] not in {wrong, issued}

    def test_capabilities_that_need_other_requests_are_left_out(self, port: int) -> None:
        client = OlderClient(port)
        assert "listChanged" not in json.dumps(client.capabilities)
        assert "subscribe" not in json.dumps(client.capabilities)


def test_storage_that_does_not_last_gives_sealed_ids(server: Path, tmp_path: Path) -> None:
    reading = keeping_server(tmp_path / "keeper.wasm", "sessions", environment=True, **STORED)
    with wasmtime_serve(reading, *STATE_KEYS, "-Skeyvalue") as port:
        for _ in range(3):
            client = OlderClient(port)
            assert len(client.session) > 32
            assert client(do="has") == "no"
            assert client.send("DELETE")[0] == 405
            client.session = "0" * 32
            assert client.send("POST", call(do="has"))[0] == 404
    with wasmtime_serve(server, "-Skeyvalue") as port:  # and without keys no session
        for _ in range(3):
            client = OlderClient(port)
            assert client.session == ""
            assert client(do="has") == "no"


def test_sessions_that_are_off_are_not_stored(tmp_path: Path) -> None:
    off = keeping_server(tmp_path / "keeper.wasm", "sessions", environment=True, **STORED)
    data = "-Skeyvalue-in-memory-data=wasmcp.session-mark=" + "0" * 32
    for value, begins in (("true", True), ("false", False)):
        with wasmtime_serve(off, "-Scli", "--env", f"WASMCP_SESSION_ENABLED={value}", "-Skeyvalue", data) as port:
            assert bool(OlderClient(port).session) is begins
