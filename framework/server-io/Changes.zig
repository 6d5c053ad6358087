//! Change notifications of components during a call, buffered until they are sent to subscribers. Specification:
//! basic/patterns/subscriptions.

const std = @import("std");
const lib = @import("lib");
const uris = @import("uris");

const Changes = @This();
const Error = std.mem.Allocator.Error;

/// Limit of buffered notifications. More indicate a mistake of the component and are dropped.
const most = 1000;

pub const Kind = enum { tools, prompts, resources, resource };

gpa: std.mem.Allocator = if (@import("builtin").is_test) std.testing.allocator else @import("bindings").memory.gpa,
waiting: lib.List([]const u8) = .empty,

pub fn deinit(self: *Changes) void {
    for (self.waiting.items) |text| self.gpa.free(text);
    self.waiting.deinit(self.gpa);
}

/// Return a JSON-RPC notification without `jsonrpc`: the transport or the embedding host adds the subscription. For a
/// resource it has a `key`, which is the same for all spellings of its URI and is not sent.
pub fn notification(arena: std.mem.Allocator, kind: Kind, uri: ?[]const u8) Error![]const u8 {
    switch (kind) {
        inline .tools, .prompts, .resources => |list| {
            return "{\"method\":\"notifications/" ++ @tagName(list) ++ "/list_changed\"}";
        },
        .resource => {
            var w = lib.Writer.init(arena);
            try w.raw("{\"method\":\"notifications/resources/updated\",\"params\":{");
            try w.key("uri");
            const text = uri orelse "";
            try w.string(text);
            try w.raw("}");
            try w.key("key");
            try w.string(uris.key(text, try arena.alloc(u8, uris.room(text.len))));
            try w.raw("}");
            return w.text();
        },
    }
}

/// Add a notification, unless an equal one is already buffered.
pub fn add(self: *Changes, text: []const u8) Error!void {
    if (self.waiting.items.len == most) return;
    for (self.waiting.items) |known| if (lib.bytes.equal(known, text)) return;
    const copy = try self.gpa.dupe(u8, text);
    errdefer self.gpa.free(copy);
    try self.waiting.append(self.gpa, copy);
}

/// Return copies of all buffered notifications, in order.
pub fn copies(self: *const Changes, arena: std.mem.Allocator) Error![]const []const u8 {
    const texts = try arena.alloc([]const u8, self.waiting.items.len);
    for (self.waiting.items, texts) |text, *copy| copy.* = try arena.dupe(u8, text);
    return texts;
}

test "equal changes are reported once" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    var changes: Changes = .{};
    defer changes.deinit();
    for ([_]?[]const u8{ "file:///a", "file://Host/\"", "file:///a" }) |uri| {
        try changes.add(try notification(arena.allocator(), .resource, uri));
    }
    for ([_]Kind{ .tools, .tools, .prompts }) |kind| try changes.add(try notification(arena.allocator(), kind, null));
    const texts = try changes.copies(arena.allocator());
    try std.testing.expectEqual(4, texts.len);
    try std.testing.expectEqualStrings(
        "{\"method\":\"notifications/resources/updated\"," ++
            "\"params\":{\"uri\":\"file://Host/\\\"\"},\"key\":\"file://host/%22\"}",
        texts[1],
    );
    try std.testing.expectEqualStrings("{\"method\":\"notifications/prompts/list_changed\"}", texts[3]);
}

test "notifications over the limit are dropped" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    var changes: Changes = .{};
    defer changes.deinit();
    var digits: [8]u8 = undefined;
    for (0..most + 5) |n| try changes.add(
        try notification(arena.allocator(), .resource, std.fmt.bufPrint(&digits, "{d}", .{n}) catch unreachable),
    );
    try std.testing.expectEqual(most, (try changes.copies(arena.allocator())).len);
}
