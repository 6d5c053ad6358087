//! A calculator: a component written in Zig.

const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("add", "Add two numbers.", add),
    mcp.tool("multiply", "Multiply two numbers.", multiply),
    mcp.tool("divide", "Divide one number by another.", divide),
};

const Operands = struct { a: f64, b: f64 };

fn add(operands: Operands) f64 {
    return operands.a + operands.b;
}

fn multiply(operands: Operands) f64 {
    return operands.a * operands.b;
}

fn divide(operands: Operands) error{DivisionByZero}!f64 {
    if (operands.b == 0) return error.DivisionByZero;
    return operands.a / operands.b;
}
