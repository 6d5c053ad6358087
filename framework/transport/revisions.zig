//! Revisions of MCP, and which of them begin with a handshake. Specification: basic/versioning.

const std = @import("std");
const lib = @import("lib");
const table = @import("protocol_table");

/// Revision that is named on each request.
pub const modern = table.latest;
/// Revisions that begin with `initialize`, oldest first.
pub const handshake = table.handshake;
/// Revision assumed for an HTTP request without `MCP-Protocol-Version`: the last one that did not have the header.
pub const without_header = table.without_header;

/// Revision with JSON-RPC batches. Servers must accept batches in it, and in no other.
pub const with_batches = table.with_batches;

/// Revisions that a request can name, as listed by `server/discover` and in `data` of version errors.
pub const supported_json = "[\"" ++ modern ++ "\"]";

/// Return the handshake revision with this name, in static memory.
pub fn known(name: []const u8) ?[]const u8 {
    for (handshake) |revision| {
        if (lib.bytes.equal(revision, name)) return revision;
    }
    return null;
}

/// Return the revision to answer `initialize` with: the requested one, else the latest. Specification: 2025-11-25,
/// basic/lifecycle, "Version Negotiation".
pub fn negotiate(requested: []const u8) []const u8 {
    return known(requested) orelse handshake[handshake.len - 1];
}

/// Return whether a revision is not older than another: revisions are ISO 8601 dates, which sort as bytes.
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
