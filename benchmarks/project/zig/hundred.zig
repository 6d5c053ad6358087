//! A hundred tools in Zig.

const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = blk: {
    @setEvalBranchQuota(1_000_000);
    var all: [100]mcp.Tool = undefined;
    for (&all, 0..) |*one, i| one.* = mcp.tool(std.fmt.comptimePrint("add_{d}", .{i}), "Add two numbers.", add);
    break :blk all;
};

fn add(operands: struct { a: f64, b: f64 }) f64 {
    return operands.a + operands.b;
}
