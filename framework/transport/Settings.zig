//! Settings of the operator for the transport. See docs/reference/environment.md.

const std = @import("std");
const lib = @import("lib");
const Origin = @import("Origin.zig");
const names = @import("names.zig");
const ascii = std.ascii;
const mem = std.mem;

const Settings = @This();

pub const default_body = 4 << 20;
/// Upper limit of the setting: a body is held in memory several times, in a memory of 4 GiB.
const largest_body = 256 << 20;

/// Origins whose pages are allowed to use the server. Null: those of this machine.
origins: ?Origins = null,
/// Reject requests without an `Origin` header.
require_origin: bool = false,
/// Host names by which clients can address the server. Null: those of this machine.
hosts: ?Hosts = null,
/// Further host names: those that the operator's host listens on. A wildcard address allows any IP address, because a
/// page can point a name at this machine (DNS rebinding), but not an address.
bound: []const Host = &.{},
/// Limit on a body, in bytes.
max_body: usize = default_body,
/// Allow answers as event streams.
streams: bool = true,
/// Sessions of clients of handshake revisions. Null: not set.
sessions: ?Sessions = null,
/// Seconds from `initialize` to the end of a session that the storage of the runtime keeps.
session_ttl: u64 = 24 * 60 * 60,
/// There are keys for sealed session ids.
has_keys: bool = false,
/// Values of components outlive a request in sessions with sealed ids.
keeps_session_values: bool = false,

/// `on`: the host keeps their state. `sealed`: their ids carry it.
pub const Sessions = enum { off, on, sealed };

pub const Origins = union(enum) { any, these: []const Origin };

pub const Hosts = union(enum) { any, these: []const Host };

/// Name or address, with a port or for all ports.
const Host = struct {
    name: []const u8,
    port: ?[]const u8,

    fn isEverywhere(self: Host) bool {
        return lib.bytes.equal(self.name, "0.0.0.0") or lib.bytes.equal(self.name, "[::]");
    }
};

/// Settings in force.
pub var current: Settings = .{};

/// Read settings from pairs of name and value, which must outlive this object. Names of other programs are ignored. An
/// unknown name of wasmcp is an error, because a misspelt setting would otherwise be ignored. Returns the error
/// message, or null.
pub fn configure(
    self: *Settings,
    allocator: mem.Allocator,
    pairs: anytype,
    judged: names.Judged,
) error{OutOfMemory}!?[]const u8 {
    for (pairs) |pair| {
        const name, const value = pair;
        if (try names.problem(allocator, name, judged)) |words| return words;
        if (is(name, "WASMCP_ALLOWED_ORIGINS")) {
            self.origins = try readOrigins(allocator, value) orelse
                return "WASMCP_ALLOWED_ORIGINS must be `*` or origins like `https://example.com`, separated by commas";
        } else if (is(name, "WASMCP_ALLOWED_HOSTS")) {
            self.hosts = if (isAny(value)) .any else .{ .these = try readHosts(allocator, value) orelse
                return "WASMCP_ALLOWED_HOSTS must be `*` or names like " ++
                    "`example.com` or `example.com:8000`, separated by commas" };
        } else if (is(name, "WASMCP_BOUND_TO")) {
            self.bound =
                try readHosts(allocator, value) orelse return "WASMCP_BOUND_TO must be names, separated by commas";
        } else if (is(name, "WASMCP_MAX_BODY")) {
            const bytes: usize = @intCast(lib.decimal.parse(value, largest_body) orelse 0);
            if (bytes < 1024) return std.fmt.comptimePrint(
                "WASMCP_MAX_BODY must be a number of bytes from 1024 to {d}",
                .{largest_body},
            );
            self.max_body = bytes;
        } else if (is(name, "WASMCP_REQUIRE_ORIGIN")) {
            self.require_origin = readBool(value) orelse return "WASMCP_REQUIRE_ORIGIN must be `true` or `false`";
        } else if (is(name, "WASMCP_DISABLE_SSE")) {
            self.streams = !(readBool(value) orelse return "WASMCP_DISABLE_SSE must be `true` or `false`");
        } else if (is(name, "WASMCP_SESSION_ENABLED")) {
            self.sessions = if (ascii.eqlIgnoreCase(value, "sealed"))
                .sealed
            else if (readBool(value)) |on|
                if (on) .on else .off
            else
                return "WASMCP_SESSION_ENABLED must be `true`, `false` or `sealed`";
        } else if (is(name, "WASMCP_SESSION_TTL")) {
            // `server-io` checks it.
            self.session_ttl = lib.decimal.parse(value, std.math.maxInt(u32)) orelse self.session_ttl;
        } else if (is(name, "WASMCP_SESSION_VALUES")) {
            self.keeps_session_values = readBool(value) orelse return "WASMCP_SESSION_VALUES must be `true` or `false`";
        } else if (is(name, "WASMCP_STATE_KEYS")) {
            self.has_keys = value.len > 0;
        }
    }
    return null;
}

