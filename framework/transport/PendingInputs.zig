//! Pending inputs of the stdio transport: requests of a handshake revision that wait for the client's responses to
//! server-to-client requests, while other lines are answered. For runtimes without support for MCP.

const std = @import("std");
const lib = @import("lib");
const Pending = @import("messages.zig").Pending;
const Resumed = @import("messages.zig").Resumed;

const Allocator = std.mem.Allocator;
const Error = Allocator.Error;
const PendingInputs = @This();

/// Limit on pending inputs: one more cancels the oldest.
const limit = 256;

gpa: Allocator,
requests: lib.List(Request) = .empty,

const Request = struct {
    line: []const u8,
    continuation: []const u8,
    ids: [][]const u8,
    answers: []?[]const u8,

    fn free(self: *const Request, gpa: Allocator) void {
        gpa.free(self.line);
        gpa.free(self.continuation);
        for (self.ids) |id| gpa.free(id);
        gpa.free(self.ids);
        for (self.answers) |given| if (given) |text| gpa.free(text);
        gpa.free(self.answers);
    }

    fn complete(self: *const Request) bool {
        for (self.answers) |given| if (given == null) return false;
        return true;
    }
};

/// Line to be answered. `resumed`: the responses to a request that has all of them. In the caller's memory.
pub const Turn = struct { line: []const u8, resumed: ?Resumed = null };

/// Keep a request until its responses arrive; out of memory ends the instance. Returns messages for the client: the
/// cancellation of the oldest request, if there were too many.
pub fn add(self: *PendingInputs, arena: Allocator, line: []const u8, pending: Pending) Error![]const []const u8 {
    var messages: lib.List([]const u8) = .empty;
    if (self.requests.items.len == limit) {
        try self.cancelRequests(arena, 0, &messages);
        var w: lib.Writer = .init(arena);
        try w.raw("{\"jsonrpc\":\"2.0\",\"id\":");
        try w.raw(lib.json.member(self.requests.items[0].line, "id") orelse "null");
        try w.raw(std.fmt.comptimePrint(
            ",\"error\":{{\"code\":{d},\"message\":\"Internal error: too many requests wait for answers\"}}}}",
            .{@import("protocol_table").code.internal_error},
        ));
        try messages.append(arena, w.text());
        self.remove(0);
    }
    const ids = try self.gpa.alloc([]const u8, pending.ids.len);
    for (ids, pending.ids) |*id, text| id.* = try self.gpa.dupe(u8, text);
    const answers = try self.gpa.alloc(?[]const u8, ids.len);
    @memset(answers, null);
    try self.requests.append(self.gpa, .{
        .line = try self.gpa.dupe(u8, line),
        .continuation = try self.gpa.dupe(u8, pending.continuation),
        .ids = ids,
        .answers = answers,
    });
    return messages.items;
}

/// Cancel the server-to-client requests that the client has not answered.
/// Specification: 2025-11-25, basic/utilities/cancellation.
fn cancelRequests(
    self: *const PendingInputs,
    arena: Allocator,
    at: usize,
    messages: *lib.List([]const u8),
) Error!void {
    const request = &self.requests.items[at];
    for (request.ids, request.answers) |id, given| if (given == null) {
        const message = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"";
        // Ids that the server generates need no escapes.
        try messages.append(arena, try std.mem.concat(arena, u8, &.{ message, id, "\"}}" }));
    };
}

/// Record the client's response to the server-to-client request with this id. Returns the suspended request if it was
/// the last missing response.
pub fn answer(self: *PendingInputs, arena: Allocator, id: []const u8, response: []const u8) Error!?Turn {
    for (self.requests.items, 0..) |*request, at| for (request.ids, request.answers) |wanted, *slot| {
        if (!lib.bytes.equal(wanted, id) or slot.* != null) continue;
        slot.* = try self.gpa.dupe(u8, response);
        if (!request.complete()) return null;
        defer self.remove(at);
        var w: lib.Writer = .init(arena);
        try w.open('[');
        for (request.answers) |given| try w.value(given.?);
        try w.close(']');
        return .{
            .line = try arena.dupe(u8, request.line),
            .resumed = .{ .continuation = try arena.dupe(u8, request.continuation), .answers = w.text() },
        };
    };
    return null;
}

