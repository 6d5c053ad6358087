//! A tool with a value in the key-value store.

const mcp = @import("wasmcp");

pub const tools = .{mcp.tool("visit", "Count a visit.", visit)};

fn visit(_: struct {}) !i64 {
    const bucket = try mcp.kv.open("");
    defer bucket.close();
    return bucket.increment("visits", 1);
}
