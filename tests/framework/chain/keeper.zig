//! Tools component that stores values: one tool, whose arguments select the operation. Its answer is a text: `ok`, the
//! value as `TYPE VALUE`, or the case and message of the error.

const std = @import("std");
const bindings = @import("bindings");

const Request = bindings.messages.Request;
const Value = bindings.key_value_types.Value;
const Error = bindings.key_value_types.Error;
const Bucket = bindings.key_value.Bucket;
const sessions = bindings.sessions;
const types = bindings.types;
const allocator = bindings.memory.allocator;

const Arguments = struct {
    on: enum { session, kv } = .session,
    bucket: []const u8 = "",
    do: enum { has, get, set, delete, keys, increment, swap, many },
    key: []const u8 = "",
    text: []const u8 = "",
    delta: i64 = 1,
    expected: ?[]const u8 = null,
};

pub const exports = struct {
    pub const tools = struct {
        pub fn listTools(_: Request, _: ?types.Cursor) bindings.abi.Result(bindings.tools.Page, types.Error) {
            const items = allocator.dupe(types.Tool, &.{
                .{ .name = "do", .input_schema = "{\"type\":\"object\"}" },
            }) catch @trap();
            return .{ .ok = .{ .items = items, .next = null, .cache = null } };
        }

        pub fn callTool(request: Request, name: []const u8) bindings.abi.Result(?bindings.tools.Outcome, types.Error) {
            if (!std.mem.eql(u8, name, "do")) return .{ .ok = null };
            const text = request.arguments() orelse "{}";
            const given = std.json.parseFromSliceLeaky(Arguments, allocator, text, .{}) catch |problem|
                return .{ .err = .{ .code = -32602, .message = @errorName(problem) } };
            const content =
                allocator.dupe(types.Content, &.{.{ .text = .{ .text = done(request, given) } }}) catch @trap();
            return .{ .ok = .{ .complete = .{ .content = content, .is_error = false } } };
        }
    };
};

fn done(request: Request, given: Arguments) []const u8 {
    if (given.on == .session) return switch (given.do) {
        .has => if (sessions.hasSession(request)) "yes" else "no",
        .get => shown(sessions.get(request, given.key)),
        .set => shown(sessions.set(request, given.key, .{ .string = given.text })),
        .delete => shown(sessions.delete(request, given.key)),
        .keys => shown(sessions.keys(request)),
        .increment => shown(sessions.increment(request, given.key, given.delta)),
        .swap => shown(sessions.compareAndSwap(request, given.key, expected(given), .{ .string = given.text })),
        .many => "no such thing",
    };
    const bucket: Bucket = switch (bindings.key_value.open(given.bucket)) {
        .ok => |bucket| bucket,
        .err => |problem| return failure(problem),
    };
    defer bucket.drop();
    return switch (given.do) {
        .has => shown(bucket.exists(given.key)),
        .get => shown(bucket.get(given.key)),
        .set => shown(bucket.set(given.key, .{ .string = given.text })),
        .delete => shown(bucket.delete(given.key)),
        .keys => switch (bucket.listKeys("", null)) {
            .ok => |page| joined(page.keys),
            .err => |problem| failure(problem),
        },
        .increment => shown(bucket.increment(given.key, given.delta)),
        .swap => shown(bucket.compareAndSwap(given.key, expected(given), .{ .string = given.text })),
        .many => many(bucket),
    };
}

fn many(bucket: Bucket) []const u8 {
    const set = bucket.setMany(&.{ .{ "a", .{
        .json = "[1]",
    } }, .{ "b", .{ .u64 = 5 } }, .{ "c", .{ .bool = true } }, .{ "d", .{ .bytes = "x" } } });
    if (set == .err) return failure(set.err);
    const gone = bucket.deleteMany(&.{"d"});
    if (gone == .err) return failure(gone.err);
    switch (bucket.getMany(&.{ "a", "b", "c", "d" })) {
        .ok => |values| {
            var texts: [4][]const u8 = undefined;
            for (values, &texts) |value, *text| text.* = valueText(value);
            return joined(&texts);
        },
        .err => |problem| return failure(problem),
    }
}

fn expected(given: Arguments) ?Value {
    return .{ .string = given.expected orelse return null };
}

fn shown(result: anytype) []const u8 {
    const value = switch (result) {
        .ok => |value| value,
        .err => |problem| return failure(problem),
    };
    return switch (@TypeOf(value)) {
        void => "ok",
        bool => if (value) "yes" else "no",
        ?Value => valueText(value),
        []const []const u8 => joined(value),
        else => print("{d}", .{value}),
    };
}

fn valueText(value: ?Value) []const u8 {
    return switch (value orelse return "none") {
        .string, .json, .bytes => |text, kind| print("{t} {s}", .{ kind, text }),
        inline .u64, .s64 => |number, kind| print("{t} {d}", .{ kind, number }),
        .bool => |flag| print("bool {}", .{flag}),
    };
}

fn failure(problem: Error) []const u8 {
    return switch (problem) {
        .limit, .unsupported, .other => |words, kind| print("{t}: {s}", .{ kind, words }),
        else => @tagName(problem),
    };
}

fn joined(texts: []const []const u8) []const u8 {
    return std.mem.join(allocator, ", ", texts) catch @trap();
}

fn print(comptime format: []const u8, arguments: anytype) []const u8 {
    return std.fmt.allocPrint(allocator, format, arguments) catch @trap();
}
