//! Origin of a page: scheme, host and port (RFC 6454), as a browser sends it in `Origin`.

const std = @import("std");
const lib = @import("lib");
const ascii = std.ascii;
const mem = std.mem;

const Origin = @This();

scheme: []const u8,
host: []const u8,
/// Empty: the default port of the scheme.
port: []const u8,

/// Parse an origin; null for any other text, including the opaque origin `null`.
pub fn parse(text: []const u8) ?Origin {
    const end = lib.bytes.find(text, "://") orelse return null;
    const scheme = text[0..end];
    if (scheme.len == 0) return null;
    for (scheme) |byte| if (!ascii.isAlphanumeric(byte) and lib.bytes.position("+-.", byte) == null) return null;
    const host, const given = authority(text[end + 3 ..]) orelse return null;
    const port = given orelse "";
    return .{ .scheme = scheme, .host = host, .port = if (lib.bytes.equal(port, usual(scheme))) "" else port };
}

/// Parse a host with an optional port: `example.com`, `127.0.0.1:80`, `[::1]:80`.
pub fn authority(text: []const u8) ?struct { []const u8, ?[]const u8 } {
    const literal = lib.bytes.startsWith(text, "[");
    const end = if (literal)
        (lib.bytes.position(text, ']') orelse return null) + 1
    else
        lib.bytes.position(text, ':') orelse text.len;
    const host = text[0..end];
    if (host.len == 0) return null;
    const inside = if (literal) host[1 .. host.len - 1] else host;
    for (inside) |byte| {
        if (!ascii.isAlphanumeric(byte) and lib.bytes.position(if (literal) ":." else "-._", byte) == null)
            return null;
    }
    const rest = text[end..];
    if (rest.len == 0) return .{ host, null };
    if (rest[0] != ':' or rest.len < 2 or rest.len > 6) return null;
    for (rest[1..]) |byte| if (!ascii.isDigit(byte)) return null;
    return .{ host, rest[1..] };
}

fn usual(scheme: []const u8) []const u8 {
    if (ascii.eqlIgnoreCase(scheme, "https")) return "443";
    if (ascii.eqlIgnoreCase(scheme, "http")) return "80";
    return "none";
}

pub fn eql(a: Origin, b: Origin) bool {
    return ascii.eqlIgnoreCase(a.scheme, b.scheme) and
        ascii.eqlIgnoreCase(a.host, b.host) and lib.bytes.equal(a.port, b.port);
}

/// Return whether the origin is on this machine: a loopback name or address, with any port.
pub fn isLocal(self: Origin) bool {
    if (!ascii.eqlIgnoreCase(self.scheme, "http") and !ascii.eqlIgnoreCase(self.scheme, "https")) return false;
    return isLocalName(self.host);
}

/// Return whether a host is this machine: a loopback name or address.
pub fn isLocalName(name: []const u8) bool {
    inline for (.{ "localhost", "127.0.0.1", "[::1]" }) |host| {
        if (ascii.eqlIgnoreCase(name, host)) return true;
    }
    return false;
}

test "parts" {
    const testing = std.testing;
    const origin = parse("https://example.com:8443").?;
    try testing.expectEqualStrings("example.com", origin.host);
    try testing.expectEqualStrings("8443", origin.port);
    try testing.expect(parse("http://a").?.eql(parse("HTTP://A:80").?));
    for ([_][]const u8{
        "null",      "",                "://a",       "http://",     "http://a/",     "http://a b",
        "http://a:", "http://a:123456", "http://u@a", "http://[::1", "http://[::1]x",
    }) |text|
        try testing.expectEqual(null, parse(text));
    try testing.expect(parse("http://127.0.0.1:1").?.isLocal());
    try testing.expect(!parse("http://localhost.evil").?.isLocal());
    try testing.expect(!parse("ftp://localhost").?.isLocal());
}
