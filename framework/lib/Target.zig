//! Host and port of an HTTP request, normalised: names in lower case without a dot at their end, addresses as bytes in
//! whatever form they are written, the port with the default of the scheme. A text that is not clearly a host and a
//! port has no target, so that a guard denies it.
//!
//! Source: RFC 3986, section 3.2; URL Standard (WHATWG), "IPv4 parser" (numbers of the forms that `inet_aton` accepts);
//! RFC 4291, section 2.2 (IPv6); RFC 6890 and the IANA special-purpose address registries; RFC 6761, 6762 and 8375
//! (reserved names).

const std = @import("std");
const bytes = @import("bytes.zig");
const decimal = @import("decimal.zig");

const Target = @This();

pub const equal = bytes.equal;

pub const Scheme = enum { http, https };
pub const max_name = 253;
pub const Buffer = [max_name + 1]u8;
pub const Text = [max_name + 8]u8;

host: Host,
port: u16,

pub const Host = union(enum) {
    name: []const u8,
    v4: [4]u8,
    v6: [16]u8,
};

/// Return the target of an authority; its name is in the buffer. Null: it has userinfo, no host, an invalid one, or an
/// invalid port.
pub fn parse(buffer: *Buffer, authority: []const u8, scheme: Scheme) ?Target {
    var host = authority;
    var port: []const u8 = "";
    if (authority.len > 0 and authority[0] == '[') {
        const end = indexOf(authority, ']') orelse return null;
        const rest = authority[end + 1 ..];
        if (rest.len > 0) {
            if (rest[0] != ':') return null;
            port = rest[1..];
        }
        const address = parseV6(authority[1..end]) orelse return null;
        return .{ .host = withoutMapping(address), .port = parsePort(port, scheme) orelse return null };
    }
    if (indexOf(authority, ':')) |colon| {
        host = authority[0..colon];
        port = authority[colon + 1 ..];
    }
    return .{
        .host = parseHost(buffer, host) orelse return null,
        .port = parsePort(port, scheme) orelse return null,
    };
}

fn parsePort(text: []const u8, scheme: Scheme) ?u16 {
    if (text.len == 0) return defaultPort(scheme);
    const port = decimal.parse(text, 65535) orelse return null;
    return if (port == 0) null else @intCast(port);
}

fn defaultPort(scheme: Scheme) u16 {
    return if (scheme == .http) 80 else 443;
}

fn parseHost(buffer: *Buffer, text: []const u8) ?Host {
    if (text.len == 0 or text.len > buffer.len) return null;
    for (text, buffer[0..text.len]) |byte, *out| out.* = std.ascii.toLower(byte);
    const name = buffer[0 .. text.len - @intFromBool(text[text.len - 1] == '.')];
    if (name.len == 0 or name.len > max_name) return null;
    var label: usize = 0;
    var last: usize = 0;
    for (name, 0..) |byte, at| switch (byte) {
        '.' => {
            if (label == 0) return null;
            label = 0;
            last = at + 1;
        },
        'a'...'z', '0'...'9', '-', '_' => {
            label += 1;
            if (label > 63) return null;
        },
        else => return null,
    };
    if (label == 0) return null;
    if (!isNumber(name[last..])) return .{ .name = name };
    return .{ .v4 = parseV4(name) orelse return null };
}

/// Return whether a label makes its name an address: digits only, or a hexadecimal number.
fn isNumber(label: []const u8) bool {
    if (number(label) != null) return true;
    for (label) |byte| if (byte < '0' or byte > '9') return false;
    return true;
}

/// Parse a number of an address: decimal, octal after `0`, hexadecimal after `0x`. Numbers beyond 32 bits are
/// `invalid_number`.
fn number(text: []const u8) ?u64 {
    const base: u64 = if (bytes.startsWith(text, "0x")) 16 else if (text.len > 1 and text[0] == '0') 8 else 10;
    const digits = text[if (base == 16) 2 else 0..];
    var value: u64 = 0;
    for (digits) |byte| {
        const digit: u64 = switch (byte) {
            '0'...'9' => byte - '0',
            'a'...'f' => byte - 'a' + 10,
            else => return null,
        };
        if (digit >= base) return null;
        if (value < invalid_number) value = value * base + digit;
    }
    return if (text.len == 0) null else value;
}

const invalid_number = 1 << 40;

