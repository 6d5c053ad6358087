//! State of a client of a handshake revision: the revision that `initialize` negotiated, the log level that
//! `logging/setLevel` chose, and the client's capabilities. Its text is one line: `REVISION LEVEL CAPABILITIES`, with
//! `-` for no level and nothing for no capabilities, or an empty line.

const std = @import("std");
const revisions = @import("revisions.zig");

const Session = @This();

/// Severities. Specification: 2025-11-25, server/utilities/logging.
pub const Level = enum { debug, info, notice, warning, @"error", critical, alert, emergency };

/// Log level for a client that chose none: the server may decide.
pub const default_level: Level = .info;

/// One of `revisions.handshake`.
revision: ?[]const u8 = null,
level: ?Level = null,
/// The `ClientCapabilities` object. Null: no capabilities.
capabilities: ?[]const u8 = null,

/// Limit on the client's capabilities, in bytes: each message carries them.
pub const max_capabilities = 8192;

/// Parse the output of `text`. Any other text is an empty session.
pub fn read(state: []const u8) Session {
    var parts = std.mem.splitScalar(u8, state, ' ');
    const revision = revisions.known(parts.first()) orelse return .{};
    const level = if (parts.next()) |name| std.meta.stringToEnum(Level, name) else null;
    const rest = parts.rest();
    const capabilities = if (rest.len > 0 and rest[0] == '{') rest else null;
    return .{ .revision = revision, .level = level, .capabilities = capabilities };
}

/// Return the session as text.
pub fn text(session: Session, allocator: std.mem.Allocator) error{OutOfMemory}![]const u8 {
    const revision = session.revision orelse return "";
    const level: []const u8 = if (session.level) |level| @tagName(level) else "-";
    const capabilities = session.capabilities orelse {
        if (session.level == null) return revision;
        return std.mem.concat(allocator, u8, &.{ revision, " ", level });
    };
    const line = try std.mem.concat(allocator, u8, &.{ revision, " ", level, " ", capabilities });
    // In JSON line breaks only occur between tokens.
    std.mem.replaceScalar(u8, line, '\n', ' ');
    std.mem.replaceScalar(u8, line, '\r', ' ');
    return line;
}

test "round trip" {
    var state: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer state.deinit();
    for ([_][]const u8{
        "",                 "2025-06-18",                  "2024-11-05 error",
        "2025-11-25 debug", "2025-11-25 - {\"roots\":{}}", "2025-11-25 debug {\"roots\": {}}",
    }) |sample| {
        try std.testing.expectEqualStrings(sample, try read(sample).text(state.allocator()));
    }
    for ([_][]const u8{ "2026-07-28", "x", " debug", "error 2025-06-18" }) |sample| {
        try std.testing.expectEqualStrings("", try read(sample).text(state.allocator()));
    }
    try std.testing.expectEqualStrings("2025-06-18", try read("2025-06-18 loud").text(state.allocator()));
}
