"""Extensions of MCP: announced by the server, read by a component, at every door, in the revision that has them.

Specification: basic/versioning, "Extension Negotiation".
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from doors import Served, mirrored, request, text_of
from servers import WASMCP, wasmcp_serve, wasmtime, wasmtime_serve

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.declares import Declares
from wasmcp.forms import REVISIONS
from wasmcp.host import open_server
from wasmcp.resources import wit_directory
from wasmcp.toolchains.zig import build_component

SOURCE = """\
const bindings = @import("bindings");
const types = bindings.types;
const Request = bindings.messages.Request;
const Result = bindings.abi.Result;

pub const exports = struct {
    pub const tools = struct {
        pub fn listTools(_: Request, _: ?types.Cursor) Result(bindings.tools.Page, types.Error) {
            return .{ .ok = .{ .items = &.{}, .next = null, .cache = null } };
        }
        pub fn callTool(request: Request, _: []const u8) Result(?bindings.tools.Outcome, types.Error) {
            const content = bindings.memory.allocator.alloc(types.Content, 1) catch @trap();
            content[0] = .{ .text = .{ .text = request.clientCapabilities() } };
            return .{ .ok = .{ .complete = .{ .content = content, .is_error = false } } };
        }
    };
};
"""
OWN = {"com.example/shapes": {"sides": [3, 4]}}
DECLARED = {"org.example/colours": {}}
CLIENT = {"extensions": {"com.example/shapes": {"sides": [3]}}}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": CLIENT,
}

Talk = Callable[[list[Any]], list[Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extensions")
    source = folder / "able.zig"
    source.write_text(SOURCE)
    data = build_component(source, wit_directory(), "tools-component", folder / "able.wasm").read_bytes()
    catalogue = Catalogue(tools=({"name": "able", "inputSchema": {"type": "object"}},), digest="sha256:0")
    spec = ComponentSpec("able", data + Declares(extensions=DECLARED).section(), catalogue)
    path = folder / "server.wasm"
    compose_server([spec], ServerMetadata("able", "1", extensions=OWN)).write(path)
    return path


@pytest.fixture(params=["in-process", "run", "stock run", "serve", "stock serve"])
def talk(request: pytest.FixtureRequest, server: Path) -> Iterator[Talk]:
    """Send messages in a row; their results."""
    with ExitStack() as stack:
        if request.param == "in-process":
            opened = stack.enter_context(open_server(server, instances=1))
            yield lambda messages: [json.loads(opened.send(text_of(each)) or "")["result"] for each in messages]
        elif request.param.endswith("run"):
            stock = [wasmtime(), "run", "-Shttp", str(server)]
            command = stock if "stock" in request.param else [*WASMCP, "run", str(server)]

            def lines(messages: list[Any]) -> list[Any]:
                said = "".join(text_of(each) + "\n" for each in messages).encode()
                done = subprocess.run(command, input=said, stdout=subprocess.PIPE, timeout=120, check=True)
                answers = sorted(map(json.loads, done.stdout.splitlines()), key=lambda answer: answer["id"])
                return [answer["result"] for answer in answers]

            yield lines
        else:
            port = stack.enter_context((wasmtime_serve if "stock" in request.param else wasmcp_serve)(server))
            yield lambda messages: _posted(Served(port), messages)


def _posted(served: Served, messages: list[Any]) -> list[Any]:
    results, headers = [], {}
    for each in messages:
        response = served.http("POST", "/mcp", {**mirrored(each), **headers}, text_of(each))
        assert response.status == 200, response.body
        if "mcp-session-id" in response.headers:
            headers["Mcp-Session-Id"] = response.headers["mcp-session-id"]
        results.append(response.message["result"])
    return results


def test_the_latest_revision(talk: Talk) -> None:
    call = request("tools/call", {"name": "able", "arguments": {}}, meta=META, id=2)
    found, called = talk([request("server/discover"), call])
    assert found["capabilities"] == {"tools": {}, "extensions": {**OWN, **DECLARED}}
    assert json.loads(called["content"][0]["text"]) == CLIENT


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_older_revisions_have_none(talk: Talk, revision: str) -> None:
    hello = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    (found,) = talk([request("initialize", hello, meta=None)])
    assert (found["protocolVersion"], found["capabilities"]) == (revision, {"tools": {}})
