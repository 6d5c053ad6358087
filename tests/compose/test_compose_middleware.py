"""Custom middleware in the chain: it passes on, rewrites, refuses and answers requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.compose_inputs import METADATA, MIDDLEWARE, WIT, spec, validate

from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.errors import RequestError
from wasmcp.host import Server, open_server
from wasmcp.toolchains.zig import build_component

SOURCE = """\
const std = @import("std");
const bindings = @import("bindings");
const messages = bindings.messages;
const downstream = bindings.server_handler;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) ?messages.Reply {
            const target = request.target() orelse return downstream.handle(request);
            if (request.method() != .tools_call) return downstream.handle(request);
            if (std.mem.eql(u8, target, "secret"))
                return messages.Reply.failure(.{ .code = -32000, .message = "not for you" });
            if (std.mem.eql(u8, target, "old-name")) {
                const renamed = request.derive("behind", null);
                defer renamed.drop();
                return downstream.handle(renamed);
            }
            if (std.mem.eql(u8, target, "mine"))
                return messages.Reply.raw("{\\"content\\":[{\\"type\\":\\"text\\",\\"text\\":\\"from the middle\\"}]}");
            return downstream.handle(request);
        }
    };
};
"""


@pytest.fixture(scope="module")
def middleware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("middleware")
    (folder / "middleware.zig").write_text(SOURCE)
    return build_component(folder / "middleware.zig", WIT, "middleware", folder / "middleware.wasm")


@pytest.fixture(scope="module")
def server(middleware: Path) -> Iterator[Server]:
    components = [
        spec("front", "from the front", "ahead"),
        ComponentSpec("middle", middleware, grants=MIDDLEWARE),
        spec("back", "from the back", "behind", "secret"),
    ]
    composed = compose_server(components, METADATA)
    validate(composed.data)
    with open_server(composed.data, instances=1, quick=True) as server:
        yield server


def test_middleware_passes_requests_on(server: Server) -> None:
    assert [tool.name for tool in server.list_tools()] == ["ahead", "behind", "secret"]
    assert server.call_tool("ahead").text == "from the front"
    assert server.call_tool("behind").text == "from the back"
    with pytest.raises(RequestError, match="Unknown tool: missing"):
        server.call_tool("missing")


def test_middleware_rewrites_a_request(server: Server) -> None:
    assert server.call_tool("old-name").text == "from the back"


def test_middleware_refuses_a_request(server: Server) -> None:
    with pytest.raises(RequestError, match="not for you") as caught:
        server.call_tool("secret")
    assert caught.value.code == -32000


def test_middleware_answers_a_request(server: Server) -> None:
    assert server.call_tool("mine").text == "from the middle"
