"""Extensions of MCP: announced by the server, read by a component, at every door, in the revision that has them.

Specification: basic/versioning, "Extension Negotiation".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors import request
from talking import EVERY_DOOR, Talk, talking

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.declares import Declares
from wasmcp.forms import REVISIONS
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
def test_older_revisions_have_none(talk: Talk, revision: str) -> None:
    hello = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    found = talk(request("initialize", hello, meta=None))["result"]
    assert (found["protocolVersion"], found["capabilities"]) == (revision, {"tools": {}})
