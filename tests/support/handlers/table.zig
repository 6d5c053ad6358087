//! Handlers that run the cases of `table.json` for which the guest library has a function.
const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("zig_http", "Send a request.", httpCase),
    mcp.tool("zig_kv", "Use a bucket.", kvCase),
    mcp.tool("zig_keep", "Keep a page.", keep),
};

const allocator = mcp.allocator;
const Case = struct { case: []const u8 };
const Page = struct { url: []const u8 };
const Value = std.json.Value;

fn parsed(text: []const u8) !Value {
    return std.json.parseFromSliceLeaky(Value, allocator, text, .{});
}

fn written(value: anytype) ![]const u8 {
    return std.json.Stringify.valueAlloc(allocator, value, .{});
}

fn httpCase(args: Case) ![]const u8 {
    const given = (try parsed(args.case)).object;
    var headers: std.ArrayList(mcp.http.Header) = .empty;
    if (given.get("headers")) |pairs| for (pairs.array.items) |pair| {
        const fields = pair.array.items;
        try headers.append(allocator, .{ .name = fields[0].string, .value = fields[1].string });
    };
    var request: mcp.http.Request = .{ .url = given.get("url").?.string, .headers = headers.items };
    if (given.get("max_body")) |limit| request.max_body = @intCast(limit.integer);
    if (given.get("first_byte")) |seconds| request.timeout = @intFromFloat(seconds.float * 1000);
    const response = mcp.http.fetch(request) catch |problem| return switch (problem) {
        error.BadUrl, error.BadHeader => written(.{ .@"error" = "InvalidRequestError" }),
        error.ConnectionRefused => written(.{ .@"error" = "ConnectError", .code = "connection-refused" }),
        error.TooLarge => written(.{ .@"error" = "BodyTooLargeError", .limit = request.max_body }),
        error.Timeout => written(.{
            .@"error" = "TransferTimeoutError",
            .phase = "first_byte",
            .code = "HTTP-response-timeout",
        }),
        else => |other| written(.{ .@"error" = @errorName(other) }),
    };
    var cookies: std.ArrayList([]const u8) = .empty;
    for (response.headers) |header| if (std.ascii.eqlIgnoreCase(header.name, "set-cookie")) {
        try cookies.append(allocator, header.value);
    };
    return written(.{
        .status = response.status,
        .text = response.body,
        .url = request.url,
        .redirects = 0,
        .cookies = cookies.items,
    });
}

fn stored(given: Value) !mcp.kv.Value {
    return switch (given) {
        .string => |text| .{ .string = text },
        .bool => |flag| .{ .bool = flag },
        .integer => |number| .{ .s64 = number },
        .object => |members| {
            const list = members.get("bytes") orelse return .{ .json = try written(given) };
            const bytes = try allocator.alloc(u8, list.array.items.len);
            for (bytes, list.array.items) |*byte, item| byte.* = @intCast(item.integer);
            return .{ .bytes = bytes };
        },
        else => .{ .json = try written(given) },
    };
}

/// Return a value as JSON text.
fn plain(value: mcp.kv.Value) ![]const u8 {
    return switch (value) {
        .json => |text| text,
        .bytes => |bytes| {
            const numbers = try allocator.alloc(u16, bytes.len);
            for (numbers, bytes) |*number, byte| number.* = byte;
            return written(.{ .bytes = numbers });
        },
        inline else => |found| written(found),
    };
}

fn names(given: Value) ![]const []const u8 {
    const found = try allocator.alloc([]const u8, given.array.items.len);
    for (found, given.array.items) |*name, item| name.* = item.string;
    return found;
}

fn repeated(letter: u8, count: Value) ![]const u8 {
    const text = try allocator.alloc(u8, @intCast(count.integer));
    @memset(text, letter);
    return text;
}

fn setMany(bucket: mcp.kv.Bucket, step: std.json.ObjectMap) !void {
    var entries: std.ArrayList(mcp.kv.Bucket.Entry) = .empty;
    if (step.get("count")) |count| for (0..@intCast(count.integer)) |number| {
        const key = try std.fmt.allocPrint(allocator, "{d}", .{number});
        try entries.append(allocator, .{ .key = key, .value = .{ .s64 = 1 } });
    };
    if (step.get("values")) |values| {
        var members = values.object.iterator();
        while (members.next()) |member| {
            const value = try stored(member.value_ptr.*);
            try entries.append(allocator, .{ .key = member.key_ptr.*, .value = value });
        }
    }
    return bucket.setMany(entries.items);
}

