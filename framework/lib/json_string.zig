//! Raw JSON strings: compare, decode, and scan them.

const std = @import("std");
const bytes = @import("bytes.zig");
const utf8 = @import("utf8.zig");

/// Return whether a raw string, quotes included, decodes to `plain` (at most 64 bytes).
pub fn equals(raw: []const u8, plain: []const u8) bool {
    const body = raw[1 .. raw.len - 1];
    // An escape is longer than the text that it encodes: at most six characters for one byte.
    if (body.len <= plain.len) return bytes.equal(body, plain);
    if (bytes.position(body, '\\') == null) return false;
    var buffer: [6 * 64]u8 = undefined;
    if (body.len > 6 * plain.len or body.len > buffer.len) return false;
    return bytes.equal(buffer[0..unescape(body, &buffer)], plain);
}

/// Decode a string. `raw` is its text in a valid document, quotes included. Returns a slice of it if there are no
/// escapes.
pub fn decodeString(allocator: std.mem.Allocator, raw: []const u8) std.mem.Allocator.Error![]const u8 {
    const body = raw[1 .. raw.len - 1];
    if (bytes.position(body, '\\') == null) return body;
    const buffer = try allocator.alloc(u8, body.len);
    return buffer[0..unescape(body, buffer)];
}

/// Decode the escapes of a valid string; the result is not longer than the input. A lone surrogate becomes U+FFFD.
fn unescape(body: []const u8, out: []u8) usize {
    var i: usize = 0;
    var n: usize = 0;
    while (i < body.len) {
        if (body[i] != '\\') {
            out[n] = body[i];
            i += 1;
            n += 1;
            continue;
        }
        const c = body[i + 1];
        i += 2;
        if (c == 'u') {
            var point: u21 = hexUnit(body[i..][0..4]).?;
            i += 4;
            if (point & 0xf800 == 0xd800) {
                const low = if (point < 0xdc00) lowSurrogate(body[i..]) else null;
                if (low) |l| {
                    point = 0x10000 + ((point - 0xd800) << 10) + (l - 0xdc00);
                    i += 6;
                } else point = 0xfffd;
            }
            n += utf8.encode(point, out[n..]);
            continue;
        }
        out[n] = switch (c) {
            'b' => 8,
            'f' => 12,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            else => c,
        };
        n += 1;
    }
    return n;
}

/// Return the low surrogate if the text starts with an escaped one.
pub fn lowSurrogate(text: []const u8) ?u21 {
    if (text.len < 6 or text[0] != '\\' or text[1] != 'u') return null;
    const unit = hexUnit(text[2..6]) orelse return null;
    return if (unit & 0xfc00 == 0xdc00) unit else null;
}

pub fn hexUnit(text: *const [4]u8) ?u16 {
    var unit: u16 = 0;
    for (text) |c| unit = unit << 4 | (std.fmt.charToDigit(c, 16) catch return null);
    return unit;
}
