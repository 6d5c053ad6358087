"""Clients that misbehave during an answer, and answers that are too large."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.server_processes import WASMCP, free_port, wasmtime
from support.waiting import accepts, wait_until

from fuzz.inputs import META
from wasmcp.errors import ResponseTooLargeError
from wasmcp.host import Limits, open_server

ENTRY_POINTS = ["wasmcp serve", "wasmtime serve"]
STDIO = ["wasmcp run", "wasmtime run"]


def call(name: str, arguments: dict[str, Any], identifier: int = 1, *, progress: bool = False) -> bytes:
    meta = {**META, **({"progressToken": "p"} if progress else {})}
    params = {"name": name, "arguments": arguments, "_meta": meta}
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "method": "tools/call", "params": params}).encode()


def headers(name: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": name,
    }


def post(port: int, name: str, arguments: dict[str, Any], timeout: float = 20) -> Any:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.request("POST", "/mcp", call(name, arguments), headers(name))
        return json.loads(connection.getresponse().read())


def unread(port: int, name: str, arguments: dict[str, Any]) -> socket.socket:
    """Yield a connection whose request was sent and whose answer is not read."""
    body = call(name, arguments, progress=True)
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers(name).items())
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(
        f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body
    )
    return connection


def resident(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


@contextlib.contextmanager
def serving(entry_point: str, fuzzed: tuple[Path, Path]) -> Iterator[tuple[int, int]]:
    """Yield the port and the process of a server that answers two requests at a time."""
    port = free_port()
    if entry_point == "wasmcp serve":
        command = [*WASMCP, "serve", str(fuzzed[0]), "--port", str(port), "--instances", "2"]
    else:
        command = [wasmtime(), "serve", "--addr", f"127.0.0.1:{port}", "--allow-precompiled", str(fuzzed[1])]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: process.poll() is not None or accepts(port))
            assert process.poll() is None
            yield port, process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_streams_that_are_cut_in_the_middle(entry_point: str, fuzzed: tuple[Path, Path]) -> None:
    """Cut more streams than there are instances; all instances are available again."""
    with serving(entry_point, fuzzed) as (port, _):
        for _ in range(6):
            connection = unread(port, "steps", {"count": 1_000_000, "bytes": 1000})
            assert b"text/event-stream" in connection.recv(4096)
            connection.close()
        assert post(port, "add", {"a": 1, "b": 2})["result"]["structuredContent"] == {"result": 3}


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_a_client_that_never_reads(entry_point: str, fuzzed: tuple[Path, Path]) -> None:
    """The client blocks at most its own instance; others are answered, and no output accumulates for it."""
    with serving(entry_point, fuzzed) as (port, process):
        post(port, "add", {"a": 1, "b": 2})
        before = resident(process)
        stuck = unread(port, "steps", {"count": 50_000, "bytes": 20_000})
        try:
            for _ in range(30):
                assert post(port, "add", {"a": 1, "b": 2})["result"]["structuredContent"] == {"result": 3}
                time.sleep(0.05)
            assert resident(process) - before < 200 << 20
        finally:
            stuck.close()
        assert post(port, "add", {"a": 3, "b": 2})["result"]["structuredContent"] == {"result": 5}


def running(entry_point: str, server: Path) -> list[str]:
    """Return the command of a stdio entry point."""
    return [*WASMCP, "run", str(server)] if entry_point == "wasmcp run" else [wasmtime(), "run", "-Shttp", str(server)]


@pytest.mark.parametrize("entry_point", STDIO)
def test_a_stdio_client_that_never_reads(entry_point: str, fuzzed: tuple[Path, Path]) -> None:
    command = running(entry_point, fuzzed[0])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(call("add", {"a": 1, "b": 2}) + b"\n")
        process.stdin.flush()
        assert b'"result":3' in process.stdout.readline()
        before = resident(process.pid)
        process.stdin.write(call("steps", {"count": 50_000, "bytes": 20_000}, progress=True) + b"\n")
        process.stdin.flush()
        time.sleep(2)
        assert resident(process.pid) - before < 200 << 20
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=20)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_two_requests_with_one_id_over_http(entry_point: str, fuzzed: tuple[Path, Path]) -> None:
    with serving(entry_point, fuzzed) as (port, _):
        first = unread(port, "steps", {"count": 2000})
        assert post(port, "add", {"a": 1, "b": 2})["result"]["structuredContent"] == {"result": 3}
        with contextlib.closing(first):
            received = b""
            while b'"structuredContent":{"result":2000}' not in received:
                part = first.recv(65536)
                assert part, received[-300:]
                received += part


@pytest.mark.parametrize("entry_point", STDIO)
def test_two_requests_with_one_id_over_stdio(entry_point: str, fuzzed: tuple[Path, Path]) -> None:
    """Both requests are answered, although the client cannot match the answers."""
    lines = [call("steps", {"count": 500}), call("add", {"a": 1, "b": 2}), call("add", {"a": 1, "b": 3}, 2)]
    command = running(entry_point, fuzzed[0])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        output, _ = process.communicate(b"\n".join(lines) + b"\n", timeout=60)
    answers = [json.loads(line) for line in output.splitlines()]
    results = sorted((answer["id"], answer["result"]["structuredContent"]["result"]) for answer in answers)
    assert results == [(1, 3), (1, 500), (2, 4)]


def test_a_reply_that_is_too_large(fuzzed: tuple[Path, Path]) -> None:
    with open_server(fuzzed[0], limits=Limits(timeout=20, response=1 << 20), instances=1) as server:
        with pytest.raises(ResponseTooLargeError):
            server.call_tool("large", {"bytes": 2 << 20})
        with pytest.raises(ResponseTooLargeError):
            server.http("POST", "/mcp", headers("large"), call("large", {"bytes": 2 << 20}))
        assert len(server.call_tool("large", {"bytes": 100_000}).structured_content["result"]) == 100_000


def test_a_reply_that_is_too_large_for_a_client(fuzzed: tuple[Path, Path]) -> None:
    """Above the default of 64 MiB: an error with the request's id, and the connection stays open."""
    lines = [call("large", {"bytes": 65 << 20}, 1), call("add", {"a": 1, "b": 2}, 2)]
    with subprocess.Popen(
        [*WASMCP, "run", str(fuzzed[0])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        output, _ = process.communicate(b"\n".join(lines) + b"\n", timeout=60)
    answers = {answer["id"]: answer for answer in map(json.loads, output.splitlines())}
    assert answers[1]["error"]["code"] == -32603
    assert answers[2]["result"]["structuredContent"] == {"result": 3}


def test_more_than_a_component_may_hold(fuzzed: tuple[Path, Path]) -> None:
    with open_server(fuzzed[0], limits=Limits(timeout=20, memory=16 << 20), instances=1) as server:
        refused = server.call_tool("large", {"bytes": 4_000_000_000})
        assert refused.is_error
        assert server.call_tool("add", {"a": 1, "b": 2}).structured_content == {"result": 3}
