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
