"""Messages during a request: progress, log messages, and cancellation."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.entry_points import JSON, META, Embedded, Response, Served, mirrored, request, running, text_of
from support.projects import project_files, write_project
from support.server_processes import wasmtime_serve

PROJECT = project_files(
    "talkative",
    {
        "zig/talk.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("talk", "Say how far it is.", talk),
    mcp.tool("wait", "Wait until the request is cancelled.", wait),
};

fn talk(_: struct {}, context: mcp.Context) []const u8 {
    context.log(.info, "begin\\n", .{});
    context.progress(1, 2, "half");
    context.log(.debug, "between", .{});
    context.progress(2, 2, null);
    return "done";
}

fn wait(_: struct {}, context: mcp.Context) []const u8 {
    var step: f64 = 0;
    while (!context.cancelled()) : (step += 1) context.progress(step, null, null);
    return "gave up";
}
""",
    },
    """\
[tool.wasmcp.components.talk]
source = "zig/talk.zig"

[tool.wasmcp.servers.default]
components = ["talk"]
""",
)

TALK = request("tools/call", {"name": "talk"}, meta={**META, "progressToken": "t"})
LOUD = request(
    "tools/call",
    {"name": "talk"},
    meta={**META, "progressToken": 5, "io.modelcontextprotocol/logLevel": "debug"},
)
OLD_TALK = request("tools/call", {"name": "talk", "_meta": {"progressToken": "t"}}, meta=None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from wasmcp.project import ensure_built

    return ensure_built(write_project(tmp_path_factory.mktemp("talkative"), PROJECT))


@pytest.fixture(scope="module")
def embedded(server: Path) -> Embedded:
    return Embedded(server)


@pytest.fixture(scope="module")
def served(server: Path) -> Iterator[Served]:
    with wasmtime_serve(server) as port:
        yield Served(port)


def progress(token: Any) -> list[dict[str, Any]]:
    given = [{"progress": 1, "total": 2, "message": "half"}, {"progress": 2, "total": 2}]
    return [
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, **params}}
        for params in given
    ]


def log(level: str, data: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": level, "data": data}}


def notified(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the notifications of one of the calls above."""
    if message is TALK:
        return progress("t")
    if message is OLD_TALK:
        return [log("info", "begin\n"), *progress("t")]
    first, second = progress(5)
    return [log("info", "begin\n"), first, log("debug", "between"), second]


def events(body: bytes) -> list[Any]:
    """Return the messages of an event stream."""
    chunks = body.decode().split("\n\n")
    assert chunks.pop() == ""
    assert all(chunk.startswith("data: ") and "\n" not in chunk for chunk in chunks)
    return [json.loads(chunk[6:]) for chunk in chunks]


@pytest.mark.parametrize("message", [TALK, LOUD, OLD_TALK], ids=["progress", "all", "older"])
def test_every_entry_point_streams(message: dict[str, Any], embedded: Embedded, served: Served, server: Path) -> None:
    state = "2025-03-26" if message is OLD_TALK else ""
    answer = json.loads(embedded.message(text_of(message), state)[0])
    assert answer["result"]["content"] == [{"type": "text", "text": "done"}]
    assert embedded.events() == [("message", event) for event in notified(message)]

    headers = mirrored(message)
    last = embedded.http("POST", "/mcp", headers, text_of(message))
    (kind, head), *chunks = embedded.events()
    assert (last.status, last.headers, kind, head["status"]) == (0, {}, "head", 200)
    assert dict(map(tuple, head["headers"])) == {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }
    assert all(kind == "chunk" for kind, _ in chunks)
    assert events("".join(text for _, text in chunks).encode() + last.body) == [
        *notified(message),
        answer,
    ]

    streamed = served.http("POST", "/mcp", headers, text_of(message))
    assert streamed.status == 200
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.headers["x-accel-buffering"] == "no"
    assert events(streamed.body) == [*notified(message), answer]

    opening = request("initialize", {"protocolVersion": "2025-03-26"}, meta=None)
    with running(server) as process:
        before = [opening] if state else []
        out, _ = process.communicate("".join(text_of(line) + "\n" for line in [*before, message]).encode(), timeout=120)
    assert [json.loads(line) for line in out.decode().splitlines()][len(before) :] == [
        *notified(message),
        answer,
    ]


def test_client_without_event_streams(embedded: Embedded, served: Served) -> None:
    headers = mirrored(TALK) | {"Accept": "application/json"}
    responses: list[Response] = [
        entry_point.http("POST", "/mcp", headers, text_of(TALK)) for entry_point in (embedded, served)
    ]
    assert embedded.events() == []
    for response in responses:
        assert response.status == 200
        assert response.message["result"]["content"] == [{"type": "text", "text": "done"}]


def test_log_levels_of_handshake_revisions(embedded: Embedded) -> None:
    choose = request("logging/setLevel", {"level": "debug"}, meta=None)
    answer, state = embedded.message(text_of(choose), "2025-06-18")
    assert json.loads(answer)["result"] == {}
    assert state == "2025-06-18 debug"
    silent = request("tools/call", {"name": "talk"}, meta=None)
    assert embedded.message(text_of(silent), state)[1] == state
    assert embedded.events() == [("message", log("info", "begin\n")), ("message", log("debug", "between"))]
    embedded.message(text_of(silent), "2025-06-18 error")
    assert embedded.events() == []
    wrong = request("logging/setLevel", {"level": "loud"}, meta=None)
    assert json.loads(embedded.message(text_of(wrong), state)[0])["error"]["code"] == -32602
    assert served_level(embedded) == {}


def served_level(entry_point: Embedded) -> Any:
    """Accept `logging/setLevel` over HTTP, although no level is kept."""
    choose = request("logging/setLevel", {"level": "debug"}, meta=None)
    return entry_point.http("POST", "/mcp", JSON, text_of(choose)).message["result"]


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"])
def test_cancelled_on_standard_input(server: Path, revision: str) -> None:
    older: dict[str, Any] = {} if revision == "2026-07-28" else {"meta": None}
    hello = [request("initialize", {"protocolVersion": revision}, meta=None, id=0)] if older else []
    waiting = request("tools/call", {"name": "wait"}, id="w", **older)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "w"}}
    with running(server) as process:
        lines = [*hello, waiting, request("ping", meta=None, id=8), cancel, request("tools/list", id=9, **older)]
        out, _ = process.communicate("".join(text_of(line) + "\n" for line in lines).encode(), timeout=60)
    assert [json.loads(line)["id"] for line in out.decode().splitlines()] == [0, 8, 9][not older :]
    assert process.returncode == 0


def test_closed_stream_cancels(served: Served) -> None:
    """Cancel by closing the stream: the instance ends instead of waiting until its deadline."""
    waiting = request("tools/call", {"name": "wait"}, meta={**META, "progressToken": 1})
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("POST", "/mcp", text_of(waiting), mirrored(waiting))
    response = connection.getresponse()
    assert response.status == 200
    assert b"progress" in response.read1(100)
    response.close()
    connection.close()
    assert served.http("POST", "/mcp", mirrored(TALK), text_of(TALK)).status == 200
