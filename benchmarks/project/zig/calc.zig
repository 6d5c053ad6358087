//! One tool in Zig.

const mcp = @import("wasmcp");

pub const tools = .{mcp.tool("add", "Add two numbers.", add)};

fn add(operands: struct { a: f64, b: f64 }) f64 {
    return operands.a + operands.b;
}
