"""Zig tools: building them alone, calling them, and reading their results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wasmtime.component import Variant

from support.python_component import GuestComponent, result_of
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.zig import ZigToolchain, user_cache

SOURCE = """\
const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("types", "Every type.", types),
    mcp.tool("nothing", "", nothing),
    mcp.tool("greet", "Greet.", greet).with(.{
        .title = "Greeting",
        .annotations = .{ .read_only = true, .idempotent = false },
        .meta = "{\\"a\\":1}",
        .tags = &.{ "words", "hello" },
    }),
    mcp.tool("half", "Half a number.", half),
    mcp.tool("point", "A structure.", point),
    mcp.tool("maybe", "Optional.", maybe),
    mcp.tool("fails", "Say why.", fails),
    mcp.tool("raises", "An error's name.", raises),
    mcp.tool("content", "Content that the tool composes.", content),
    mcp.tool("bytes", "Not UTF-8.", bytes),
    mcp.tool("raw", "Any JSON.", raw),
    mcp.tool("watch", "Talk meanwhile.", watch),
    mcp.tool("ask", "Ask the client.", ask),
    mcp.tool("number", "A number.", number),
    mcp.tool("grow", "Memory.", grow),
};

const Colour = enum { red, @"dark blue" };
const Inner = struct {
    x: i8,
    tags: []const []const u8 = &.{},
    pub const descriptions = .{ .x = "How \\"far\\"" };
};
const Everything = struct {
    flag: bool = true,
    small: u8,
    large: i64,
    huge: u64 = 7,
    ratio: f32 = 0.5,
    exact: f64,
    text: []const u8,
    colour: Colour = .red,
    maybe: ?Inner,
    pair: [2]u16 = .{ 1, 2 },
    list: []const Inner = &.{},
    any: mcp.Json = .{ .text = "null" },
};

fn types(args: Everything) Everything {
    return args;
}

fn nothing() void {}

fn greet(args: struct { name: []const u8 }) ![]const u8 {
    return std.fmt.allocPrint(mcp.allocator, "Hello, {s}!", .{args.name});
}

fn half(args: struct { whole: f64 }) f64 {
    return args.whole / 2;
}

fn point(_: struct {}) struct { x: i32, y: ?[]const u8 } {
    return .{ .x = -1, .y = null };
}

fn maybe(args: struct { give: bool }) ?[]const u16 {
    return if (args.give) &.{ 1, 2 } else null;
}

fn fails(args: struct { why: []const u8 }, context: mcp.Context) !void {
    return context.fail("because {s}", .{args.why});
}

fn raises() error{NoSuchThing}!void {
    return error.NoSuchThing;
}

fn content(_: struct {}) mcp.ToolResult {
    return .{ .content = &.{.{ .image = .{ .data = "\\x00\\xff", .mime_type = "image/png" } }}, .is_error = false };
}

fn bytes() []const u8 {
    return "a\\xffb\\xe2\\x82";
}

fn raw(args: struct { value: mcp.Json }) mcp.Json {
    return args.value;
}

fn watch(context: mcp.Context) !bool {
    context.progress(1, 2, "half");
    context.log(.warning, "{d} \\"left\\"", .{3});
    context.log(.info, "{s}", .{context.requestId()});
    return context.cancelled();
}

fn ask() mcp.Outcome {
    return .{ .input_required = .{ .requests = &.{.{ .key = "k", .method = "roots/list", .params = "{}" }} } };
}

fn number(args: struct { text: []const u8 }) !f64 {
    return std.fmt.parseFloat(f64, args.text);
}

fn grow(args: struct { count: u32 }) !usize {
    _ = try mcp.allocator.alloc(u8, args.count);
    return @wasmMemorySize(0);
}
"""


def unwrapped_outcome(result: Any) -> Any:
    return result.payload if isinstance(result, Variant) and result.tag == "ok" else result


def build(folder: Path, source: str = SOURCE, **options: object) -> Path:
    path = folder / "zig" / "tools.zig"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, "utf-8")
    output = folder / "tools.wasm"
    component = ComponentSource("tools", path, folder, options=options)
    ZigToolchain().build(component, output, cache=user_cache(), progress=lambda _: None)
    return output


def unwrapped(result: Any) -> Any:
    assert isinstance(result, Variant)
    assert result.tag == "ok"
    return result.payload


def call(guest: GuestComponent, name: str, arguments: Any = None) -> Any:
    text = arguments if isinstance(arguments, str) or arguments is None else json.dumps(arguments)
    return result_of(unwrapped_outcome(guest.call_tool(name, text)))


def text_of(result: Any) -> str:
    (block,) = result.content
    assert block.tag == "text"
    return str(block.payload.text)


def structured(result: Any) -> Any:
    assert not result_is_error(result), text_of(result)
    return json.loads(getattr(result, "structured-content"))


def result_is_error(result: Any) -> bool:
    return bool(getattr(result, "is-error"))
