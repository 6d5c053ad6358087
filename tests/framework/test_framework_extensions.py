"""Extensions, and trace context in `_meta`.

Specification: basic/versioning, "Extension Negotiation"; basic, "_meta".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.conversations import EVERY_DOOR, Talk, talking
from support.entry_points import request

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.declaration_section import Declares
from wasmcp.package_data import wit_directory
from wasmcp.protocol import REVISIONS
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
            const content = bindings.memory.allocator.alloc(types.Content, 2) catch @trap();
            content[0] = .{ .text = .{ .text = request.clientCapabilities() } };
            content[1] = .{ .text = .{ .text = request.meta() orelse "{}" } };
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
TRACE = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
    "tracestate": "vendor=t61rcWkgMzE",
    "baggage": "userId=alice",
}


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


@pytest.fixture(params=EVERY_DOOR)
def talk(request: pytest.FixtureRequest, server: Path) -> Iterator[Talk]:
    with talking(request.param, server) as talk:
        yield talk


def test_the_latest_revision(talk: Talk) -> None:
    found = talk(request("server/discover"))["result"]
    called = talk(request("tools/call", {"name": "able", "arguments": {}}, meta=META))["result"]
    assert found["capabilities"] == {"tools": {}, "extensions": {**OWN, **DECLARED}}
    assert json.loads(called["content"][0]["text"]) == CLIENT


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_handshake_revisions_have_no_extensions(talk: Talk, revision: str) -> None:
    hello = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    found = talk(request("initialize", hello, meta=None))["result"]
    assert (found["protocolVersion"], found["capabilities"]) == (revision, {"tools": {}})


@pytest.mark.parametrize("revision", REVISIONS)
def test_trace_context_reaches_components(talk: Talk, revision: str) -> None:
    meta = {**META, **TRACE} if revision == REVISIONS[-1] else None
    if meta is None:
        hello = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
        talk(request("initialize", hello, meta=None))
    params = {"name": "able", "arguments": {}, **({} if meta else {"_meta": TRACE})}
    result = talk(request("tools/call", params, meta=meta, id=2))["result"]
    assert TRACE.items() <= json.loads(result["content"][1]["text"]).items()