/// Remove the request that a cancellation names. Returns messages for the client.
pub fn cancel(self: *PendingInputs, arena: Allocator, notification: []const u8) Error![]const []const u8 {
    var messages: lib.List([]const u8) = .empty;
    if (self.requests.items.len == 0) return &.{};
    if (!lib.json.equals(lib.json.member(notification, "method") orelse return &.{}, "notifications/cancelled"))
        return &.{};
    const params = lib.json.member(notification, "params") orelse return &.{};
    const id = lib.json.member(params, "requestId") orelse return &.{};
    for (self.requests.items, 0..) |*request, at| {
        if (!lib.bytes.equal(lib.json.member(request.line, "id") orelse continue, id)) continue;
        try self.cancelRequests(arena, at, &messages);
        self.remove(at);
        break;
    }
    return messages.items;
}

fn remove(self: *PendingInputs, at: usize) void {
    self.requests.orderedRemove(at).free(self.gpa);
}

const testing = std.testing;

test "responses arrive in any order, and count once" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    var pending: PendingInputs = .{ .gpa = testing.allocator };
    defer pending.requests.deinit(testing.allocator);
    try testing.expectEqual(
        0,
        (try pending.add(arena, "{\"id\":1}", .{ .ids = &.{ "a", "b" }, .continuation = "{}" })).len,
    );
    try testing.expectEqual(null, try pending.answer(arena, "c", "?"));
    try testing.expectEqual(null, try pending.answer(arena, "b", "\"B\""));
    try testing.expectEqual(null, try pending.answer(arena, "b", "\"again\""));
    const ready = (try pending.answer(arena, "a", "\"A\"")).?;
    try testing.expectEqualStrings("[\"A\",\"B\"]", ready.resumed.?.answers);
    try testing.expectEqualStrings("{\"id\":1}", ready.line);
    try testing.expectEqual(null, try pending.answer(arena, "a", "\"A\""));
}

fn expectCancelled(ids: []const []const u8, messages: []const []const u8) !void {
    try testing.expectEqual(ids.len, messages.len);
    for (ids, messages) |id, message| {
        try testing.expect(lib.json.equals(lib.json.member(message, "method").?, "notifications/cancelled"));
        try testing.expect(lib.json.equals(lib.json.member(lib.json.member(message, "params").?, "requestId").?, id));
    }
}

test "cancellation of a request cancels its server-to-client requests" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    var pending: PendingInputs = .{ .gpa = testing.allocator };
    defer pending.requests.deinit(testing.allocator);
    _ = try pending.add(arena, "{\"id\":\"x\"}", .{ .ids = &.{ "a", "b", "c" }, .continuation = "{}" });
    _ = try pending.answer(arena, "b", "{}");
    for ([_][]const u8{
        "{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"y\"}}",
        "{\"method\":\"notifications/other\",\"params\":{\"requestId\":\"x\"}}",
        "{\"method\":\"notifications/cancelled\",\"params\":[]}",
    }) |other| try expectCancelled(&.{}, try pending.cancel(arena, other));
    const cancelled = "{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"x\"}}";
    try expectCancelled(&.{ "a", "c" }, try pending.cancel(arena, cancelled));
    try expectCancelled(&.{}, try pending.cancel(arena, cancelled));
}

test "the oldest request makes room" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    var pending: PendingInputs = .{ .gpa = arena };
    for (0..limit) |n| {
        const line = try std.fmt.allocPrint(arena, "{{\"id\":{d}}}", .{n});
        try testing.expectEqual(0, (try pending.add(arena, line, .{ .ids = &.{line}, .continuation = "{}" })).len);
    }
    const messages = try pending.add(arena, "{\"id\":-1}", .{ .ids = &.{"last"}, .continuation = "{}" });
    try testing.expectEqual(2, messages.len);
    try testing.expectEqualStrings("0", lib.json.member(messages[1], "id").?);
    try testing.expectEqual(limit, pending.requests.items.len);
}
