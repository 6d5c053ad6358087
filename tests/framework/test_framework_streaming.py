"""Events and cancellation through the doors of a composed server: what a client really sees, and when."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doors import META, Embedded, mirrored, request, running
from servers import wasmtime_serve

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.resources import wit_directory
from wasmcp.toolchains.zig import build_component

NOISY = {**META, "progressToken": "p", "io.modelcontextprotocol/logLevel": "debug"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The probe, composed."""
    folder = tmp_path_factory.mktemp("streaming")
    source = Path(__file__).parent / "chain" / "probe.zig"
    probe = build_component(source, wit_directory(), "tools-component", folder / "probe.wasm").read_bytes()
    tools = tuple({"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "events", "wait"))
    path = folder / "server.wasm"
    spec = ComponentSpec("probe", probe, Catalogue(tools=tools, digest="sha256:0"))
    compose_server([spec], ServerMetadata(name="streaming", version="1")).write(path)
    return path


def call(name: str, id: int = 1, meta: dict[str, Any] = META) -> dict[str, Any]:  # noqa: A002 - the protocol's name
    """A call of one of the probe's tools."""
    return request("tools/call", {"name": name, "arguments": {}}, id=id, meta=meta)


def check(messages: list[dict[str, Any]]) -> None:
    """Three times progress and a log, then the answer."""
    kinds = [message.get("method", "answer") for message in messages]
    assert kinds == ["notifications/progress", "notifications/message"] * 3 + ["answer"]
    steps = [message["params"] for message in messages[:-1:2]]
    assert steps == [{"progressToken": "p", "progress": i, "total": 3, "message": "working"} for i in (1, 2, 3)]
    assert messages[1]["params"] == {"level": "info", "logger": "probe", "data": {"step": 1}}
    assert messages[-1]["result"]["content"] == [{"type": "text", "text": "done"}]


def events(body: str) -> list[dict[str, Any]]:
    """The messages of an event stream."""
    assert body.endswith("\n\n")
    return [json.loads(event.removeprefix("data: ")) for event in body.removesuffix("\n\n").split("\n\n")]


def test_the_stock_runtime_streams_over_http(server: Path) -> None:
    with wasmtime_serve(server) as port:
        for meta, streams in ((NOISY, True), (META, False)):
            message = call("events", meta=meta)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", "/mcp", json.dumps(message), mirrored(message))
            response = connection.getresponse()
            body = response.read().decode()
            assert response.status == 200
            if streams:
                assert response.getheader("content-type") == "text/event-stream"
                assert response.getheader("x-accel-buffering") == "no"
                check(events(body))
            else:
                assert response.getheader("content-type") == "application/json"
                assert json.loads(body)["result"]["content"][0]["text"] == "done"
            connection.close()


def test_a_client_that_hangs_up_leaves_the_server_well(server: Path) -> None:
    with wasmtime_serve(server) as port:
        for _ in range(3):
            message = call("events", meta=NOISY)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", "/mcp", json.dumps(message), mirrored(message))
            connection.close()
        message = call("echo")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/mcp", json.dumps(message), mirrored(message))
        assert json.loads(connection.getresponse().read())["result"]["content"][0]["text"] == "{}"
        connection.close()


@pytest.fixture
def process(server: Path) -> Iterator[Any]:
    """The stdio door under the stock runtime."""
    with running(server) as process:
        yield process


def send(process: Any, *messages: Any) -> None:
    """Write lines."""
    for message in messages:
        process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()


def test_the_stock_runtime_sends_events_as_lines(process: Any) -> None:
    send(process, call("events", meta=NOISY))
    check([json.loads(process.stdout.readline()) for _ in range(7)])


def test_a_line_cancels_a_running_call(process: Any) -> None:
    """Specification: basic/patterns/cancellation: the call ends, and is not answered."""
    send(process, call("wait", id=1), call("echo", id=2))
    time.sleep(0.5)
    send(process, {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert json.loads(process.stdout.readline())["id"] == 2
    send(process, call("echo", id=3))
    assert json.loads(process.stdout.readline())["id"] == 3
    process.stdin.close()
    assert process.stdout.read() == b""
    assert process.wait(30) == 0


def test_without_anybody_at_standard_input_nothing_is_cancelled(server: Path) -> None:
    embedded = Embedded(server)
    line, _ = embedded.message(json.dumps(call("events", meta=NOISY)))
    assert json.loads(line)["result"]["content"][0]["text"] == "done"
