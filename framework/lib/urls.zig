//! Addresses of issuers and of servers in settings and metadata.

const std = @import("std");
const bytes = @import("bytes.zig");

/// Return whether a text is a URL of HTTP without query and fragment.
pub fn isUrl(text: []const u8) bool {
    const rest = for ([_][]const u8{ "https://", "http://" }) |scheme| {
        if (bytes.startsWith(text, scheme)) break text[scheme.len..];
    } else return false;
    for (rest) |byte| switch (byte) {
        0x21, 0x24...0x5b, 0x5d...0x7e => if (byte == '?' or byte == '\\') return false,
        else => return false,
    };
    return rest.len > 0 and rest[0] != '/' and rest[0] != ':';
}

/// Return whether a document can be fetched from this URL: protected by TLS, or on this machine. It can have a query.
pub fn isFetchable(text: []const u8) bool {
    const query = std.mem.findScalar(u8, text, '?') orelse text.len;
    if (!isUrl(text[0..query])) return false;
    for (text[query..]) |byte| if (byte <= 0x20 or byte >= 0x7f or byte == '#' or byte == '\\') return false;
    const secure = bytes.startsWith(text, "https://");
    const rest = text[if (secure) "https://".len else "http://".len..query];
    const authority = rest[0 .. std.mem.findScalar(u8, rest, '/') orelse rest.len];
    if (std.mem.findScalar(u8, authority, '@') != null) return false;
    return secure or isLoopback(authority);
}

/// Return whether an authority, or a text that begins with one, is of this machine.
pub fn isLoopback(text: []const u8) bool {
    const host = if (text.len > 0 and text[0] == '[')
        text[0 .. (std.mem.findScalar(u8, text, ']') orelse return false) + 1]
    else
        text[0 .. std.mem.findAny(u8, text, ":/") orelse text.len];
    if (std.ascii.eqlIgnoreCase(host, "localhost") or bytes.equal(host, "[::1]")) return true;
    if (!bytes.startsWith(host, "127.")) return false;
    for (host) |byte| if (byte != '.' and !std.ascii.isDigit(byte)) return false;
    return true;
}

/// Return the authority of a URL for which `isFetchable` is true.
pub fn authorityOf(text: []const u8) []const u8 {
    const rest = text[if (isSecure(text)) "https://".len else "http://".len..];
    for (rest, 0..) |byte, end| if (byte == '/' or byte == '?') return rest[0..end];
    return rest;
}

/// Return whether a URL is protected by TLS.
pub fn isSecure(text: []const u8) bool {
    return bytes.startsWith(text, "https://");
}

test "URLs that can be fetched" {
    for ([_][]const u8{
        "https://a.example", "https://a.example:8443/x/y?z=1", "http://127.0.0.1:1/",
        "http://localhost/?a", "http://[::1]:1",
    }) |text| try std.testing.expect(isFetchable(text));
    for ([_][]const u8{
        "", "https://", "https:///x", "http://a.example", "ftp://a.example", "https://u@a.example",
        "https://a.example#f", "https://a.example/ ", "http://127.0.0.1.example", "http://localhost.example",
        "https://a\\b", "HTTPS://a.example",
    }) |text| try std.testing.expect(!isFetchable(text));
}

test "authorities" {
    try std.testing.expectEqualStrings("a.example:8443", authorityOf("https://a.example:8443/x"));
    try std.testing.expectEqualStrings("[::1]:1", authorityOf("http://[::1]:1?x"));
}
