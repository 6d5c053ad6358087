//! Requests of an older client that wait for its answers, for the stdio transport of runtimes that know nothing of MCP.
//! Other lines are answered meanwhile.

const std = @import("std");
const lib = @import("lib");
const protocol = @import("protocol.zig");

const Allocator = std.mem.Allocator;
const Waiting = @This();

/// More than one client has in progress; what comes on top of them is the oldest's end.
const limit = 256;

gpa: Allocator,
requests: std.ArrayList(Request) = .empty,

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

/// A request whose answers are all there, in memory of the caller's.
pub const Ready = struct { line: []const u8, resumed: protocol.Resumed };

/// Keep a request; out of memory is the end of the instance. Returns the line of one that was given up for it.
pub fn add(self: *Waiting, arena: Allocator, line: []const u8, pending: protocol.Pending) error{OutOfMemory}!?[]const u8 {
    const dropped = if (self.requests.items.len == limit) dropped: {
        const copy = try arena.dupe(u8, self.requests.items[0].line);
        self.remove(0);
        break :dropped copy;
    } else null;
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
    return dropped;
}

/// Take the client's response to our request with this id. Returns the request that it was the last for.
pub fn answer(self: *Waiting, arena: Allocator, id: []const u8, response: []const u8) error{OutOfMemory}!?Ready {
    for (self.requests.items, 0..) |*request, at| for (request.ids, request.answers) |wanted, *slot| {
        if (!std.mem.eql(u8, wanted, id) or slot.* != null) continue;
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

/// Forget the request that a `notifications/cancelled` takes back.
pub fn cancel(self: *Waiting, notification: []const u8) void {
    const params = lib.json.member(notification, "params") orelse return;
    const id = lib.json.member(params, "requestId") orelse return;
    for (self.requests.items, 0..) |*request, at| {
        if (std.mem.eql(u8, lib.json.member(request.line, "id") orelse continue, id)) return self.remove(at);
    }
}

fn remove(self: *Waiting, at: usize) void {
    self.requests.orderedRemove(at).free(self.gpa);
}

const testing = std.testing;

test "answers come in any order, and each but once" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    var waiting: Waiting = .{ .gpa = testing.allocator };
    defer waiting.requests.deinit(testing.allocator);
    try testing.expectEqual(null, try waiting.add(arena, "{\"id\":1}", .{ .ids = &.{ "a", "b" }, .continuation = "{}" }));
    try testing.expectEqual(null, try waiting.answer(arena, "c", "?"));
    try testing.expectEqual(null, try waiting.answer(arena, "b", "\"B\""));
    try testing.expectEqual(null, try waiting.answer(arena, "b", "\"again\""));
    const ready = (try waiting.answer(arena, "a", "\"A\"")).?;
    try testing.expectEqualStrings("[\"A\",\"B\"]", ready.resumed.answers);
    try testing.expectEqualStrings("{\"id\":1}", ready.line);
    try testing.expectEqual(null, try waiting.answer(arena, "a", "\"A\""));
}

test "a request is taken back" {
    var waiting: Waiting = .{ .gpa = testing.allocator };
    defer waiting.requests.deinit(testing.allocator);
    try testing.expectEqual(null, try waiting.add(testing.allocator, "{\"id\":\"x\"}", .{ .ids = &.{"a"}, .continuation = "{}" }));
    waiting.cancel("{\"params\":{\"requestId\":\"y\"}}");
    try testing.expectEqual(1, waiting.requests.items.len);
    waiting.cancel("{\"params\":{\"requestId\":\"x\"}}");
    try testing.expectEqual(0, waiting.requests.items.len);
}