fn is(name: []const u8, comptime known: []const u8) bool {
    return lib.bytes.equal(name, known);
}

fn isAny(text: []const u8) bool {
    return lib.bytes.equal(mem.trim(u8, text, " \t"), "*");
}

fn readBool(text: []const u8) ?bool {
    if (ascii.eqlIgnoreCase(text, "true")) return true;
    if (ascii.eqlIgnoreCase(text, "false")) return false;
    return null;
}

fn readOrigins(allocator: mem.Allocator, text: []const u8) error{OutOfMemory}!?Origins {
    if (isAny(text)) return .any;
    var list: lib.List(Origin) = .empty;
    var parts = lib.bytes.split(text, ',');
    while (parts.next()) |part| try list.append(allocator, Origin.parse(mem.trim(u8, part, " \t")) orelse return null);
    return .{ .these = list.items };
}

fn readHosts(allocator: mem.Allocator, text: []const u8) error{OutOfMemory}!?[]const Host {
    var list: lib.List(Host) = .empty;
    var parts = lib.bytes.split(text, ',');
    while (parts.next()) |part| {
        const name, const port = Origin.authority(mem.trim(u8, part, " \t")) orelse return null;
        try list.append(allocator, .{ .name = name, .port = port });
    }
    return list.items;
}

/// Return whether requests that the host gives no session have sessions with sealed ids.
pub fn sealsSessions(self: *const Settings) bool {
    return self.has_keys and self.sessions != .off;
}

/// Return whether sessions may be in the storage of the runtime.
pub fn permitsStoredSessions(self: *const Settings) bool {
    return self.sessions == null or self.sessions == .on;
}

/// Return whether a page of this origin is allowed to use the server.
pub fn allowsOrigin(self: *const Settings, text: []const u8) bool {
    const origin = Origin.parse(text) orelse return false;
    const origins = self.origins orelse return origin.isLocal();
    switch (origins) {
        .any => return true,
        .these => |list| for (list) |one| if (one.eql(origin)) return true,
    }
    return false;
}

/// Return whether clients are allowed to address the server by this value of `Host`.
pub fn allowsHost(self: *const Settings, text: []const u8) bool {
    const name, const port = Origin.authority(text) orelse return false;
    if (self.hosts) |hosts| switch (hosts) {
        .any => return true,
        .these => |list| if (among(list, name, port)) return true,
    } else if (Origin.isLocalName(name)) return true;
    for (self.bound) |host| if (host.isEverywhere() and isAddress(name)) return true;
    return among(self.bound, name, port);
}

fn among(hosts: []const Host, name: []const u8, port: ?[]const u8) bool {
    for (hosts) |host| {
        if (!ascii.eqlIgnoreCase(host.name, name)) continue;
        const wanted = host.port orelse return true;
        if (port) |given| if (lib.bytes.equal(wanted, given)) return true;
    }
    return false;
}

/// Return whether a host is an IP address. RFC 3986, section 3.2.2: a host that is not an IPv4 address is a name.
fn isAddress(name: []const u8) bool {
    if (name[0] == '[') return true;
    var parts: usize = 1;
    for (name) |byte| {
        if (byte == '.') parts += 1 else if (!ascii.isDigit(byte)) return false;
    }
    return parts == 4;
}

const testing = std.testing;

fn read(pairs: []const struct { []const u8, []const u8 }, allocator: mem.Allocator) !Settings {
    var settings: Settings = .{};
    try testing.expectEqual(null, try settings.configure(allocator, pairs, .all));
    return settings;
}

