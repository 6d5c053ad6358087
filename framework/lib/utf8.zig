//! Code points of valid UTF-8. The functions of the standard library validate, in much more code.

const std = @import("std");

/// Write a code point; return its length in bytes.
pub fn encode(point: u21, out: []u8) usize {
    if (point < 0x80) {
        out[0] = @truncate(point);
        return 1;
    }
    const size: usize = if (point < 0x800) 2 else if (point < 0x10000) 3 else 4;
    var rest = point;
    var at = size - 1;
    while (at > 0) : (at -= 1) {
        out[at] = 0x80 | @as(u8, @truncate(rest & 0x3f));
        rest >>= 6;
    }
    out[0] = @truncate(@as(u32, 0xf0) << @intCast(4 - size) | rest);
    return size;
}

/// Return whether a text is UTF-8. RFC 3629, section 4.
pub fn isValid(text: []const u8) bool {
    var at: usize = 0;
    while (at < text.len) {
        const first = text[at];
        at += 1;
        if (first < 0x80) continue;
        if (first < 0xc2 or first > 0xf4) return false;
        const more: u3 = if (first < 0xe0) 1 else if (first < 0xf0) 2 else 3;
        var point: u32 = first & @as(u8, 0x3f) >> more;
        for (0..more) |_| {
            if (at == text.len or text[at] & 0xc0 != 0x80) return false;
            point = point << 6 | (text[at] & 0x3f);
            at += 1;
        }
        // Longer than needed, above the last code point, or a surrogate.
        if (point >> (5 * @as(u5, more) + 1) == 0 or point > 0x10ffff or point >> 11 == 0x1b) return false;
    }
    return true;
}

/// Iterator over the code points of a valid text.
pub const Iterator = struct {
    rest: []const u8,

    pub fn next(self: *Iterator) ?u21 {
        if (self.rest.len == 0) return null;
        const first = self.rest[0];
        const size: u3 = if (first < 0x80) 1 else if (first < 0xe0) 2 else if (first < 0xf0) 3 else 4;
        var point: u21 = if (size == 1) first else first & @as(u8, 0x7f) >> size;
        for (self.rest[1..size]) |byte| point = point << 6 | (byte & 0x3f);
        self.rest = self.rest[size..];
        return point;
    }
};

test "every code point is written as the standard library writes it, and read back" {
    var point: u21 = 0;
    while (point < 0x110000) : (point += 1) {
        if (point == 0xd800) point = 0xe000;
        var ours: [4]u8 = undefined;
        var theirs: [4]u8 = undefined;
        const size = encode(point, &ours);
        const expected = std.unicode.utf8Encode(point, &theirs) catch unreachable;
        try std.testing.expectEqualStrings(theirs[0..expected], ours[0..size]);
        var points: Iterator = .{ .rest = ours[0..size] };
        try std.testing.expectEqual(point, points.next().?);
        try std.testing.expectEqual(null, points.next());
    }
}

test "texts are valid as the standard library finds" {
    var random: std.Random.DefaultPrng = .init(1);
    const edges = [_]u8{
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
        0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
    };
    var text: [5]u8 = undefined;
    for (0..400_000) |_| {
        const size = random.random().intRangeAtMost(usize, 0, text.len);
        for (text[0..size]) |*byte| byte.* = edges[random.random().uintLessThan(usize, edges.len)];
        try std.testing.expectEqual(std.unicode.utf8ValidateSlice(text[0..size]), isValid(text[0..size]));
    }
}
