//! Simple comparison and search of bytes: the functions of the standard library are optimised for long texts and add
//! kilobytes to each component.

const std = @import("std");

pub fn equal(one: []const u8, other: []const u8) bool {
    return one.len == other.len and startsWith(one, other);
}

pub fn startsWith(text: []const u8, start: []const u8) bool {
    if (text.len < start.len) return false;
    for (start, text[0..start.len]) |a, b| if (a != b) return false;
    return true;
}

pub fn endsWith(text: []const u8, end: []const u8) bool {
    return text.len >= end.len and startsWith(text[text.len - end.len ..], end);
}

/// Return the position of the first occurrence of a part.
pub fn find(text: []const u8, part: []const u8) ?usize {
    for (0..text.len) |at| if (startsWith(text[at..], part)) return at;
    return null;
}

/// Return the position of the first occurrence of a byte. Sixteen bytes are compared at a time.
pub fn position(text: []const u8, byte: u8) ?usize {
    const Block = @Vector(16, u8);
    var i: usize = 0;
    while (i + 16 <= text.len) : (i += 16) {
        const same: u16 = @bitCast(@as(Block, text[i..][0..16].*) == @as(Block, @splat(byte)));
        if (same != 0) return i + @ctz(same);
    }
    while (i < text.len) : (i += 1) if (text[i] == byte) return i;
    return null;
}

/// Return the parts before and after the first occurrence of a byte; null without one.
pub fn cut(text: []const u8, byte: u8) ?struct { []const u8, []const u8 } {
    const at = position(text, byte) orelse return null;
    return .{ text[0..at], text[at + 1 ..] };
}

/// Return an iterator over the parts between the occurrences of a byte: at least one part.
pub fn split(text: []const u8, byte: u8) Split {
    return .{ .rest = text, .byte = byte };
}

pub const Split = struct {
    rest: ?[]const u8,
    byte: u8,

    pub fn next(self: *Split) ?[]const u8 {
        const text = self.rest orelse return null;
        const part, self.rest = cut(text, self.byte) orelse .{ text, null };
        return part;
    }
};

/// Like `startsWith`, but ASCII letters match in either case.
pub fn startsLike(text: []const u8, start: []const u8) bool {
    if (text.len < start.len) return false;
    for (start, text[0..start.len]) |a, b| if (std.ascii.toLower(a) != std.ascii.toLower(b)) return false;
    return true;
}

/// Return whether the text contains the part.
pub fn contains(text: []const u8, part: []const u8) bool {
    var rest = text;
    while (rest.len >= part.len) : (rest = rest[1..]) if (startsWith(rest, part)) return true;
    return false;
}

/// Strip the whitespace of RFC 8259 from both ends.
pub fn trimmed(text: []const u8) []const u8 {
    var rest = text;
    while (rest.len > 0 and isSpace(rest[0])) rest = rest[1..];
    while (rest.len > 0 and isSpace(rest[rest.len - 1])) rest = rest[0 .. rest.len - 1];
    return rest;
}

pub fn isSpace(byte: u8) bool {
    return switch (byte) {
        ' ', '\t', '\r', '\n' => true,
        else => false,
    };
}

test "comparison" {
    try std.testing.expect(equal("", "") and equal("abc", "abc"));
    try std.testing.expect(!equal("abc", "abd") and !equal("ab", "abc") and !equal("abc", "ab"));
    try std.testing.expect(
        startsWith("abc", "") and startsWith("abc", "ab") and !startsWith("ab", "abc") and !startsWith("abc", "b"),
    );
}

test "search" {
    try std.testing.expect(endsWith("abc", "") and endsWith("abc", "bc") and !endsWith("bc", "abc"));
    try std.testing.expect(!endsWith("abc", "ab"));
    try std.testing.expectEqual(1, find("abcbc", "bc"));
    try std.testing.expectEqual(null, find("abcbc", "cc"));
    for ([_][]const u8{ "", ",", "a", "a,", ",a,,b" }) |text| {
        var parts = split(text, ',');
        var expected = std.mem.splitScalar(u8, text, ',');
        while (expected.next()) |part| try std.testing.expectEqualStrings(part, parts.next().?);
        try std.testing.expectEqual(null, parts.next());
    }
    for (0..40) |at| {
        var text: [40]u8 = @splat('a');
        text[at] = 'b';
        try std.testing.expectEqual(at, position(&text, 'b').?);
        try std.testing.expectEqual(@as(?usize, if (at == 0) null else 0), position(text[0..at], 'a'));
        try std.testing.expectEqual(null, position(text[0..at], 'b'));
    }
    try std.testing.expect(contains("abc", "") and contains("aabc", "abc") and contains("abc", "c"));
    try std.testing.expect(!contains("", "a") and !contains("ab", "abc"));
    try std.testing.expectEqualStrings("a b", trimmed("\r\n\t a b "));
    try std.testing.expectEqualStrings("", trimmed(" \n"));
}
