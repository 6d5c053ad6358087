"""Events of running tools: progress and cancellation, through every transport."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.projects import project_files, write_project
from support.server_processes import WASMCP, wasmcp_serve

from wasmcp.errors import GuestTimeoutError
from wasmcp.host import Limits, Server, open_server
from wasmcp.project import ensure_built

FILES = project_files(
    "streaming",
    {
        "zig/tools.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("count", "Report progress, then continue until the request is cancelled.", count),
    mcp.tool("calls", "How often this instance was called.", calls),
};

var called: u64 = 0;

fn count(args: struct { wait: bool }, context: mcp.Context) u64 {
    called += 1;
    context.progress(1, 2, "one \\n \\"line\\" é");
    context.progress(2, 2, null);
    while (args.wait and !context.cancelled()) {}
    return called;
}

fn calls(_: struct {}) u64 {
    called += 1;
    return called;
}
""",
    },
)
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
PROGRESS = [
    {"progressToken": "p", "progress": 1, "total": 2, "message": 'one \n "line" é'},
    {"progressToken": "p", "progress": 2, "total": 2},
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_built(write_project(tmp_path_factory.mktemp("streaming"), FILES))


@pytest.fixture
def server(path: Path) -> Iterator[Server]:
    with open_server(path, instances=1, limits=Limits(timeout=20, cancel_grace=5)) as server:
        yield server


def message(identifier: int, name: str, **arguments: Any) -> str:
    params = {"name": name, "arguments": arguments, "_meta": {**META, "progressToken": "p"}}
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "method": "tools/call", "params": params})


def test_progress_in_process(server: Server) -> None:
    events: list[dict[str, Any]] = []
    result = server.call_tool("count", {"wait": False}, progress_token="p", on_event=events.append)  # noqa: S106
    assert result.structured_content == {"result": 1}
    assert [event["params"] for event in events] == PROGRESS


def test_progress_arrives_while_the_tool_runs(server: Server) -> None:
    seen = threading.Event()
    thread = threading.Thread(
        target=server.send, args=(message(1, "count", wait=True),), kwargs={"on_event": lambda _text: seen.set()}
    )
    thread.start()
    assert seen.wait(5)
    assert thread.is_alive()
    server.cancel()
    thread.join(4)  # less than the grace period: the tool noticed the cancellation, and was not stopped
    assert not thread.is_alive()
    assert server.call_tool("calls").structured_content == {"result": 2}


def test_timeout_after_progress(server: Server) -> None:
    events: list[dict[str, Any]] = []
    with pytest.raises(GuestTimeoutError):
        server.call_tool("count", {"wait": True}, progress_token="p", on_event=events.append, timeout=0.3)  # noqa: S106
    assert len(events) == 2


def test_stdio(path: Path) -> None:
    command = [*WASMCP, "run", str(path), "--instances", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def write_line(line: str) -> None:
            assert process.stdin is not None
            process.stdin.write(line + "\n")
            process.stdin.flush()

        write_line(message(1, "count", wait=True))
        got = [json.loads(process.stdout.readline())["params"] for _ in range(2)]
        assert got == PROGRESS
        write_line(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}))
        write_line(message(2, "calls"))
        answer = json.loads(process.stdout.readline())
        assert (answer["id"], answer["result"]["structuredContent"]) == (2, {"result": 2})
        process.stdin.close()
        assert process.stdout.read() == ""
        assert process.wait(10) == 0


def test_http(path: Path) -> None:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
    }
    with wasmcp_serve(path, "--instances", "1") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/mcp", message(1, "count", wait=True), {**headers, "Mcp-Name": "count"})
        response = connection.getresponse()
        assert (response.status, response.getheader("content-type")) == (200, "text/event-stream")
        got = []
        while len(got) < 2:
            line = response.readline().decode()
            if line.startswith("data:"):
                got.append(json.loads(line[5:])["params"])
        assert got == PROGRESS
        response.close()
        connection.close()  # the disconnect cancels the call, and its instance is free again

        start = time.monotonic()
        connection.request("POST", "/mcp", message(2, "calls"), {**headers, "Mcp-Name": "calls"})
        body = connection.getresponse().read().decode()
        answer = json.loads(body)
        assert answer["result"]["structuredContent"] == {"result": 2}
        assert time.monotonic() - start < 5

        connection.request("POST", "/mcp", message(3, "count", wait=False), {**headers, "Mcp-Name": "count"})
        events = [
            json.loads(line[5:])
            for line in connection.getresponse().read().decode().splitlines()
            if line[:5] == "data:"
        ]
        assert [event.get("id") for event in events] == [None, None, 3]
        assert events[2]["result"]["structuredContent"] == {"result": 3}