fn parseV4(text: []const u8) ?[4]u8 {
    var rest = text;
    var value: u64 = 0;
    var count: u6 = 0;
    while (true) {
        const end = indexOf(rest, '.') orelse rest.len;
        const part = number(rest[0..end]) orelse return null;
        count += 1;
        if (end == rest.len) {
            // The last number fills all bytes that are left.
            const bits: u6 = 8 * (5 - count);
            if (part >= @as(u64, 1) << bits) return null;
            value = value << bits | part;
            break;
        }
        if (count == 4 or part > 255) return null;
        value = value << 8 | part;
        rest = rest[end + 1 ..];
    }
    var address: [4]u8 = undefined;
    std.mem.writeInt(u32, &address, @intCast(value), .big);
    return address;
}

fn parseV6(text: []const u8) ?[16]u8 {
    var groups: [8]u16 = @splat(0);
    var count: usize = 0;
    var gap: ?usize = null;
    var rest = text;
    if (bytes.startsWith(rest, "::")) {
        gap = 0;
        rest = rest[2..];
    }
    while (rest.len > 0) {
        const end = indexOf(rest, ':') orelse rest.len;
        const group = rest[0..end];
        if (end == rest.len and indexOf(group, '.') != null) {
            const address = parseDotted(group) orelse return null;
            if (count > 6) return null;
            groups[count] = std.mem.readInt(u16, address[0..2], .big);
            groups[count + 1] = std.mem.readInt(u16, address[2..4], .big);
            count += 2;
            break;
        }
        if (count == 8) return null;
        groups[count] = parseGroup(group) orelse return null;
        count += 1;
        if (end == rest.len) break;
        rest = rest[end + 1 ..];
        if (rest.len == 0) return null;
        if (rest[0] == ':') {
            if (gap != null) return null;
            gap = count;
            rest = rest[1..];
        }
    }
    if (gap == null and count != 8 or gap != null and count > 7) return null;
    var address: [16]u8 = @splat(0);
    for (groups[0..count], 0..) |group, index| {
        const place = if (gap != null and index >= gap.?) 8 - count + index else index;
        std.mem.writeInt(u16, address[2 * place ..][0..2], group, .big);
    }
    return address;
}

fn parseGroup(text: []const u8) ?u16 {
    if (text.len == 0 or text.len > 4) return null;
    var value: u16 = 0;
    for (text) |byte| value = value << 4 | switch (byte) {
        '0'...'9' => byte - '0',
        'a'...'f' => byte - 'a' + 10,
        'A'...'F' => byte - 'A' + 10,
        else => return null,
    };
    return value;
}

/// Parse an IPv4 address in an IPv6 one, where only four decimal numbers are valid.
fn parseDotted(text: []const u8) ?[4]u8 {
    var address: [4]u8 = undefined;
    var rest = text;
    for (&address, 0..) |*byte, index| {
        const end = indexOf(rest, '.') orelse rest.len;
        if (end > 1 and rest[0] == '0' or (end == rest.len) != (index == 3)) return null;
        byte.* = @intCast(decimal.parse(rest[0..end], 255) orelse return null);
        if (index < 3) rest = rest[end + 1 ..];
    }
    return address;
}

