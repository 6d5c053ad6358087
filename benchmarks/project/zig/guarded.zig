//! Tools that measure the cost of a guard: many calls of what a grant gives, in one call of a tool.
const std = @import("std");
const bindings = @import("bindings");
const mcp = @import("wasmcp");

const wasi = bindings.wasi_http;
const files = bindings.wasi_filesystem;

pub const tools = .{
    mcp.tool("requests", "Begin requests and drop them.", requests),
    mcp.tool("values", "Get a value.", values),
    mcp.tool("stats", "Inspect a file.", stats),
    mcp.tool("opens", "Open a file and close it.", opens),
    mcp.tool("reads", "Read 4 KiB of a file.", reads),
};

const Count = struct { count: u32 };

fn requests(args: struct { count: u32, authority: []const u8 }) !void {
    for (0..args.count) |_| {
        const request = wasi.types.OutgoingRequest.init(wasi.types.Fields.init());
        try request.setScheme(.http).get();
        try request.setAuthority(args.authority).get();
        try request.setPathWithQuery("/").get();
        const pending = try wasi.outgoing_handler.handle(request, null).get();
        pending.drop();
    }
}

fn values(args: Count) !void {
    const bucket = try mcp.kv.open("");
    defer bucket.close();
    for (0..args.count) |_| _ = try bucket.exists("key");
}

fn directory() error{NoDirectory}!files.types.Descriptor {
    const found = files.preopens.getDirectories();
    return if (found.len == 0) error.NoDirectory else found[0][0];
}

fn stats(args: Count) !void {
    const opened = try directory();
    defer opened.drop();
    for (0..args.count) |_| _ = try opened.statAt(.{}, "file").get();
}

fn opens(args: Count) !void {
    const opened = try directory();
    defer opened.drop();
    for (0..args.count) |_| (try opened.openAt(.{}, "file", .{}, .{ .read = true }).get()).drop();
}

fn reads(args: Count) !void {
    const opened = try directory();
    defer opened.drop();
    const file = try opened.openAt(.{}, "file", .{}, .{ .read = true }).get();
    defer file.drop();
    for (0..args.count) |_| {
        var scope = bindings.memory.scope();
        defer scope.end();
        _ = try file.read(4096, 0).get();
    }
}
