"""Server with change notifications: a Zig tool for each, and a resource without contents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.compose_inputs import METADATA, MIDDLEWARE
from wasmcp.component.canonical_abi import Case
from wasmcp.component.constant_component import constants
from wasmcp.component.types import Func
from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.compose.framework import load_framework
from wasmcp.compose.interfaces import RESOURCES
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.zig import ZigToolchain

SOURCE = """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("change", "Change the tools.", change),
    mcp.tool("relist", "Change the resources.", relist),
    mcp.tool("update", "Change a resource.", update),
};

fn change(args: struct { times: u32 = 1 }, context: mcp.Context) []const u8 {
    for (0..args.times) |_| context.notifyToolsChanged();
    return "changed";
}

fn relist(_: struct {}, context: mcp.Context) []const u8 {
    context.notifyResourcesChanged();
    return "changed";
}

fn update(args: struct { uri: []const u8 }, context: mcp.Context) []const u8 {
    context.notifyResourceUpdated(args.uri);
    return "changed";
}
"""
TOOLS = ("change", "relist", "update")
CAPABILITIES = {"tools": {"listChanged": True}, "resources": {"listChanged": True, "subscribe": True}}


def changing_server(folder: Path) -> Path:
    """Build it; the path of its file."""
    (folder / "changing.zig").write_text(SOURCE, "utf-8")
    source = ComponentSource("changing", folder / "changing.zig", folder)
    built = folder / "changing.wasm"
    ZigToolchain().build(source, built, cache=folder / "cache", progress=lambda _: None)
    tools = tuple({"name": name, "inputSchema": {"type": "object"}} for name in TOOLS)
    server = compose_server(
        [
            ComponentSpec("changing", built, Catalogue(tools=tools)),
            ComponentSpec("resources", _resources(), grants=MIDDLEWARE),
        ],
        METADATA,
    )
    server.write(folder / "server.wasm")
    return folder / "server.wasm"


def _resources() -> bytes:
    """A component whose lists are empty."""

    def answers(_interface: str, name: str, _func: Func) -> Any:
        if name == "read-resource":
            return Case("ok", Case("none"))
        return Case("ok", {"items": [], "next": None, "cache": None})

    return constants({RESOURCES: load_framework()["resources-middleware"].wants(RESOURCES)}, answers)