fn getMany(bucket: mcp.kv.Bucket, keys: []const []const u8) ![]const u8 {
    var text: std.ArrayList(u8) = .empty;
    for (keys, try bucket.getMany(keys)) |key, found| if (found) |value| {
        try text.appendSlice(allocator, if (text.items.len == 0) "{" else ",");
        try text.print(allocator, "{s}:{s}", .{ try written(key), try plain(value) });
    };
    try text.append(allocator, '}');
    return text.items;
}

/// Do one step, and return its outcome as JSON text.
fn done(bucket: mcp.kv.Bucket, step: std.json.ObjectMap) ![]const u8 {
    const key = if (step.get("key_length")) |length|
        try repeated('k', length)
    else if (step.get("key")) |name| name.string else "";
    const value: mcp.kv.Value = if (step.get("value_length")) |length|
        .{ .string = try repeated('x', length) }
    else
        try stored(step.get("value") orelse .null);
    const Operation = enum {
        set,
        get,
        exists,
        delete,
        increment,
        compare_and_swap,
        set_many,
        get_many,
        delete_many,
        keys,
        open,
    };
    switch (std.meta.stringToEnum(Operation, step.get("op").?.string).?) {
        .set => try bucket.set(key, value),
        .get => return if (try bucket.get(mcp.kv.Value, key)) |found| plain(found) else "\"absent\"",
        .exists => return written(try bucket.exists(key)),
        .delete => try bucket.delete(key),
        .increment => return written(try bucket.increment(key, step.get("by").?.integer)),
        .compare_and_swap => {
            const expected = step.get("expected").?;
            const before = if (expected == .object) try stored(expected.object.get("is").?) else null;
            return written(try bucket.compareAndSwap(key, before, value));
        },
        .set_many => try setMany(bucket, step),
        .get_many => return getMany(bucket, try names(step.get("keys").?)),
        .delete_many => try bucket.deleteMany(try names(step.get("keys").?)),
        .keys => return written((try bucket.list(step.get("prefix").?.string, null)).keys),
        .open => (try mcp.kv.open(try repeated('n', step.get("bucket_length").?))).close(),
    }
    return "null";
}

fn errorName(problem: anyerror) []const u8 {
    return switch (problem) {
        error.AccessDenied => "AccessDeniedError",
        error.NoSuchBucket => "NoSuchBucketError",
        error.NotACounter => "NotACounterError",
        error.OutOfRange => "OutOfRangeError",
        error.TooLarge => "LimitExceededError",
        error.Unsupported => "UnsupportedOperationError",
        error.StoreFailed => "StoreError",
        else => @errorName(problem),
    };
}

fn kvCase(args: Case) ![]const u8 {
    const given = (try parsed(args.case)).object;
    const bucket = try mcp.kv.open(given.get("bucket").?.string);
    defer bucket.close();
    var text: std.ArrayList(u8) = .empty;
    for (given.get("steps").?.array.items) |step| {
        try text.appendSlice(allocator, if (text.items.len == 0) "[" else ",");
        if (done(bucket, step.object)) |outcome| {
            try text.print(allocator, "{{\"gives\":{s}}}", .{outcome});
        } else |problem| {
            try text.print(allocator, "{{\"fails\":\"{s}\"}}", .{errorName(problem)});
        }
    }
    try text.append(allocator, ']');
    return text.items;
}

const Configured = struct { greeting: []const u8, retries: i64, tags: []const []const u8, wide: bool };
const Kept = struct { text: []const u8, greeting: []const u8 };

fn keep(args: Page) ![]const u8 {
    const page = try mcp.http.fetch(.{ .url = args.url });
    const bucket = try mcp.kv.open("");
    defer bucket.close();
    const configured = try mcp.config.read(Configured);
    try bucket.set("zig/page", Kept{ .text = page.body, .greeting = configured.greeting });
    const count = try bucket.increment("zig/count", 1);
    return written(.{ .kept = try bucket.get(Kept, "zig/page"), .count = count });
}
