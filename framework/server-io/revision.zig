//! Revisions of MCP, in order, so that they can be compared.

const std = @import("std");

pub const Revision = @import("protocol_table").Revision;

test "order" {
    try std.testing.expect(Revision.named("2025-06-18").since(.@"2025-03-26"));
    try std.testing.expect(!Revision.named("2025-03-26").since(.@"2025-06-18"));
    try std.testing.expectEqual(Revision.latest, Revision.named("1999-01-01"));
}
