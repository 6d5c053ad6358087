//! What is remembered of an older client between its messages: what `initialize` agreed on, and the level that
//! `logging/setLevel` chose. As text it is `REVISION` or `REVISION LEVEL`, or nothing.

const std = @import("std");
const revisions = @import("revisions.zig");

const Session = @This();

/// Severities. Specification: 2025-11-25, server/utilities/logging.
pub const Level = enum { debug, info, notice, warning, @"error", critical, alert, emergency };

/// What a client that chose no level is sent: the server may decide.
pub const default_level: Level = .info;

/// One of `revisions.handshake`.
revision: ?[]const u8 = null,
level: ?Level = null,

/// Read what `text` wrote. Anything else is nothing.
pub fn read(state: []const u8) Session {
    var parts = std.mem.splitScalar(u8, state, ' ');
    const revision = revisions.known(parts.first()) orelse return .{};
    return .{ .revision = revision, .level = if (parts.next()) |name| std.meta.stringToEnum(Level, name) else null };
}

/// The session as text.
pub fn text(session: Session, allocator: std.mem.Allocator) error{OutOfMemory}![]const u8 {
    const revision = session.revision orelse return "";
    const level = session.level orelse return revision;
    return std.mem.concat(allocator, u8, &.{ revision, " ", @tagName(level) });
}

test "there and back" {
    var state: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer state.deinit();
    for ([_][]const u8{ "", "2025-06-18", "2024-11-05 error", "2025-11-25 debug" }) |sample| {
        try std.testing.expectEqualStrings(sample, try read(sample).text(state.allocator()));
    }
    for ([_][]const u8{ "2026-07-28", "x", " debug", "error 2025-06-18" }) |sample| {
        try std.testing.expectEqualStrings("", try read(sample).text(state.allocator()));
    }
    try std.testing.expectEqualStrings("2025-06-18", try read("2025-06-18 loud").text(state.allocator()));
}
