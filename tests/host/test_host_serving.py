"""`wasmcp serve` from the client's side."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.server_processes import WASMCP, free_port, wasmcp_serve

from wasmcp.environment import BOUND_TO
from wasmcp.errors import HostError
from wasmcp.host import open_server, serve
from wasmcp.host.transports import listener

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
}


@pytest.fixture(scope="module")
def port(zig_server: Path) -> Iterator[int]:
    with wasmcp_serve(zig_server, "--timeout", "1", "--instances", "2") as port:
        yield port


def post(port: int, body: bytes | str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", "/mcp", body, {**HEADERS, **named})
    response = connection.getresponse()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def call(port: int, name: str, arguments: dict[str, Any] | None = None) -> tuple[int, Any]:
    params = {"name": name, "arguments": arguments or {}, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    status, _, answer = post(port, body, Mcp_Method="tools/call", Mcp_Name=name)
    return status, json.loads(answer)


def test_a_call(port: int) -> None:
    status, answer = call(port, "add", {"a": 1, "b": 2})
    assert status == 200
    assert answer["result"]["structuredContent"] == {"result": 3}


@pytest.mark.parametrize("tool", ["crash", "spin"])
def test_failed_call_is_an_error_response(port: int, tool: str) -> None:
    status, answer = call(port, tool)
    assert (status, answer["error"]["code"]) == (200, -32603)
    assert "wasm" not in json.dumps(answer)
    assert call(port, "add", {"a": 1, "b": 2})[0] == 200


def test_slow_call_does_not_block_others(port: int) -> None:
    slow = threading.Thread(target=call, args=(port, "spin"))
    slow.start()
    time.sleep(0.1)
    for _ in range(3):
        assert call(port, "add", {"a": 1, "b": 2})[0] == 200
    assert slow.is_alive()
    slow.join()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b"\xff", 400, -32700),
        (b'{"a":"\xc3"}', 400, -32700),
        (b"[" * 100_000, 400, None),
        (b"x" * (10 << 20), 413, -32600),
        (json.dumps({"jsonrpc": "2.0", "id": 1, "method": "no/such", "params": {"_meta": META}}).encode(), 404, -32601),
    ],
)
def test_bad_bodies(port: int, body: bytes, status: int, code: int | None) -> None:
    got, headers, answer = post(port, body, Mcp_Method="no/such")
    assert got == status
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(answer)
    if code is not None:
        assert json.loads(answer)["error"]["code"] == code
    assert call(port, "add", {"a": 1, "b": 2})[0] == 200


def test_foreign_origins_are_rejected(port: int) -> None:
    assert post(port, b"{}", Origin="http://evil.example")[0] == 403
    assert post(port, b"{}", Origin=f"http://127.0.0.1:{port}")[0] == 400
    assert post(port, b"{}", Host="evil.example")[0] == 403
    assert post(port, b"{}", Host=f"localhost:{port}")[0] == 400


def test_other_methods_and_paths_are_rejected(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/mcp?x=1")
    response = connection.getresponse()
    response.read()
    assert (response.status, response.getheader("allow")) == (405, "POST")
    connection.request("POST", "/other", b"{}")
    assert connection.getresponse().status == 404


def raw(port: int, *fields: str, body: bytes = b"{}", method: str = "POST") -> bytes:
    """Send one request with exactly these header fields; return all data until the connection ends."""
    head = "\r\n".join([f"{method} /mcp HTTP/1.1", f"Host: localhost:{port}", "Connection: close", *fields, "", ""])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_ambiguous_fields_are_rejected(port: int) -> None:
    smuggled = b"2\r\n{}\r\n0\r\n\r\nGET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n"
    both = raw(port, "Content-Type: application/json", "Content-Length: 2", "Transfer-Encoding: chunked", body=smuggled)
    assert both.startswith(b"HTTP/1.1 400 ")
    assert both.count(b"HTTP/1.1 ") == 1
    twice = raw(port, "Content-Type: application/json", "Content-Type: text/plain", "Content-Length: 2")
    assert twice.startswith(b"HTTP/1.1 415 ")
    assert raw(port, "Host: evil.test", "Content-Length: 2").startswith(b"HTTP/1.1 400 ")


def test_responses_are_sent_without_delay(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}})
    took = []
    for _ in range(20):
        start = time.monotonic()
        connection.request("POST", "/mcp", body, {**HEADERS, "Mcp-Method": "tools/list"})
        connection.getresponse().read()
        took.append(time.monotonic() - start)
    assert sorted(took)[10] < 0.03  # Nagle's algorithm would make it 0.04


def test_disconnect_frees_the_instance(port: int) -> None:
    params = {"name": "spin", "arguments": {}, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    head += f"Mcp-Method: tools/call\r\nMcp-Name: spin\r\nContent-Length: {len(body)}\r\n"
    request = f"POST /mcp HTTP/1.1\r\nHost: x\r\n{head}\r\n"
    for _ in range(4):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request.encode() + body)
            time.sleep(0.05)
    start = time.monotonic()
    assert call(port, "add", {"a": 1, "b": 2})[0] == 200
    assert time.monotonic() - start < 5


def test_address_is_printed(zig_server: Path) -> None:
    with subprocess.Popen(
        [*WASMCP, "serve", str(zig_server), "--port", "0"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.terminate()
        process.wait(10)
    assert line.startswith("wasmcp: serving default.wasm at http://127.0.0.1:")
    assert line.endswith("/mcp\n")


def test_address_in_use_is_an_error(port: int, zig_server: Path) -> None:
    done = subprocess.run(
        [*WASMCP, "serve", str(zig_server), "--port", str(port)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"cannot listen on `127.0.0.1` port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_ipv6(zig_server: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    chosen = free_port()
    command = [*WASMCP, "serve", str(zig_server), "--host", "::1", "--port", str(chosen)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert f"http://[::1]:{chosen}/mcp" in process.stderr.readline()
        process.terminate()
        process.wait(10)


def test_missing_parser_is_an_error(zig_server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httptools", None)
    with pytest.raises(HostError, match=r"install `wasmcp\[serve\]`"):
        serve(zig_server)


def test_interrupt_ends_the_server(zig_server: Path) -> None:
    chosen = free_port()
    with subprocess.Popen(
        [*WASMCP, "serve", str(zig_server), "--port", str(chosen)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(10) in {0, 1, 130}
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("host", "first"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("Box.Local", "box.local"),
        ("::1", "[::1]"),
        ("fe80::1%eth0", "[fe80::1]"),
        ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - nothing is bound here
        ("::", "[::]"),
    ],
)
def test_bound_address_is_an_allowed_host(zig_server: Path, host: str, first: str) -> None:
    names = listener.host_names(host)
    assert names[0] == first
    with open_server(zig_server, settings={BOUND_TO: ",".join(names)}) as server:
        server.boot()
        assert server.http("POST", headers={"Host": f"{first}:8000"}, body="{}").status != 403
        assert server.http("POST", headers={"Host": "evil.test"}, body="{}").status == 403
