//! State of a client of a handshake revision: the revision that `initialize` negotiated, the log level that
//! `logging/setLevel` chose, the client's principal and its capabilities. Its text is one line, or an empty one:
//! `REVISION LEVEL @PRINCIPAL CAPABILITIES`, with `-` for no level, without the parts that it does not have.

const std = @import("std");
const lib = @import("lib");
const revisions = @import("revisions.zig");

const Session = @This();

/// Severities. Specification: 2025-11-25, server/utilities/logging.
pub const Level = enum { debug, info, notice, warning, @"error", critical, alert, emergency };

/// Log level for a client that chose none: the server may decide.
pub const default_level: Level = .info;

/// One of `revisions.handshake`.
revision: ?[]const u8 = null,
level: ?Level = null,
/// Principal that the session belongs to: issuer, line feed and subject, in base64url. Null: it has none.
principal: ?[]const u8 = null,
/// The `ClientCapabilities` object. Null: no capabilities.
capabilities: ?[]const u8 = null,

/// Limit on the client's capabilities, in bytes: each message carries them.
pub const max_capabilities = 8192;

/// Parse the output of `text`. Any other text is an empty session.
pub fn read(state: []const u8) Session {
    var parts = lib.bytes.split(state, ' ');
    const revision = revisions.known(parts.next().?) orelse return .{};
    const level = if (parts.next()) |name| std.meta.stringToEnum(Level, name) else null;
    var rest = parts.rest orelse "";
    var principal: ?[]const u8 = null;
    if (rest.len > 0 and rest[0] == '@') {
        const end = lib.bytes.position(rest, ' ') orelse rest.len;
        principal = rest[1..end];
        rest = rest[@min(end + 1, rest.len)..];
    }
    const capabilities = if (rest.len > 0 and rest[0] == '{') rest else null;
    return .{ .revision = revision, .level = level, .principal = principal, .capabilities = capabilities };
}

/// Return whether the session belongs to a principal; null: the request has none.
pub fn belongsTo(session: Session, other: ?[]const u8) bool {
    return lib.bytes.equal(session.principal orelse "", other orelse "");
}

/// Return the session as text.
pub fn text(session: Session, allocator: std.mem.Allocator) error{OutOfMemory}![]const u8 {
    const revision = session.revision orelse return "";
    const level: []const u8 = if (session.level) |level| @tagName(level) else "-";
    const principal = session.principal orelse "";
    const capabilities = session.capabilities orelse "";
    if (principal.len + capabilities.len == 0 and session.level == null) return revision;
    const line = try std.mem.concat(allocator, u8, &.{
        revision,                            " ",       level,
        if (principal.len > 0) " @" else "", principal, if (capabilities.len > 0) " " else "",
        capabilities,
    });
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
        "2025-11-25 - @ab", "2025-11-25 - @ab {\"a\":{}}", "2025-06-18 error @ab",
    }) |sample| {
        try std.testing.expectEqualStrings(sample, try read(sample).text(state.allocator()));
    }
    for ([_][]const u8{ "2026-07-28", "x", " debug", "error 2025-06-18" }) |sample| {
        try std.testing.expectEqualStrings("", try read(sample).text(state.allocator()));
    }
    try std.testing.expectEqualStrings("2025-06-18", try read("2025-06-18 loud").text(state.allocator()));
}
