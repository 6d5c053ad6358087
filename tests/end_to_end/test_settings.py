"""The settings (`WASMCP_*`) as operators meet them: docs/reference/environment.md."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.server_processes import WASMCP, free_port, listening, wasmtime_serve
from support.zig_servers import asker

from wasmcp.errors import InvalidSettingError
from wasmcp.host import open_server

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    "progressToken": 1,
}
ROUNDS = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "rounds", "_meta": META}}
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "rounds",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asker(tmp_path_factory.mktemp("asker"))


@contextmanager
def served(server: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Iterator[int]:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    port = free_port()
    with listening([*WASMCP, "serve", str(server), "--port", str(port)], port):
        yield port


def send(port: int, method: str = "POST", body: Any = ROUNDS, **headers: str) -> tuple[int, dict[str, str], str]:
    """One HTTP request; underscores in names of headers become hyphens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    given = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    text = body if isinstance(body, str) else json.dumps(body)
    connection.request(method, "/mcp", text if method == "POST" else None, given)
    response = connection.getresponse()
    fields = {name.lower(): value for name, value in response.getheaders()}
    read = response.read().decode()
    connection.close()
    return response.status, fields, read


WRONG = [
    ("WASMCP_ALLOWED_ORIGINS", "example.com"),
    ("WASMCP_ALLOWED_HOSTS", "http://example.com"),
    ("WASMCP_MAX_BODY", "4MB"),
    ("WASMCP_STATE_KEYS", "short"),
    ("WASMCP_STATE_TTL", "0"),
    ("WASMCP_SESSION_ENABLED", "maybe"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_invalid_value_stops_the_start(server: Path, name: str, value: str) -> None:
    with (
        open_server(server, settings={name: value}) as opened,
        pytest.raises(InvalidSettingError, match=f"^{name} must be"),
    ):
        opened.boot()


@pytest.mark.parametrize("command", [["run"], ["serve", "--port", "0"]], ids=["run", "serve"])
def test_commands_report_an_invalid_value_and_end(server: Path, command: list[str]) -> None:
    name, value = WRONG[0]
    first, *rest = command
    done = subprocess.run(
        [*WASMCP, first, str(server), *rest],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, name: value},
    )
    assert done.returncode == 1
    assert f"{name} must be" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_invalid_value_is_reported_at_the_first_request_under_wasmtime(tmp_path: Path) -> None:
    name, value = WRONG[0]
    with wasmtime_serve(asker(tmp_path, environment=True), "-Scli", "--env", f"{name}={value}") as port:
        status, _, body = send(port)
    assert status == 500
    assert json.loads(body)["error"]["code"] == -32603


def test_allowed_origins_and_cors(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(server, monkeypatch, WASMCP_ALLOWED_ORIGINS="https://a.test, http://b.test:8080") as port:
        status, headers, _ = send(
            port, "OPTIONS", Origin="https://a.test", Access_Control_Request_Headers="mcp-param-x"
        )
        assert status == 204
        assert headers["access-control-allow-origin"] == "https://a.test"
        assert "POST" in headers["access-control-allow-methods"]
        assert headers["access-control-allow-headers"] == "mcp-param-x"
        status, headers, body = send(port, Origin="http://b.test:8080")
        assert (status, headers["access-control-allow-origin"]) == (200, "http://b.test:8080")
        assert headers["content-type"] == "text/event-stream"
        assert "notifications/progress" in body
        for origin in ("http://localhost", "https://a.test.evil", "http://a.test", "null"):
            assert send(port, Origin=origin)[0] == 403, origin
        assert "access-control-allow-origin" not in send(port)[1]


def test_other_origins_are_refused_by_default(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(server, monkeypatch, WASMCP_REQUIRE_ORIGIN="true") as port:
        assert send(port, Origin="http://localhost:3000")[0] == 200
        assert send(port, "OPTIONS", Origin="http://localhost:3000")[0] == 405
        assert send(port, Origin="https://a.test")[0] == 403
        assert send(port)[0] == 403


def test_allowed_hosts(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(server, monkeypatch, WASMCP_ALLOWED_HOSTS="example.com,b.test:81") as port:
        assert send(port, Host="example.com")[0] == 200
        assert send(port, Host="EXAMPLE.com:8080")[0] == 200
        assert send(port, Host="b.test:81")[0] == 200
        for host in ("b.test", "example.com.evil", "127.0.0.1"):
            assert send(port, Host=host)[0] == 403, host


def test_names_of_this_machine_are_allowed_hosts(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(server, monkeypatch) as port:
        for host in ("localhost", "LocalHost:8000", "127.0.0.1:1", "[::1]"):
            assert send(port, Host=host)[0] == 200, host
        for host in ("evil.test", "localhost.evil.test:8000", "192.168.1.5", ":"):
            assert send(port, Host=host)[0] == 403, host


def test_allowed_hosts_under_wasmtime(tmp_path: Path) -> None:
    with wasmtime_serve(asker(tmp_path / "local")) as port:
        assert send(port)[0] != 403
        assert send(port, Host="evil.test")[0] == 403
    with wasmtime_serve(asker(tmp_path / "baked", settings={"WASMCP_ALLOWED_HOSTS": "example.com"})) as port:
        assert send(port, Host="example.com")[0] != 403
        assert send(port, Host="localhost")[0] == 403


def test_limit_of_bodies(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(server, monkeypatch, WASMCP_MAX_BODY="2000") as port:
        assert send(port)[0] == 200
        status, _, body = send(port, body=json.dumps(ROUNDS) + " " * 2000)
        assert status == 413
        assert "2000 bytes" in json.loads(body)["error"]["message"]
    with served(server, monkeypatch, WASMCP_MAX_BODY=str(8 << 20)) as port:
        assert send(port, body=json.dumps(ROUNDS) + " " * (6 << 20))[0] == 200


def test_streams_can_be_disabled(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(server, monkeypatch, WASMCP_DISABLE_SSE="true") as port:
        status, headers, body = send(port)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body)["result"]["resultType"] == "input_required"


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_sessions_of_handshake_revisions(server: Path, monkeypatch: pytest.MonkeyPatch, enabled: str) -> None:
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    opening = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    with served(server, monkeypatch, WASMCP_SESSION_ENABLED=enabled) as port:
        status, headers, _ = send(port, body=opening, MCP_Protocol_Version="2025-11-25")
    assert status == 200
    assert ("mcp-session-id" in headers) == (enabled == "true")
