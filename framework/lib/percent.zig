//! Decoding of percent-encoded text.

const std = @import("std");
const uris = @import("uris");

/// Return the text with its percent-encoded bytes decoded, once. A `%` without two digits stays.
/// RFC 3986, section 2.1.
pub fn decoded(allocator: std.mem.Allocator, text: []const u8) std.mem.Allocator.Error![]const u8 {
    const out = try allocator.alloc(u8, text.len);
    var n: usize = 0;
    var at: usize = 0;
    while (at < text.len) : (n += 1) {
        const escaped = if (text[at] == '%') uris.hex(text, at) else null;
        out[n] = escaped orelse text[at];
        at += if (escaped == null) 1 else 3;
    }
    return out[0..n];
}

test "decoding" {
    var state: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer state.deinit();
    for ([_][2][]const u8{
        .{ "", "" },   .{ "a%2Fb", "a/b" }, .{ "%2f", "/" },         .{ "%252F", "%2F" },
        .{ "%c3%A9", "é" },
        .{ "%", "%" }, .{ "a%4", "a%4" },   .{ "%4g%zz", "%4g%zz" }, .{ "%%41", "%A" },
    }) |pair| try std.testing.expectEqualStrings(pair[1], try decoded(state.allocator(), pair[0]));
}