/// Return an IPv4-mapped address as the IPv4 address.
fn withoutMapping(address: [16]u8) Host {
    const mapped = [_]u8{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    return if (equal(address[0..12], &mapped)) .{ .v4 = address[12..16].* } else .{ .v6 = address };
}

fn indexOf(text: []const u8, byte: u8) ?usize {
    for (text, 0..) |each, at| if (each == byte) return at;
    return null;
}

pub fn same(self: Target, other: Target) bool {
    if (self.port != other.port) return false;
    return switch (self.host) {
        .name => |name| other.host == .name and equal(name, other.host.name),
        .v4 => |address| other.host == .v4 and equal(&address, &other.host.v4),
        .v6 => |address| other.host == .v6 and equal(&address, &other.host.v6),
    };
}

/// Return whether a rule permits a request to this target. The rule has the fields of `http-rule` in wit/guards.wit.
pub fn matches(self: Target, rule: anytype, scheme: Scheme, method: []const u8) bool {
    if ((rule.scheme == .http) != (scheme == .http)) return false;
    if (rule.port) |port| if (port != self.port) return false;
    const hosts = switch (rule.host) {
        .name => |name| self.host == .name and equal(self.host.name, name),
        .subdomains => |parent| self.host == .name and isBelow(self.host.name, parent),
        .address => |address| switch (self.host) {
            .name => false,
            .v4 => |own| equal(&own, address),
            .v6 => |own| equal(&own, address),
        },
        .public => self.isPublic(),
    };
    return hosts and permitsMethod(rule.methods, method);
}

fn permitsMethod(methods: []const []const u8, method: []const u8) bool {
    for (methods) |each| if (equal(each, method)) return true;
    if (methods.len > 0) return false;
    for ([_][]const u8{ "CONNECT", "TRACE" }) |special|
        if (method.len == special.len and bytes.startsLike(method, special)) return false;
    return true;
}

fn isBelow(name: []const u8, parent: []const u8) bool {
    if (name.len < parent.len + 2) return false;
    const at = name.len - parent.len;
    return name[at - 1] == '.' and equal(name[at..], parent);
}

/// Names that resolve to this machine or to private networks. A name without a dot is one of the local network, too.
const reserved = [_][]const u8{ "localhost", "localdomain", "local", "internal", "home.arpa" };

/// Return whether this is a public address, or a name that is not reserved for this machine and private networks.
pub fn isPublic(self: Target) bool {
    switch (self.host) {
        .v4 => |address| return isPublicV4(address),
        .v6 => |address| return isPublicV6(address),
        .name => |name| {
            for (reserved) |parent| if (isBelow(name, parent)) return false;
            return indexOf(name, '.') != null and !equal(name, "home.arpa");
        },
    }
}

const Block = struct { u32, u6 };

const private_v4 = [_]Block{
    .{ 0x00000000, 8 }, // 0.0.0.0/8, this network
    .{ 0x0a000000, 8 }, // 10.0.0.0/8
    .{ 0x64400000, 10 }, // 100.64.0.0/10, carrier-grade NAT
    .{ 0x7f000000, 8 }, // 127.0.0.0/8
    .{ 0xa9fe0000, 16 }, // 169.254.0.0/16, link-local, metadata of clouds
    .{ 0xac100000, 12 }, // 172.16.0.0/12
    .{ 0xc0000000, 24 }, // 192.0.0.0/24
    .{ 0xc0000200, 24 }, // 192.0.2.0/24, documentation
    .{ 0xc0586300, 24 }, // 192.88.99.0/24, 6to4 relays
    .{ 0xc0a80000, 16 }, // 192.168.0.0/16
    .{ 0xc6120000, 15 }, // 198.18.0.0/15, benchmarks
    .{ 0xc6336400, 24 }, // 198.51.100.0/24, documentation
    .{ 0xcb007100, 24 }, // 203.0.113.0/24, documentation
    .{ 0xe0000000, 3 }, // 224.0.0.0/4 multicast, 240.0.0.0/4 reserved, broadcast
};

fn isPublicV4(address: [4]u8) bool {
    const value = std.mem.readInt(u32, &address, .big);
    for (private_v4) |block| {
        const start, const bits = block;
        if ((value ^ start) >> @intCast(32 - bits) == 0) return false;
    }
    return true;
}

/// Only global unicast addresses are public. An address that leads to an IPv4 address is as public as that one.
fn isPublicV6(address: [16]u8) bool {
    const start = std.mem.readInt(u32, address[0..4], .big);
    // 64:ff9b::/96, NAT64
    if (start == 0x0064ff9b) {
        for (address[4..12]) |byte| if (byte != 0) return false;
        return isPublicV4(address[12..16].*);
    }
    if (start >> 29 != 1) return false; // outside of 2000::/3
    if (start >> 16 == 0x2002) return isPublicV4(address[2..6].*); // 6to4
    if (start >> 9 == 0x20010000 >> 9) return false; // 2001::/23: Teredo and other special purposes
    if (start == 0x20010db8 or start >> 12 == 0x3fff0000 >> 12) return false; // documentation
    return true;
}

/// Write the target as the authority of a request.
pub fn write(self: Target, text: *Text, scheme: Scheme) []const u8 {
    var at: usize = 0;
    switch (self.host) {
        .name => |name| add(text, &at, name),
        .v4 => |address| for (address, 0..) |byte, index| {
            if (index > 0) add(text, &at, ".");
            addNumber(text, &at, byte);
        },
        .v6 => |address| {
            add(text, &at, "[");
            for (0..8) |index| {
                if (index > 0) add(text, &at, ":");
                for (0..2) |half| for ([_]u8{ address[2 * index + half] >> 4, address[2 * index + half] & 15 }) |digit|
                    add(text, &at, "0123456789abcdef"[digit..][0..1]);
            }
            add(text, &at, "]");
        },
    }
    if (self.port != defaultPort(scheme)) {
        add(text, &at, ":");
        addNumber(text, &at, self.port);
    }
    return text[0..at];
}

fn add(text: *Text, at: *usize, part: []const u8) void {
    for (part, text[at.*..][0..part.len]) |byte, *out| out.* = byte;
    at.* += part.len;
}

fn addNumber(text: *Text, at: *usize, value: u64) void {
    var digits: [20]u8 = undefined;
    add(text, at, decimal.integer(&digits, value));
}

const Rule = struct {
    scheme: Scheme = .https,
    host: union(enum) { name: []const u8, subdomains: []const u8, address: []const u8, public },
    port: ?u16 = null,
    methods: []const []const u8 = &.{},
};

fn expectNormalised(expected: ?[]const u8, authority: []const u8, scheme: Scheme) !void {
    var buffer: Buffer = undefined;
    var text: Text = undefined;
    const target = parse(&buffer, authority, scheme) orelse
        return std.testing.expectEqual(expected, null);
    try std.testing.expectEqualStrings(expected orelse "nothing", target.write(&text, scheme));
}

test "names" {
    try expectNormalised("example.com", "Example.COM.", .https);
    try expectNormalised("example.com", "example.com:443", .https);
    try expectNormalised("example.com", "example.com:", .https);
    try expectNormalised("example.com:443", "example.com:00443", .http);
    try expectNormalised("a_b-c.1a", "a_b-c.1a", .http);
    for ([_][]const u8{
        "", ".", "..", "a..b", ".a", "a..", "user@example.com", "a:b@c", "a b", "a%2eb", "a/b", "a\\b", "a?b",
        "a#b", "\xc3\xa9.org", "example.com:0", "a:65536", "a:-1", "a:1:2", "a:80x", "ex\x00ample.com",
        "example.com\n", "[a]", "a]", &@as([254]u8, @splat('1')), &@as([64]u8, @splat('a')), "example.com:+443",
        "example.com: 1", "//evil.org", "a@", "a:18446744073709551697",
    }) |text| try expectNormalised(null, text, .https);
}

test "IPv4 addresses in every spelling" {
    for ([_][]const u8{
        "127.0.0.1", "127.0.0.1.", "2130706433", "0x7f000001", "0X7F.1", "127.1", "127.0.1", "0177.0.0.01",
        "017700000001", "0x7f.0x0.0x0.0x1", "[::ffff:7f00:1]", "[::FFFF:127.0.0.1]", "127.0.0.1:80", "127.0x1",
        "[0:0:0:0:0:ffff:127.0.0.1]:80", "0x0000007f000001",
    }) |text| try expectNormalised("127.0.0.1", text, .http);
    try expectNormalised("0.0.0.0", "0x", .http);
    for ([_][]const u8{
        "256.0.0.1", "1.2.3.4.5", "1.2.3.256", "4294967296", "0x100000000", "1..2", "08.0.0.1", "09", "1.2.3.08",
        "a.1.2.3.4", "a.0x1", "1.2.3.", "99999999999999999999999999",
    }) |text| if (!equal(text, "1.2.3.")) try expectNormalised(null, text, .http);
    try expectNormalised("1.2.0.3", "1.2.3.", .http);
}

test "IPv6 addresses" {
    try expectNormalised("[0000:0000:0000:0000:0000:0000:0000:0001]", "[::1]", .http);
    try expectNormalised("[2606:4700:0000:0000:0000:0000:0000:1111]:8080", "[2606:4700::1111]:8080", .http);
    try expectNormalised("[0001:0002:0003:0004:0005:0006:0007:0000]", "[1:2:3:4:5:6:7::]", .http);
    try expectNormalised("[0064:ff9b:0000:0000:0000:0000:0a00:0001]", "[64:ff9b::10.0.0.1]", .http);
    for ([_][]const u8{
        "[]", "[:::]", "[1::2::3]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[::1", "::1", "[::1]x",
        "[::1%25eth0]", "[::g]", "[12345::]", "[1:]", "[:1]", "[::1]:0", "[::127.0.0]", "[::127.0.0.0.1]",
        "[::127.0.0.01]", "[::1.2.3.4:5]", "[1:2:3:4:5:6:7::8]:80:", "[1:2:3:4:5:6:7:1.2.3.4]",
        "[::ffff:0x7f.0.0.1]",
    }) |text| try expectNormalised(null, text, .http);
}

fn isPublicText(authority: []const u8) bool {
    var buffer: Buffer = undefined;
    return (parse(&buffer, authority, .https) orelse return false).isPublic();
}

test "private targets" {
    for ([_][]const u8{
        "localhost", "LOCALHOST.", "a.localhost", "printer", "nas.local", "x.home.arpa", "home.arpa", "0.0.0.0",
        "0", "10.1.2.3", "100.64.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "198.19.0.1", "224.0.0.1", "255.255.255.255", "[::]", "[::1]", "[fe80::1]", "[fc00::1]",
        "[fd12::1]", "[fec0::1]", "[ff02::1]", "[::127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "[2001::1]", "[2001:db8::1]", "[64:ff9b:1::1]", "metadata.google.internal",
        "2852039166", "[64:ff9b::a9fe:a9fe]",
    }) |text| try std.testing.expect(!isPublicText(text));
    for ([_][]const u8{
        "example.com", "1.1.1.1", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]", "[2002:101:101::]",
        "[64:ff9b::101:101]", "192.0.1.1", "localhost.example.com", "notlocal.com", "mylocalhost.net",
        "223.255.255.255", "[2001:4860:4860::8888]",
    }) |text| try std.testing.expect(isPublicText(text));
}

