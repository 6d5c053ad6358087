//! The two tools that every language is measured with.

const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("add", "Add two numbers.", add),
    mcp.tool("reverse", "Return the items in the opposite order.", reverse),
};

const Item = struct { name: []const u8, price: f64, tags: []const []const u8 };

fn add(args: struct { a: f64, b: f64 }) f64 {
    return args.a + args.b;
}

fn reverse(args: struct { items: []const Item }) ![]const Item {
    const items = try mcp.allocator.alloc(Item, args.items.len);
    for (args.items, 0..) |item, index| items[items.len - 1 - index] = item;
    return items;
}
