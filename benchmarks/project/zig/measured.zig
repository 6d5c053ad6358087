//! Tools for measuring the chain: one with little work and one with a large result.

const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("measured", "The length of a text.", measured),
    mcp.tool("large", "A text of a million bytes.", large),
};

fn measured(args: struct { text: []const u8 }) u64 {
    return args.text.len;
}

fn large() !mcp.ToolResult {
    const text = try mcp.allocator.alloc(u8, 1_000_000);
    @memset(text, 'x');
    const content = try mcp.allocator.alloc(mcp.types.Content, 1);
    content[0] = .{ .text = .{ .text = text } };
    return .{ .content = content, .is_error = false };
}