fn permitted(rule: Rule, authority: []const u8, scheme: Scheme, method: []const u8) bool {
    var buffer: Buffer = undefined;
    const target = parse(&buffer, authority, scheme) orelse return false;
    return target.matches(rule, scheme, method);
}

test "rules" {
    const exact: Rule = .{ .host = .{ .name = "api.example.com" }, .port = 443 };
    try std.testing.expect(permitted(exact, "API.example.com.:443", .https, "GET"));
    try std.testing.expect(!permitted(exact, "api.example.com", .http, "GET"));
    try std.testing.expect(!permitted(exact, "api.example.com:443", .http, "GET"));
    try std.testing.expect(!permitted(exact, "api.example.com:444", .https, "GET"));
    for ([_][]const u8{ "example.com", "xapi.example.com", "x.api.example.com", "api.example.com.evil.org" }) |other|
        try std.testing.expect(!permitted(exact, other, .https, "GET"));

    const below: Rule = .{ .host = .{ .subdomains = "example.com" } };
    for ([_][]const u8{ "a.example.com", "a.b.EXAMPLE.com:8443" }) |other|
        try std.testing.expect(permitted(below, other, .https, "GET"));
    for ([_][]const u8{ "example.com", "aexample.com", ".example.com", "example.com.a", "1.1.1.1" }) |other|
        try std.testing.expect(!permitted(below, other, .https, "GET"));

    const public: Rule = .{ .host = .public };
    try std.testing.expect(permitted(public, "example.com:1", .https, "GET"));
    try std.testing.expect(!permitted(public, "2130706433", .https, "GET"));

    const loopback: Rule = .{ .scheme = .http, .host = .{ .address = &.{ 127, 0, 0, 1 } }, .port = 8080 };
    try std.testing.expect(permitted(loopback, "0x7f.1:8080", .http, "GET"));
    try std.testing.expect(permitted(loopback, "[::ffff:127.0.0.1]:8080", .http, "GET"));
    try std.testing.expect(!permitted(loopback, "localhost:8080", .http, "GET"));
    try std.testing.expect(!permitted(loopback, "[::1]:8080", .http, "GET"));
}

test "methods" {
    const any: Rule = .{ .host = .public };
    try std.testing.expect(permitted(any, "example.com", .https, "PROPFIND"));
    for ([_][]const u8{ "CONNECT", "connect", "TRACE" }) |method|
        try std.testing.expect(!permitted(any, "example.com", .https, method));
    const some: Rule = .{ .host = .public, .methods = &.{ "GET", "TRACE" } };
    try std.testing.expect(permitted(some, "example.com", .https, "TRACE"));
    for ([_][]const u8{ "POST", "get", "GETX", "" }) |method|
        try std.testing.expect(!permitted(some, "example.com", .https, method));
}