test "origins" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const none: Settings = .{};
    try testing.expect(none.allowsOrigin("http://localhost:3000") and none.allowsOrigin("https://[::1]"));
    try testing.expect(!none.allowsOrigin("https://example.com") and !none.allowsOrigin("null"));
    const some =
        try read(&.{.{ "WASMCP_ALLOWED_ORIGINS", "https://example.com, http://a.test:8080" }}, state.allocator());
    for ([_][]const u8{ "https://example.com", "https://EXAMPLE.com:443", "http://a.test:8080" }) |text|
        try testing.expect(some.allowsOrigin(text));
    for ([_][]const u8{
        "https://example.com.evil", "http://example.com", "https://example.com:8443",
        "http://a.test",            "http://localhost",   "",
    }) |text| try testing.expect(!some.allowsOrigin(text));
    const any = try read(&.{.{ "WASMCP_ALLOWED_ORIGINS", "*" }}, state.allocator());
    try testing.expect(any.allowsOrigin("https://whoever.test"));
}

test "hosts" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const none: Settings = .{};
    for ([_][]const u8{ "localhost", "LocalHost:8000", "127.0.0.1", "[::1]:1" }) |text|
        try testing.expect(none.allowsHost(text));
    for ([_][]const u8{ "whatever", "localhost.evil", "192.168.1.5", "", ":" }) |text|
        try testing.expect(!none.allowsHost(text));
    const any = try read(&.{.{ "WASMCP_ALLOWED_HOSTS", " * " }}, state.allocator());
    try testing.expect(any.allowsHost("whatever") and !any.allowsHost("a b"));
    const some = try read(&.{.{ "WASMCP_ALLOWED_HOSTS", "example.com, b.test:81,[::1]" }}, state.allocator());
    for ([_][]const u8{ "example.com", "Example.com:8000", "b.test:81", "[::1]:9" }) |text|
        try testing.expect(some.allowsHost(text));
    for ([_][]const u8{ "b.test", "b.test:82", "example.com.evil", "a.example.com", "", ":", "example.com:x" }) |text|
        try testing.expect(!some.allowsHost(text));
}

test "bound addresses" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const one = try read(&.{.{ "WASMCP_BOUND_TO", "192.168.1.5" }}, state.allocator());
    for ([_][]const u8{ "localhost:1", "192.168.1.5:8000" }) |text| try testing.expect(one.allowsHost(text));
    for ([_][]const u8{ "192.168.1.6", "evil.test" }) |text| try testing.expect(!one.allowsHost(text));
    const all = try read(
        &.{ .{ "WASMCP_BOUND_TO", "0.0.0.0,box" }, .{ "WASMCP_ALLOWED_HOSTS", "example.com" } },
        state.allocator(),
    );
    for ([_][]const u8{ "10.0.0.1:80", "[fe80::1]", "BOX:8000", "example.com" }) |text|
        try testing.expect(all.allowsHost(text));
    for ([_][]const u8{ "10.0.0.evil", "1.2.3", "1.2.3.4.5", "localhost", "evil.test" }) |text|
        try testing.expect(!all.allowsHost(text));
}

test "wrong values" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    for ([_]struct { []const u8, []const u8 }{
        .{ "WASMCP_ALLOWED_ORIGINS", "example.com" },
        .{ "WASMCP_ALLOWED_ORIGINS", "" },
        .{ "WASMCP_ALLOWED_ORIGINS", "https://example.com/path" },
        .{ "WASMCP_ALLOWED_HOSTS", "https://example.com" },
        .{ "WASMCP_MAX_BODY", "4 MiB" },
        .{ "WASMCP_MAX_BODY", "1" },
        .{ "WASMCP_DISABLE_SSE", "yes" },
        .{ "WASMCP_REQUIRE_ORIGIN", "1" },
        .{ "WASMCP_SESSION_ENABLED", "" },
    }) |pair| {
        var settings: Settings = .{};
        const problem = try settings.configure(state.allocator(), &[_]@TypeOf(pair){pair}, .all);
        try testing.expect(lib.bytes.startsWith(problem.?, pair[0]));
    }
    var settings: Settings = .{};
    const unknown: struct { []const u8, []const u8 } = .{ "WASMCP_ALLOWED_HOST", "example.com" };
    const problem = try settings.configure(state.allocator(), &[_]@TypeOf(unknown){ .{ "PATH", "/" }, unknown }, .all);
    try testing.expectEqualStrings("WASMCP_ALLOWED_HOST is unknown: did you mean WASMCP_ALLOWED_HOSTS?", problem.?);
}
