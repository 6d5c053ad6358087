//! The revisions of MCP and which of them begin with a handshake.
//! Specification: basic/versioning.

const std = @import("std");
const lib = @import("lib");

/// The revision that carries its version on every request.
pub const modern = "2026-07-28";
/// The revisions that begin with `initialize`, oldest first.
pub const handshake = [_][]const u8{ "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25" };
/// What an HTTP request without `MCP-Protocol-Version` is taken for: the last revision that did not have the header.
pub const without_header = "2025-03-26";

/// The revision that had JSON-RPC batches. Servers must take them in it, and in no other.
pub const with_batches = "2025-03-26";

/// What is answered in `data` of an error about versions, and listed by `server/discover`: what a request may name.
pub const supported_json = "[\"" ++ modern ++ "\"]";

/// The handshake revision of that name, in memory that stays.
pub fn known(name: []const u8) ?[]const u8 {
    for (handshake) |revision| {
        if (lib.bytes.equal(revision, name)) return revision;
    }
    return null;
}

/// The revision to answer `initialize` with: the one asked for, else our latest.
/// Specification: 2025-11-25, basic/lifecycle, "Version Negotiation".
pub fn negotiate(asked: []const u8) []const u8 {
    return known(asked) orelse handshake[handshake.len - 1];
}

/// Whether a date is not before another: revisions are named by ISO 8601 dates, whose order is that of their bytes.
pub fn since(revision: []const u8, first: []const u8) bool {
    return std.mem.order(u8, revision, first) != .lt;
}

test "negotiation" {
    try std.testing.expectEqualStrings("2025-03-26", negotiate("2025-03-26"));
    try std.testing.expectEqualStrings("2025-11-25", negotiate("2026-07-28"));
    try std.testing.expectEqualStrings("2025-11-25", negotiate(""));
    try std.testing.expect(known("2026-07-28") == null);
    try std.testing.expect(since("2025-06-18", "2025-03-26") and since("2025-06-18", "2025-06-18"));
    try std.testing.expect(!since("2024-11-05", "2025-03-26"));
}
