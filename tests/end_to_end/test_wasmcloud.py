"""Servers under wasmCloud's own runtime, `wash dev`."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.projects import write_project
from support.wash_servers import STORES, needs_wash, wash_dev

from wasmcp.host import Limits, open_server
from wasmcp.project import ensure_built

SOURCE = """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("count", "Add to the counter.", count),
    mcp.tool("set", "Set the counter.", set),
    mcp.tool("keep", "Keep a text in its place.", keep),
    mcp.tool("look", "Return the type and the number of keys.", look),
};

fn count(args: struct { by: i64 }) !i64 {
    const bucket = try mcp.kv.open("things");
    defer bucket.close();
    return bucket.increment("n", args.by);
}

fn set(args: struct { to: i64 }) !bool {
    const bucket = try mcp.kv.open("things");
    defer bucket.close();
    try bucket.set("n", args.to);
    return true;
}

fn keep(args: struct { text: []const u8 }) !bool {
    const bucket = try mcp.kv.open("things");
    defer bucket.close();
    try bucket.set("n", args.text);
    return true;
}

fn look(_: struct {}) !struct { kind: []const u8, keys: usize } {
    const bucket = try mcp.kv.open("things");
    defer bucket.close();
    const found = try bucket.get(mcp.kv.Value, "n") orelse return .{ .kind = "none", .keys = 0 };
    const page = try bucket.list("", null);
    return .{ .kind = @tagName(found), .keys = page.keys.len };
}
"""
PROJECT = {
    "pyproject.toml": """\
[project]
name = "counting"
version = "1"
[tool.wasmcp.components.counting]
source = "zig/counting.zig"
grants = ["kv"]
[tool.wasmcp.servers.default]
components = ["counting"]
runtime = "wasmcloud"
""",
    "src/counting/__init__.py": "",
    "zig/counting.zig": SOURCE,
}
STEPS: list[tuple[str, dict[str, Any], Any]] = [
    ("count", {"by": 1}, 1),
    ("count", {"by": 1}, 2),
    ("count", {"by": 0}, 2),
    ("look", {}, {"kind": "s64", "keys": 1}),
    ("set", {"to": 258}, True),
    ("count", {"by": 1}, 259),
    ("keep", {"text": "1234567"}, True),  # as long as a counter of wasmCloud, its first byte included
    ("look", {}, {"kind": "string", "keys": 1}),
    ("count", {"by": 1}, "NotACounter"),
    ("set", {"to": 12345678}, True),
    ("look", {}, {"kind": "s64", "keys": 1}),
    ("count", {"by": 1}, 12345679),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_built(write_project(tmp_path_factory.mktemp("counting"), PROJECT))


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, server: Path, wash: str, tmp_path: Path) -> Iterator[str]:
    """The server under `wash dev` with a store in memory, and in NATS."""
    with wash_dev(wash, server, tmp_path, request.param) as port:
        yield f"http://127.0.0.1:{port}/mcp"


def call(url: str, name: str, arguments: dict[str, Any]) -> Any:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": name,
    }
    params = {"name": name, "arguments": arguments, "_meta": meta}
    headers["Content-Type"] = "application/json"
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        result = json.load(response)["result"]
    if result.get("isError"):
        return result["content"][0]["text"]
    structured = result["structuredContent"]
    return structured.get("result", structured)


@needs_wash
@pytest.mark.slow
def test_counters_and_values_under_wash(url: str) -> None:
    assert [call(url, name, arguments) for name, arguments, _ in STEPS] == [expected for *_, expected in STEPS]


def test_the_same_file_under_our_host(server: Path) -> None:
    with open_server(server, limits=Limits(timeout=60), instances=2) as opened:
        for name, arguments, expected in STEPS:
            result = opened.call_tool(name, arguments)
            structured = result.structured_content or {}
            assert (result.text if result.is_error else structured.get("result", structured)) == expected
