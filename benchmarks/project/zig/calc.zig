//! Tools in Zig.

const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("add", "Add two numbers.", add),
    mcp.tool("echo", "Return a text.", echo),
    mcp.tool("crash", "Trap.", crash),
};

fn add(operands: struct { a: f64, b: f64 }) f64 {
    return operands.a + operands.b;
}

fn echo(arguments: struct { text: []const u8 }) []const u8 {
    return arguments.text;
}

fn crash(_: struct {}) u32 {
    unreachable;
}
