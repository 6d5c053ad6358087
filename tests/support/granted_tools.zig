//! Tools that use what grants give, at the level of the interfaces, so that requests of any form can be sent.
const std = @import("std");
const bindings = @import("bindings");
const mcp = @import("wasmcp");

const wasi = bindings.wasi_http;
const files = bindings.wasi_filesystem;
const Descriptor = files.types.Descriptor;

pub const tools = .{
    mcp.tool("send", "Send a GET request, or one of another method.", send),
    mcp.tool("fetch", "Send a request with the client of the library.", fetch),
    mcp.tool("variable", "Read an environment variable.", variable),
    mcp.tool("arguments", "Count the arguments of the process.", arguments),
    mcp.tool("keep", "Set a value.", keep),
    mcp.tool("kept", "Get a value.", kept),
    mcp.tool("explained", "Set a value; the text of an error is that of the library.", explained),
    mcp.tool("keys", "List keys.", keys),
    mcp.tool("pages", "List keys page by page, and return the cursors as well.", pages),
    mcp.tool("operations", "List the operations that are permitted for a key.", operations),
    mcp.tool("directories", "List the directories.", directories),
    mcp.tool("read", "Read a file.", read),
    mcp.tool("change", "Change a directory in all ways, and return the outcome of each.", change),
};

const Sent = struct {
    scheme: ?[]const u8 = "http",
    authority: ?[]const u8,
    path: ?[]const u8 = "/",
    method: []const u8 = "GET",
    host: ?[]const u8 = null,
    parent: ?[]const u8 = null,
};

