//! Parts of the text of URIs and URI templates.

const std = @import("std");
const List = @import("../list.zig").List;
const percent = @import("../percent.zig");

const Allocator = std.mem.Allocator;

/// Pair of name and value in a query.
pub const Pair = struct { name: []const u8, value: []const u8 };

/// Add the pairs of a query, with decoded names; null if one is not UTF-8.
pub fn pairs(allocator: Allocator, query: []const u8, list: *List(Pair)) !?void {
    var at: usize = 0;
    while (at < query.len) {
        const end = indexOf(query, at, '&');
        const pair = query[at..end];
        at = end + 1;
        if (pair.len == 0) continue;
        const equals = indexOf(pair, 0, '=');
        try list.append(allocator, .{
            .name = try decoded(allocator, pair[0..equals]) orelse return null,
            .value = if (equals < pair.len) pair[equals + 1 ..] else "",
        });
    }
    return {};
}

/// Decode `%XX` once; null if the result is not UTF-8.
pub fn decoded(allocator: Allocator, value: []const u8) Allocator.Error!?[]const u8 {
    if (indexOf(value, 0, '%') == value.len) return value;
    const text = try percent.decoded(allocator, value);
    return if (std.unicode.utf8ValidateSlice(text)) text else null;
}

/// Return the position of a byte, or the length.
pub fn indexOf(text: []const u8, start: usize, byte: u8) usize {
    var i = start;
    while (i < text.len and text[i] != byte) i += 1;
    return i;
}
