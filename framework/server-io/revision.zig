//! The revisions of MCP, in order, so that what came when is a comparison.

const std = @import("std");

pub const Revision = enum {
    @"2024-11-05",
    @"2025-03-26",
    @"2025-06-18",
    @"2025-11-25",
    @"2026-07-28",

    pub const latest: Revision = .@"2026-07-28";

    /// The revision with this name; a name nobody knows is answered as the latest.
    pub fn named(text: []const u8) Revision {
        return std.meta.stringToEnum(Revision, text) orelse latest;
    }

    /// Whether this revision has what came with `first`.
    pub fn since(self: Revision, first: Revision) bool {
        return @backingInt(self) >= @backingInt(first);
    }

    pub fn name(self: Revision) []const u8 {
        return @tagName(self);
    }
};

test "order" {
    try std.testing.expect(Revision.named("2025-06-18").since(.@"2025-03-26"));
    try std.testing.expect(!Revision.named("2025-03-26").since(.@"2025-06-18"));
    try std.testing.expectEqual(Revision.latest, Revision.named("1999-01-01"));
}