/// Return the status, or the name of the error.
fn send(args: Sent) ![]const u8 {
    const fields = wasi.types.Fields.init();
    if (args.host) |host| fields.append("host", host).get() catch return "header";
    if (args.parent) |parent| fields.append("traceparent", parent).get() catch return "header";
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

fn explained(args: struct { bucket: []const u8 = "", key: []const u8 }, context: mcp.Context) ![]const u8 {
    const bucket = mcp.kv.open(args.bucket) catch |reason|
        return context.fail("{s}", .{try mcp.kv.message(reason, .{ .bucket = args.bucket })});
    defer bucket.close();
    bucket.set(args.key, "value") catch |reason|
        return context.fail("{s}", .{try mcp.kv.message(reason, .{ .bucket = args.bucket, .key = args.key })});
    return "kept";
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

const Pages = struct { sizes: []const u64, keys: []const []const u8, cursors: []const []const u8 };

/// List with one handle, from `cursor` or the beginning. `delete`: the keys of each page before the next one.
fn pages(args: struct {
    bucket: []const u8 = "",
    prefix: []const u8 = "",
    cursor: ?[]const u8 = null,
    other: []const u8 = "",
    delete: bool = false,
}) !Pages {
    const bucket = try mcp.kv.open(args.bucket);
    defer bucket.close();
    var sizes: std.ArrayList(u64) = .empty;
    var found: std.ArrayList([]const u8) = .empty;
    var cursors: std.ArrayList([]const u8) = .empty;
    var at = args.cursor;
    while (true) {
        const page = try bucket.list(args.prefix, at);
        try sizes.append(mcp.allocator, page.keys.len);
        try found.appendSlice(mcp.allocator, page.keys);
        at = page.next orelse break;
        try cursors.append(mcp.allocator, at.?);
        // A cursor is for the list that it comes from.
        if (args.other.len > 0) _ = try bucket.list(args.other, at);
        if (args.delete) try bucket.deleteMany(page.keys);
    }
    return .{ .sizes = sizes.items, .keys = found.items, .cursors = cursors.items };
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

fn directories() ![]const []const u8 {
    const found = files.preopens.getDirectories();
    const names = try mcp.allocator.alloc([]const u8, found.len);
    for (found, names) |each, *name| {
        name.* = each[1];
        each[0].drop();
    }
    return names;
}

fn directory(path: []const u8) error{NoDirectory}!Descriptor {
    var opened: ?Descriptor = null;
    for (files.preopens.getDirectories()) |each| {
        if (opened == null and std.mem.eql(u8, each[1], path)) opened = each[0] else each[0].drop();
    }
    return opened orelse error.NoDirectory;
}

/// Return the content of a file, or the name of the error.
fn read(args: struct { directory: []const u8, path: []const u8, follow: bool = false }) ![]const u8 {
    const opened = try directory(args.directory);
    defer opened.drop();
    return switch (opened.openAt(.{ .symlink_follow = args.follow }, args.path, .{}, .{ .read = true })) {
        .err => |code| @tagName(code),
        .ok => |file| {
            defer file.drop();
            return switch (file.read(100, 0)) {
                .ok => |found| found[0],
                .err => |code| @tagName(code),
            };
        },
    };
}

const Outcome = struct { name: []const u8, result: []const u8 };

/// Change a directory with the files `a`, `b` and the directory `below`; `other` has a file `own`.
fn change(args: struct { path: []const u8, other: []const u8 }) ![]const Outcome {
    const root = try directory(args.path);
    defer root.drop();
    const other = try directory(args.other);
    defer other.drop();
    const file = try root.openAt(.{}, "a", .{}, .{ .read = true }).get();
    defer file.drop();
    const below_flags: files.types.DescriptorFlags = .{ .read = true, .mutate_directory = true };
    const below = try root.openAt(.{}, "below", .{ .directory = true }, below_flags).get();
    defer below.drop();
    var outcomes: std.ArrayList(Outcome) = .empty;
    const Log = struct {
        list: *std.ArrayList(Outcome),

        fn add(self: @This(), name: []const u8, result: anytype) void {
            const text = switch (result) {
                .ok => |payload| ok: {
                    const Payload = @TypeOf(payload);
                    if (@typeInfo(Payload) == .@"struct" and @hasDecl(Payload, "drop")) payload.drop();
                    break :ok "done";
                },
                .err => |code| @tagName(code),
            };
            self.list.append(mcp.allocator, .{ .name = name, .result = text }) catch @trap();
        }
    };
    const log: Log = .{ .list = &outcomes };
    log.add("create", root.openAt(.{}, "new", .{ .create = true }, .{ .read = true }));
    log.add("create below", below.openAt(.{}, "new", .{ .create = true }, .{ .write = true }));
    log.add("exclusive", root.openAt(.{}, "newer", .{ .create = true, .exclusive = true }, .{ .write = true }));
    log.add("truncate", root.openAt(.{}, "a", .{ .truncate = true }, .{ .write = true }));
    log.add("open for writing", root.openAt(.{}, "a", .{}, .{ .read = true, .write = true }));
    log.add("write", file.write("x", 0));
    log.add("write stream", file.writeViaStream(0));
    log.add("append stream", file.appendViaStream());
    log.add("set size", file.setSize(0));
    log.add("set times", file.setTimes(.now, .{ .timestamp = .{ .seconds = 1, .nanoseconds = 0 } }));
    log.add("set times at", root.setTimesAt(.{}, "a", .now, .{ .timestamp = .{ .seconds = 1, .nanoseconds = 0 } }));
    log.add("make directory", root.createDirectoryAt("folder"));
    log.add("remove directory", root.removeDirectoryAt("folder"));
    log.add("symlink", root.symlinkAt("b", "symlink"));
    log.add("symlink out", root.symlinkAt("/etc/passwd", "out"));
    log.add("link away", root.linkAt(.{}, "b", other, "linked"));
    log.add("link here", other.linkAt(.{}, "own", root, "linked here"));
    log.add("rename away", root.renameAt("b", other, "renamed"));
    log.add("rename here", other.renameAt("own", root, "came"));
    log.add("rename", root.renameAt("a", root, "c"));
    log.add("unlink", root.unlinkFileAt("c"));
    log.add("unlink above", below.unlinkFileAt("../came"));
    log.add("stat", root.stat());
    log.add("stat at", root.statAt(.{}, "below"));
    log.add("stat above", root.statAt(.{}, ".."));
    log.add("stat absolute", root.statAt(.{}, "/"));
    log.add("open above", below.openAt(.{}, "../below", .{}, .{ .read = true }));
    log.add("read", file.read(1, 0));
    log.add("read stream", file.readViaStream(0));
    log.add("sync", file.sync());
    const flags = try root.getFlags().get();
    outcomes.append(mcp.allocator, .{
        .name = "flags",
        .result = if (flags.mutate_directory or flags.write) "write" else "read",
    }) catch @trap();
    const entries = try root.readDirectory().get();
    defer entries.drop();
    log.add("entry", entries.readDirectoryEntry());
    const again = try directory(args.path);
    defer again.drop();
    outcomes.append(mcp.allocator, .{
        .name = "same",
        .result = if (root.isSameObject(again) and !root.isSameObject(below)) "done" else "differs",
    }) catch @trap();
    return outcomes.items;
}
