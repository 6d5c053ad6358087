//! Base64 (RFC 4648) encoder and strict decoder. The standard library is faster, but adds tables of 4 kB and a kilobyte
//! of unrolled loops to each component that uses it.

const std = @import("std");
const endsWith = @import("bytes.zig").endsWith;

pub const Alphabet = enum {
    /// Section 4, padded.
    standard,
    /// Section 5, without padding.
    url,
};

/// Return the length of the padded text of that many bytes.
pub fn size(bytes: usize) usize {
    return (bytes + 2) / 3 * 4;
}

/// Encode bytes into a buffer that has room for the padded text.
pub fn encode(to: []u8, alphabet: Alphabet, bytes: []const u8) []u8 {
    const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    var i: usize = 0;
    var n: usize = 0;
    while (i < bytes.len) : (i += 3) {
        const rest = @min(bytes.len - i, 3);
        var bits = @as(u32, bytes[i]) << 16;
        if (rest > 1) bits |= @as(u32, bytes[i + 1]) << 8;
        if (rest > 2) bits |= bytes[i + 2];
        for (0..4) |place| {
            if (place > rest and alphabet == .url) break;
            const digit = bits >> @intCast(18 - 6 * place) & 63;
            to[n] = if (place > rest) '=' else switch (digit) {
                62 => if (alphabet == .url) '-' else '+',
                63 => if (alphabet == .url) '_' else '/',
                else => digits[digit],
            };
            n += 1;
        }
    }
    return to[0..n];
}

/// Return the decoded bytes, or null if the text is not the canonical encoding of this alphabet.
pub fn decode(allocator: std.mem.Allocator, alphabet: Alphabet, text: []const u8) std.mem.Allocator.Error!?[]u8 {
    const digits = switch (alphabet) {
        .url => text,
        .standard => unpadded(text) orelse return null,
    };
    if (digits.len % 4 == 1) return null;
    const bytes = try allocator.alloc(u8, digits.len / 4 * 3 + (digits.len % 4 * 3) / 4);
    var bits: u32 = 0;
    var count: u5 = 0;
    var n: usize = 0;
    for (digits) |character| {
        bits = bits << 6 | (value(alphabet, character) orelse return null);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes[n] = @truncate(bits >> count);
        n += 1;
        bits &= (@as(u32, 1) << count) - 1;
    }
    return if (bits == 0) bytes else null;
}

fn unpadded(text: []const u8) ?[]const u8 {
    if (text.len % 4 != 0) return null;
    if (endsWith(text, "==")) return text[0 .. text.len - 2];
    return if (endsWith(text, "=")) text[0 .. text.len - 1] else text;
}

fn value(alphabet: Alphabet, character: u8) ?u6 {
    return switch (character) {
        'A'...'Z' => @intCast(character - 'A'),
        'a'...'z' => @intCast(character - 'a' + 26),
        '0'...'9' => @intCast(character - '0' + 52),
        '+' => if (alphabet == .standard) 62 else null,
        '/' => if (alphabet == .standard) 63 else null,
        '-' => if (alphabet == .url) 62 else null,
        '_' => if (alphabet == .url) 63 else null,
        else => null,
    };
}

test "same output as the standard library" {
    var state: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    var random = std.Random.DefaultPrng.init(1);
    var bytes: [40]u8 = undefined;
    for (0..bytes.len) |count| {
        random.random().bytes(&bytes);
        const data = bytes[0..count];
        var buffer: [64]u8 = undefined;
        const text = std.base64.standard.Encoder.encode(&buffer, data);
        try std.testing.expectEqualSlices(u8, data, (try decode(arena, .standard, text)).?);
        var own: [64]u8 = undefined;
        try std.testing.expectEqualStrings(text, encode(&own, .standard, data));
        try std.testing.expectEqual(text.len, size(data.len));
        try std.testing.expectEqualStrings(
            std.base64.url_safe_no_pad.Encoder.encode(&buffer, data),
            encode(&own, .url, data),
        );
        try std.testing.expectEqualSlices(
            u8,
            data,
            (try decode(arena, .url, std.base64.url_safe_no_pad.Encoder.encode(&buffer, data))).?,
        );
    }
}

test "non-canonical encodings are rejected" {
    var state: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer state.deinit();
    for ([_][]const u8{ "A", "A===", "AA", "AAA", "AA=A", "AB==", "AA-_", "A A=", "=", "====" }) |text|
        try std.testing.expectEqual(null, try decode(state.allocator(), .standard, text));
    for ([_][]const u8{ "A", "AB", "AA==", "AA+/", "AAE\n" }) |text|
        try std.testing.expectEqual(null, try decode(state.allocator(), .url, text));
}
