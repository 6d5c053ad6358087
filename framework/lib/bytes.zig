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
    try std.testing.expect(contains("abc", "") and contains("aabc", "abc") and contains("abc", "c"));
    try std.testing.expect(!contains("", "a") and !contains("ab", "abc"));
    try std.testing.expectEqualStrings("a b", trimmed("\r\n\t a b "));
    try std.testing.expectEqualStrings("", trimmed(" \n"));
}
