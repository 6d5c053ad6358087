"""Deployment to a host of wasmCloud: the written files are pushed and applied, and the server is called."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.conversations import OlderClient
from support.registries import needs_registry
from support.wash_host import WashHost, wash_host
from support.wash_servers import needs_nats, needs_wash
from support.zig_servers import keeping_server

from wasmcp.cli.group import commands

pytestmark = [needs_wash, needs_nats, needs_registry, pytest.mark.slow]


@pytest.fixture(scope="module")
def host(wash: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WashHost]:
    with wash_host(wash, tmp_path_factory.mktemp("host")) as host:
        yield host


def test_a_deployed_server_keeps_sessions_and_values(host: WashHost, tmp_path: Path) -> None:
    server = keeping_server(
        tmp_path / "keeper.wasm", "sessions", "kv", keyvalue="0.2.0-draft", stored_sessions=True, environment=True
    )
    image = f"{host.registry}/t/keeper:1"
    options = ["--image", image, "--host", "127.0.0.1", "--secret", "WASMCP_STATE_KEYS", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(commands, ["deploy", "wasmcloud", str(server), *options])
    assert done.exit_code == 0, done.output
    assert f"wash oci push {image} server.wasm" in done.output
    host.push(tmp_path / "out", image)
    secrets = {"keeper": {"WASMCP_STATE_KEYS": "0123456789abcdef" * 2}}
    status = host.apply(tmp_path / "out" / "workload.yaml", secrets)
    assert status["workloadState"] == "WORKLOAD_STATE_RUNNING", json.dumps(status)
    try:
        # The first one in an empty store has a sealed id: the secret has reached the server.
        assert len(OlderClient(host.port).session) > 32
        client = OlderClient(host.port)
        assert len(client.session) == 32
        assert client(do="set", key="name", text="Ada") == "ok"
        assert [client(do="increment", key="visits") for _ in range(2)] == ["1", "2"]
        assert client(do="get", key="name") == "string Ada"
        assert client.send("DELETE")[0] == 204
    finally:
        host.stop("keeper")
