//! Index from keys to numbers: the format of `catalogue-data.tool-index` and `skills-data.index` in wit/baked.wit.

const std = @import("std");

const Index = @This();

bytes: []const u8,
count: u32,

const header = 4;
const entry = 12;

/// Return an index over these bytes, or null if they are not a valid index.
pub fn init(bytes: []const u8) ?Index {
    if (bytes.len < header) return null;
    const count = std.mem.readInt(u32, bytes[0..4], .little);
    if (count > (bytes.len - header) / entry) return null;
    const self: Index = .{ .bytes = bytes, .count = count };
    for (0..count) |i| {
        const offset = self.word(i, 0);
        if (offset > bytes.len or self.word(i, 1) > bytes.len - offset) return null;
    }
    return self;
}

fn word(self: Index, i: usize, field: usize) u32 {
    return std.mem.readInt(u32, self.bytes[header + i * entry + field * 4 ..][0..4], .little);
}

/// Return the number of a key.
pub fn owner(self: Index, name: []const u8) ?u32 {
    const place = self.position(name);
    return if (place < self.count and std.mem.eql(u8, self.key(place), name)) self.word(place, 2) else null;
}

/// Return a key by its place in the order of the keys.
pub fn key(self: Index, place: usize) []const u8 {
    return self.bytes[self.word(place, 0)..][0..self.word(place, 1)];
}

/// Return the place of the first key that is not before this one.
pub fn position(self: Index, name: []const u8) usize {
    var low: usize = 0;
    var high: usize = self.count;
    while (low < high) {
        const middle = low + (high - low) / 2;
        if (std.mem.order(u8, self.key(middle), name) == .lt) low = middle + 1 else high = middle;
    }
    return low;
}

test "owners" {
    const names = [_][]const u8{ "add", "addition", "b", "\u{e9}" };
    var bytes: [256]u8 = undefined;
    var end: usize = header + names.len * entry;
    std.mem.writeInt(u32, bytes[0..4], names.len, .little);
    for (names, 0..) |name, i| {
        for ([_]usize{ end, name.len, i * 10 }, 0..) |value, field|
            std.mem.writeInt(u32, bytes[header + i * entry + field * 4 ..][0..4], @intCast(value), .little);
        @memcpy(bytes[end..][0..name.len], name);
        end += name.len;
    }
    const index = Index.init(bytes[0..end]).?;
    for (names, 0..) |name, i| try std.testing.expectEqual(@as(u32, @intCast(i * 10)), index.owner(name).?);
    for ([_][]const u8{ "", "a", "adda", "z", "\u{ea}" }) |name| try std.testing.expectEqual(null, index.owner(name));
    try std.testing.expectEqual(null, Index.init(bytes[0..3]));
    try std.testing.expectEqual(null, Index.init(bytes[0..20]));
    try std.testing.expectEqual(null, Index.init(bytes[0 .. end - 1]));
    try std.testing.expectEqual(null, Index.init(&.{ 0, 0, 0, 0 }).?.owner("a"));
}
