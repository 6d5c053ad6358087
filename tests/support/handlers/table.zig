//! Handlers that run the cases of `table.json` for which the guest library has a function.
const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("zig_http", "Send a request.", httpCase),
    mcp.tool("zig_kv", "Use a bucket.", kvCase),
    mcp.tool("zig_config", "Read the configuration.", configCase),
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

/// Return the keys of a step: those that it names, or the first numbers.
fn keysOf(step: std.json.ObjectMap) ![]const []const u8 {
    if (step.get("keys")) |given| return names(given);
    const count: usize = if (step.get("count")) |number| @intCast(number.integer) else 0;
    const found = try allocator.alloc([]const u8, count);
    for (found, 0..) |*name, number| name.* = try std.fmt.allocPrint(allocator, "{d}", .{number});
    return found;
}

fn setMany(bucket: mcp.kv.Bucket, step: std.json.ObjectMap) !void {
    var entries: std.ArrayList(mcp.kv.Bucket.Entry) = .empty;
    if (step.get("values")) |values| {
        var members = values.object.iterator();
        while (members.next()) |member| {
            const value = try stored(member.value_ptr.*);
            try entries.append(allocator, .{ .key = member.key_ptr.*, .value = value });
        }
    } else for (try keysOf(step)) |key| try entries.append(allocator, .{ .key = key, .value = .{ .s64 = 1 } });
    return bucket.setMany(entries.items);
}

/// Write a member of an object.
fn add(text: *std.ArrayList(u8), key: []const u8, value: mcp.kv.Value) !void {
    try text.appendSlice(allocator, if (text.items.len == 0) "{" else ",");
    try text.print(allocator, "{s}:{s}", .{ try written(key), try plain(value) });
}

/// Return an object, or the number of values for a step with a number of keys.
fn getMany(bucket: mcp.kv.Bucket, step: std.json.ObjectMap) ![]const u8 {
    const keys = try keysOf(step);
    var text: std.ArrayList(u8) = .empty;
    var count: usize = 0;
    for (keys, try bucket.getMany(keys)) |key, found| if (found) |value| {
        count += 1;
        try add(&text, key, value);
    };
    if (step.get("keys") == null) return written(count);
    try text.append(allocator, '}');
    return text.items;
}

fn items(bucket: mcp.kv.Bucket, prefix: []const u8) ![]const u8 {
    var text: std.ArrayList(u8) = .empty;
    var found = bucket.items(prefix);
    while (try found.next()) |entry| try add(&text, entry.key, entry.value);
    if (text.items.len == 0) try text.append(allocator, '{');
    try text.append(allocator, '}');
    return text.items;
}

fn listed(bucket: mcp.kv.Bucket, prefix: []const u8) ![]const u8 {
    var all: std.ArrayList([]const u8) = .empty;
    var found = bucket.keys(prefix);
    while (try found.next()) |key| try all.append(allocator, key);
    return written(all.items);
}

fn plus(by: i64, before: ?i64) i64 {
    return (before orelse 0) + by;
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
        update,
        items,
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
        .get_many => return getMany(bucket, step),
        .delete_many => try bucket.deleteMany(try keysOf(step)),
        .update => return written(try bucket.update(i64, key, step.get("by").?.integer, plus)),
        .items => return items(bucket, step.get("prefix").?.string),
        .keys => return listed(bucket, step.get("prefix").?.string),
        .open => {
            const long = step.get("bucket_length");
            const name = if (long) |length| try repeated('n', length) else step.get("bucket").?.string;
            (try mcp.kv.open(name)).close();
        },
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
            const place: mcp.kv.Place = .{ .bucket = given.get("bucket").?.string };
            const message = try written(try mcp.kv.message(problem, place));
            try text.print(allocator, "{{\"fails\":\"{s}\",\"message\":{s}}}", .{ errorName(problem), message });
        }
    }
    try text.append(allocator, ']');
    return text.items;
}

fn configError(reason: anyerror) []const u8 {
    return switch (reason) {
        error.MissingConfig => "MissingConfigError",
        error.InvalidConfig => "InvalidConfigError",
        else => @errorName(reason),
    };
}

/// Read a value of a type; return it as JSON text.
fn lookedUp(comptime T: type, key: []const u8, default: ?T) ![]const u8 {
    return written(if (default) |value| try mcp.config.getOr(T, key, value) else try mcp.config.get(T, key));
}

fn lookup(given: std.json.ObjectMap) ![]const u8 {
    const key = given.get("key").?.string;
    const Type = enum { text, integer, number, boolean, texts };
    return switch (std.meta.stringToEnum(Type, given.get("kind").?.string).?) {
        .text => lookedUp([]const u8, key, null),
        .integer => lookedUp(i64, key, if (given.get("default")) |value| value.integer else null),
        .number => lookedUp(f64, key, null),
        .boolean => lookedUp(bool, key, null),
        .texts => lookedUp([]const []const u8, key, null),
    };
}

fn configCase(args: Case) ![]const u8 {
    var text: std.ArrayList(u8) = .empty;
    for ((try parsed(args.case)).array.items) |given| {
        try text.appendSlice(allocator, if (text.items.len == 0) "[" else ",");
        if (lookup(given.object)) |found| {
            try text.print(allocator, "{{\"gives\":{s}}}", .{found});
        } else |reason| {
            const message = try written(try mcp.config.message(reason, given.object.get("key").?.string));
            try text.print(allocator, "{{\"fails\":\"{s}\",\"message\":{s}}}", .{ configError(reason), message });
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
