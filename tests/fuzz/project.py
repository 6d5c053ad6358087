"""The fuzzed server: its tools neither trap nor hang, with any arguments."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.projects import project_files, write_project
from support.server_processes import wasmtime

from wasmcp.project import ensure_built

FILES = project_files(
    "fuzzed",
    {
        "zig/plain.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("add", "Add two numbers.", add),
    mcp.tool("echo", "Return the text.", echo),
};

fn add(args: struct { a: f64, b: f64 }) f64 {
    return args.a + args.b;
}

fn echo(args: struct { text: []const u8 }) []const u8 {
    return args.text;
}
""",
        "zig/other.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{mcp.tool("sum", "Add many numbers, and say how far it is.", sum)};

fn sum(args: struct { values: []const i64 = &.{}, any: ?mcp.Json = null }, context: mcp.Context) !i64 {
    var total: i64 = 0;
    for (args.values, 1..) |value, done| {
        total +%= value;
        context.progress(@floatFromInt(done), null, null);
    }
    if (total < 0) return context.fail("the sum is below zero", .{});
    return total;
}
""",
        "zig/streams.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("large", "A text of so many bytes.", large),
    mcp.tool("steps", "Say how far it is, so many times, with a text of so many bytes.", steps),
};

fn large(args: struct { bytes: u32 }) ![]const u8 {
    const text = try mcp.allocator.alloc(u8, args.bytes);
    @memset(text, 'x');
    return text;
}

fn steps(args: struct { count: u32, bytes: u32 = 1 }, context: mcp.Context) !u32 {
    const text = try mcp.allocator.alloc(u8, args.bytes);
    @memset(text, 'x');
    for (0..args.count) |step| {
        if (context.cancelled()) return context.fail("cancelled", .{});
        context.progress(@floatFromInt(step + 1), null, text);
    }
    return args.count;
}
""",
    },
    """\
[tool.wasmcp.components.plain]
source = "zig/plain.zig"

[tool.wasmcp.components.other]
source = "zig/other.zig"

[tool.wasmcp.components.streams]
source = "zig/streams.zig"

[tool.wasmcp.servers.default]
components = ["plain", "other", "streams"]
""",
)


def build(folder: Path) -> tuple[Path, Path]:
    """Build the server, and compile it with the stock runtime."""
    return _compiled(ensure_built(write_project(folder, FILES)), folder)


def build_everything(folder: Path) -> tuple[Path, Path]:
    """Build the server with every feature, in Python, likewise."""
    return _compiled(ensure_built(Path(__file__).parents[2] / "example-servers" / "everything"), folder)


def _compiled(server: Path, folder: Path) -> tuple[Path, Path]:
    compiled = folder / "server.cwasm"
    subprocess.run([wasmtime(), "compile", str(server), "-o", str(compiled)], check=True)
    return server, compiled
