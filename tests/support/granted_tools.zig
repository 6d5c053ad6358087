//! Tools that use what grants give, at the level of the interfaces, so that requests of any form can be sent.
const std = @import("std");
const bindings = @import("bindings");
const mcp = @import("wasmcp");

const wasi = bindings.wasi_http;

pub const tools = .{
    mcp.tool("send", "Send a GET request, or one of another method.", send),
    mcp.tool("fetch", "Send a request with the client of the library.", fetch),
    mcp.tool("variable", "Read an environment variable.", variable),
    mcp.tool("arguments", "Count the arguments of the process.", arguments),
    mcp.tool("keep", "Set a value.", keep),
    mcp.tool("kept", "Get a value.", kept),
    mcp.tool("keys", "List keys.", keys),
    mcp.tool("operations", "List the operations that are permitted for a key.", operations),
};

const Sent = struct {
    scheme: ?[]const u8 = "http",
    authority: ?[]const u8,
    path: ?[]const u8 = "/",
    method: []const u8 = "GET",
    host: ?[]const u8 = null,
};

/// Return the status, or the name of the error.
fn send(args: Sent) ![]const u8 {
    const fields = wasi.types.Fields.init();
    if (args.host) |host| fields.append("host", host).get() catch return "header";
    const request = wasi.types.OutgoingRequest.init(fields);
    request.setMethod(if (std.mem.eql(u8, args.method, "GET")) .get else if (std.mem.eql(u8, args.method, "POST"))
        .post
    else if (std.mem.eql(u8, args.method, "CONNECT")) .connect else .{ .other = args.method }).get() catch
        return "method";
    request.setScheme(if (args.scheme) |scheme| if (std.mem.eql(u8, scheme, "http"))
        .http
    else if (std.mem.eql(u8, scheme, "https")) .https else .{ .other = scheme } else null).get() catch return "scheme";
    request.setAuthority(args.authority).get() catch return "authority";
    request.setPathWithQuery(args.path).get() catch return "path";
    const pending = switch (wasi.outgoing_handler.handle(request, null)) {
        .ok => |pending| pending,
        .err => |code| return @tagName(code),
    };
    defer pending.drop();
    const ready = pending.subscribe();
    ready.block();
    ready.drop();
    const response = switch ((pending.get() orelse return "none").get() catch return "taken") {
        .ok => |response| response,
        .err => |code| return @tagName(code),
    };
    defer response.drop();
    return std.fmt.allocPrint(mcp.allocator, "{d}", .{response.status()});
}

fn fetch(args: struct { url: []const u8 }) ![]const u8 {
    return (try mcp.http.fetch(.{ .url = args.url })).body;
}

fn variable(args: struct { name: []const u8 }) ?[]const u8 {
    return mcp.config.environment(args.name);
}

fn arguments() usize {
    return bindings.wasi_cli.environment.getArguments().len;
}

fn keep(args: struct { bucket: []const u8 = "", key: []const u8, text: []const u8 = "value" }) !void {
    const bucket = try mcp.kv.open(args.bucket);
    defer bucket.close();
    try bucket.set(args.key, args.text);
}

fn kept(args: struct { bucket: []const u8 = "", key: []const u8 }) !?[]const u8 {
    const bucket = try mcp.kv.open(args.bucket);
    defer bucket.close();
    return bucket.get([]const u8, args.key);
}

fn keys(args: struct { bucket: []const u8 = "", prefix: []const u8 = "" }) ![]const []const u8 {
    const bucket = try mcp.kv.open(args.bucket);
    defer bucket.close();
    const page = switch (bucket.handle.listKeys(args.prefix, null)) {
        .ok => |page| page,
        .err => |problem| return if (problem == .access_denied) error.AccessDenied else error.StoreFailed,
    };
    return page.keys;
}

/// Return the names of the operations that are not denied for a key.
fn operations(args: struct { bucket: []const u8 = "", key: []const u8 }) ![]const []const u8 {
    const bucket = try mcp.kv.open(args.bucket);
    defer bucket.close();
    var names: std.ArrayList([]const u8) = .empty;
    if (bucket.get(mcp.kv.Value, args.key)) |_| try names.append(mcp.allocator, "get") else |_| {}
    if (bucket.exists(args.key)) |_| try names.append(mcp.allocator, "exists") else |_| {}
    if (bucket.getMany(&.{ "notes/a", args.key })) |_| try names.append(mcp.allocator, "get-many") else |_| {}
    if (bucket.set(args.key, @as(i64, 1))) |_| try names.append(mcp.allocator, "set") else |_| {}
    if (bucket.increment(args.key, 1)) |_| try names.append(mcp.allocator, "increment") else |_| {}
    if (bucket.compareAndSwap(args.key, null, "x")) |_| try names.append(mcp.allocator, "swap") else |_| {}
    if (bucket.setMany(&.{.{ .key = args.key, .value = .{ .s64 = 1 } }})) |_|
        try names.append(mcp.allocator, "set-many")
    else |_| {}
    if (bucket.handle.deleteMany(&.{args.key}) == .ok) try names.append(mcp.allocator, "delete-many");
    if (bucket.delete(args.key)) |_| try names.append(mcp.allocator, "delete") else |_| {}
    return names.items;
}
