//! Selection of the values of an argument that begin with the text typed so far, regardless of case.

const std = @import("std");
const List = @import("list.zig").List;
const utf8 = @import("utf8.zig");

/// Return the values that begin with `typed`, in their order; at most `limit` are kept, and all are counted.
pub fn beginning(
    allocator: std.mem.Allocator,
    values: []const []const u8,
    typed: []const u8,
    limit: usize,
) std.mem.Allocator.Error!struct { []const []const u8, usize } {
    var found: List([]const u8) = .empty;
    var total: usize = 0;
    for (values) |value| if (begins(value, typed)) {
        if (total < limit) try found.append(allocator, value);
        total += 1;
    };
    return .{ found.items, total };
}

/// Return true if a text begins with another, regardless of the case of Latin, Greek and Cyrillic letters.
fn begins(text: []const u8, typed: []const u8) bool {
    // Strings of the component model are UTF-8.
    var whole: utf8.Iterator = .{ .rest = text };
    var start: utf8.Iterator = .{ .rest = typed };
    while (start.next()) |wanted| {
        const found = whole.next() orelse return false;
        if (lower(found) != lower(wanted)) return false;
    }
    return true;
}

/// Return the lower-case letter: Unicode's simple case folding of the blocks that have most of the letters in use.
fn lower(c: u21) u21 {
    return switch (c) {
        'A'...'Z', 0xC0...0xD6, 0xD8...0xDE, 0x391...0x3A1, 0x3A3...0x3AB, 0x410...0x42F => c + 0x20,
        0x3C2 => 0x3C3, // final sigma
        0x400...0x40F => c + 0x50,
        // Latin Extended-A: pairs that begin with an even number, and two runs with an odd one.
        0x100...0x12F, 0x132...0x137, 0x14A...0x177 => c | 1,
        0x139...0x148, 0x179...0x17E => c + (c & 1),
        0x178 => 0xFF,
        else => c,
    };
}

test "values that begin with a text" {
    const values = [_][]const u8{ "small", "Large", "Éclair", "ΣΟΦΟΣ", "Łódź", "Жук", "Žižek", "l" };
    const cases = [_]struct { []const u8, []const []const u8 }{
        .{ "", &values },
        .{ "L", &.{ "Large", "l" } },
        .{ "large", &.{"Large"} },
        .{ "larger", &.{} },
        .{ "éC", &.{"Éclair"} },
        .{ "e", &.{} },
        .{ "σοφος", &.{"ΣΟΦΟΣ"} },
        .{ "łÓ", &.{"Łódź"} },
        .{ "жу", &.{"Жук"} },
        .{ "žižek", &.{"Žižek"} },
    };
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    for (cases) |case| {
        const found, const total = try beginning(arena.allocator(), &values, case[0], 100);
        try std.testing.expectEqual(case[1].len, total);
        for (case[1], found) |wanted, value| try std.testing.expectEqualStrings(wanted, value);
    }
}

test "values beyond the limit are counted" {
    const values: [150][]const u8 = @splat("a");
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const found, const total = try beginning(arena.allocator(), &values, "A", 100);
    try std.testing.expectEqual(100, found.len);
    try std.testing.expectEqual(150, total);
}
