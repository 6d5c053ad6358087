//! Authorization of HTTP requests: bearer tokens that are JSON Web Tokens, and the metadata of the protected resource.
//! Specification: basic/authorization; RFC 6750, RFC 9068, RFC 9728.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const Keys = @import("Keys.zig");
const Settings = @import("Settings.zig");
const Token = @import("Token.zig");

const memory = bindings.memory;
const types = bindings.authorizer;
const Identity = bindings.messages.Identity;
const Request = types.HttpRequest;
const Response = types.HttpResponse;
const Pair = std.meta.Child(@FieldType(Request, "headers"));

var settings: Settings = .{};

pub const exports = struct {
    pub const authorizer = struct {
        pub fn configure(pairs: []const Pair) bindings.abi.Result(types.State, []const u8) {
            const required = bindings.authorizer_options.required();
            const kept = keep(pairs) catch outOfMemory();
            if (settings.configure(memory.gpa, kept, required) catch outOfMemory()) |problem|
                return .{ .err = problem };
            return .{ .ok = if (settings.mode == .oauth or required) .enforced else .open };
        }

        pub fn setKeys(document: []const u8) bindings.abi.Result(void, []const u8) {
            // Keys that the operator set are the only ones.
            if (!settings.remote) return .{ .err = "the settings name no issuer whose keys are fetched" };
            var arena: std.heap.ArenaAllocator = .init(memory.gpa);
            const copy = arena.allocator().dupe(u8, document) catch outOfMemory();
            const keys: Keys = if (copy.len == 0) .{} else Keys.fromSet(arena.allocator(), copy) catch |failure| {
                if (failure == error.OutOfMemory) outOfMemory();
                arena.deinit();
                return .{ .err = "it is not a JSON Web Key Set with 1 to 64 public keys that can be used" };
            };
            if (fetched) |*before| before.deinit();
            fetched = arena;
            settings.keys = keys;
            for (&cache) |*entry| entry.clear();
            return .ok;
        }

        pub fn authorize(request: Request) types.Verdict {
            return decide(request) catch outOfMemory();
        }

        pub fn deny(request: Request, scopes: []const []const u8) Response {
            const path = pathOf(request.target);
            return denial(&.of(request, path), .{
                .status = 403,
                .code = if (scopes.len > 0) "insufficient_scope" else "access_denied",
                .description = if (scopes.len > 0)
                    "the token lacks a scope that this request needs"
                else
                    "the policy of this server denies the request",
                .scopes = scopes,
            }) catch outOfMemory();
        }
    };
};

/// Return the path of a request target, without its query.
fn pathOf(target: []const u8) []const u8 {
    return target[0 .. std.mem.findAny(u8, target, "?#") orelse target.len];
}

/// Memory of the keys that the host passed.
var fetched: ?std.heap.ArenaAllocator = null;

fn keep(pairs: []const Pair) error{OutOfMemory}![]const Pair {
    const copies = try memory.gpa.alloc(Pair, pairs.len);
    for (pairs, copies) |pair, *copy|
        copy.* = .{ try memory.gpa.dupe(u8, pair[0]), try memory.gpa.dupe(u8, pair[1]) };
    return copies;
}

/// Trap after a failed allocation: the host distinguishes this trap from others.
fn outOfMemory() noreturn {
    @trap();
}

fn decide(request: Request) error{OutOfMemory}!types.Verdict {
    // Preflight requests of browsers have no credentials (WHATWG Fetch, "CORS-preflight fetch").
    if (lib.bytes.equal(request.method, "OPTIONS")) return .{ .allowed = null };
    const path = pathOf(request.target);
    const place: Place = .of(request, path);
    if (settings.mode == .oauth and lib.bytes.equal(request.method, "GET")) {
        if (place.below) |below| if (try metadata(&place, below)) |response| return .{ .answered = response };
    }
    if (settings.mode != .oauth) return denied(&place, .{
        .status = 401,
        .description = "this server requires authorization, which is not configured",
    });
    if (try hasTokenInQuery(request.target[path.len..])) return denied(&place, .{
        .status = 400,
        .code = "invalid_request",
        .description = "a token must not be sent in the query",
    });
    var credentials: ?[]const u8 = null;
    for (request.headers) |field| {
        if (!std.ascii.eqlIgnoreCase(field[0], "authorization")) continue;
        if (credentials != null) return denied(&place, .{
            .status = 400,
            .code = "invalid_request",
            .description = "the request has several Authorization fields",
        });
        credentials = std.mem.trim(u8, field[1], " \t");
    }
    const token = bearer(credentials orelse "") orelse return denied(&place, .{
        .status = 401,
        .description = "the request has no bearer token",
    });
    if (settings.introspects and (!settings.hasKeys() or !Token.isJwt(token)))
        return introspected(&place, token, request);
    return verified(&place, token, request.resumed);
}

/// Return the token of a value of `Authorization` with the scheme `Bearer`.
fn bearer(value: []const u8) ?[]const u8 {
    const scheme = "Bearer ";
    if (!lib.bytes.startsLike(value, scheme)) return null;
    return std.mem.trim(u8, value[scheme.len..], " ");
}

fn verified(place: *const Place, text: []const u8, resumed: bool) error{OutOfMemory}!types.Verdict {
    const now: i64 = @intCast(@min(bindings.wasi_clocks.wall_clock.now().seconds, 1 << 53));
    const time = if (resumed) null else now;
    if (cached(text, time)) |known| return admitted(place, known);
    const token = switch (try Token.verify(memory.allocator, &settings, text, time)) {
        .valid => |token| token,
        .invalid => |reason| return invalid(place, reason),
        .unknown_key => return if (settings.keys.list.len == 0)
            unavailable(place, "the keys of the issuer could not be fetched", "keys")
        else
            denied(place, .{
                .status = 401,
                .code = "invalid_token",
                .description = "no key of the issuer matches the token",
                .needs = "keys",
            }),
    };
    if (!resumed) remember(text, token);
    return admitted(place, token);
}

/// Decide on a token that only its issuer can verify (RFC 7662).
fn introspected(place: *const Place, text: []const u8, request: Request) error{OutOfMemory}!types.Verdict {
    if (!Token.isTransferable(text)) return invalid(place, "the token is malformed");
    const now: i64 = @intCast(@min(bindings.wasi_clocks.wall_clock.now().seconds, 1 << 53));
    if (cached(text, if (request.resumed) null else now)) |known| return admitted(place, known);
    const found = request.introspection orelse {
        const needs = try std.mem.concat(memory.allocator, u8, &.{ "introspection ", text });
        return unavailable(place, "the token could not be introspected", needs);
    };
    const seconds, const document = std.mem.cutScalar(u8, found, ' ') orelse .{ "0", found };
    switch (try Token.ofIntrospection(memory.allocator, &settings, document, now)) {
        .valid => |token| {
            var bounded = token;
            bounded.until = now +| @as(i64, @intCast(lib.decimal.parse(seconds, 1 << 32) orelse 0));
            remember(text, bounded);
            return admitted(place, token);
        },
        .invalid => |reason| return invalid(place, reason),
        .unknown_key => unreachable,
    }
}

fn invalid(place: *const Place, reason: []const u8) error{OutOfMemory}!types.Verdict {
    return denied(place, .{ .status = 401, .code = "invalid_token", .description = reason });
}

/// Return the response while the issuer cannot be reached: it fails closed.
fn unavailable(place: *const Place, reason: []const u8, needs: []const u8) error{OutOfMemory}!types.Verdict {
    return denied(place, .{
        .status = 503,
        .code = "temporarily_unavailable",
        .description = reason,
        .needs = needs,
    });
}

/// Allow a request with a valid token, unless it lacks a scope.
fn admitted(place: *const Place, token: Token) error{OutOfMemory}!types.Verdict {
    for (settings.scopes) |wanted| {
        for (token.scopes) |scope| {
            if (lib.bytes.equal(scope, wanted)) break;
        } else return denied(place, .{
            .status = 403,
            .code = "insufficient_scope",
            .description = "the token lacks a scope that this server requires",
        });
    }
    return .{ .allowed = .{
        .subject = token.subject,
        .issuer = token.issuer,
        .scopes = token.scopes,
        .claims = token.claims,
    } };
}

/// Verified token, with its outcome: clients send the same token with every request.
const Entry = struct {
    arena: ?std.heap.ArenaAllocator = null,
    text: []const u8 = "",
    token: Token = undefined,

    fn clear(entry: *Entry) void {
        if (entry.arena) |*arena| arena.deinit();
        entry.* = .{};
    }
};

var cache: [32]Entry = @splat(.{});
var next: usize = 0;

fn cached(text: []const u8, now: ?i64) ?Token {
    for (&cache) |*entry| {
        if (entry.arena == null or !isSame(entry.text, text)) continue;
        if (now) |seconds| {
            const token = &entry.token;
            if (seconds >= token.expiry +| settings.leeway or token.start > seconds +| settings.leeway or
                seconds >= token.until)
            {
                entry.clear();
                return null;
            }
        }
        return entry.token;
    }
    return null;
}

/// Keep a verified token. Without memory it is not kept.
fn remember(text: []const u8, token: Token) void {
    for (&cache) |*entry| if (entry.arena != null and isSame(entry.text, text)) return;
    const entry = &cache[next];
    next = (next + 1) % cache.len;
    entry.clear();
    var arena: std.heap.ArenaAllocator = .init(memory.gpa);
    entry.token = copied(arena.allocator(), token) catch return arena.deinit();
    entry.text = arena.allocator().dupe(u8, text) catch return arena.deinit();
    entry.arena = arena;
}

/// Compare tokens in a time that depends on their size only.
fn isSame(one: []const u8, other: []const u8) bool {
    if (one.len != other.len) return false;
    const words = one.len / 8;
    const a: [*]align(1) const u64 = @ptrCast(one.ptr);
    const b: [*]align(1) const u64 = @ptrCast(other.ptr);
    var difference: u64 = 0;
    for (a[0..words], b[0..words]) |c, d| difference |= c ^ d;
    for (one[words * 8 ..], other[words * 8 ..]) |c, d| difference |= c ^ d;
    return difference == 0;
}

fn copied(allocator: std.mem.Allocator, token: Token) error{OutOfMemory}!Token {
    var copy = token;
    copy.subject = try allocator.dupe(u8, token.subject);
    if (token.issuer) |issuer| copy.issuer = try allocator.dupe(u8, issuer);
    copy.claims = try allocator.dupe(u8, token.claims);
    const scopes = try allocator.alloc([]const u8, token.scopes.len);
    for (token.scopes, scopes) |scope, *one| one.* = try allocator.dupe(u8, scope);
    copy.scopes = scopes;
    return copy;
}

/// Address of the protected resource that a request is for.
const Place = struct {
    /// Scheme and authority; null: not known.
    origin: ?struct { []const u8, []const u8 },
    /// The path of the resource.
    path: []const u8,
    /// Set for a request for metadata: the path of the resource that the client inserted.
    below: ?[]const u8,

    fn of(request: Request, path: []const u8) Place {
        const below = metadataPath(path);
        if (settings.server) |server| {
            const scheme = if (lib.bytes.startsWith(server, "https://")) "https://" else "http://";
            const rest = server[scheme.len..];
            const end = std.mem.findScalar(u8, rest, '/') orelse rest.len;
            return .{ .origin = .{ scheme, rest[0..end] }, .path = rest[end..], .below = below };
        }
        const resource = if (isEndpoint(path)) path else if (below) |given| given else "/mcp";
        var place: Place = .{ .origin = null, .path = if (resource.len > 0) resource else "/mcp", .below = below };
        for (request.headers) |field| {
            if (!std.ascii.eqlIgnoreCase(field[0], "host") or !isHost(field[1])) continue;
            // The scheme of a proxy in front is not known; without one a server is on this machine.
            place.origin = .{ if (lib.urls.isLoopback(field[1])) "http://" else "https://", field[1] };
        }
        return place;
    }

    fn isHost(text: []const u8) bool {
        for (text) |byte| switch (byte) {
            'a'...'z', 'A'...'Z', '0'...'9', '.', '-', '_', ':', '[', ']' => {},
            else => return false,
        };
        return text.len > 0;
    }
};

const well_known = "/.well-known/oauth-protected-resource";

/// Return the path of the resource in a request for its metadata: empty for that of the whole server.
fn metadataPath(path: []const u8) ?[]const u8 {
    if (!lib.bytes.startsWith(path, well_known)) return null;
    const below = path[well_known.len..];
    return if (below.len == 0 or isEndpoint(below)) below else null;
}

/// Return whether a path is `/mcp` or below it, of characters that need no escapes.
fn isEndpoint(path: []const u8) bool {
    for (path) |byte| switch (byte) {
        'a'...'z', 'A'...'Z', '0'...'9', '.', '-', '_', '~', '/', '%' => {},
        else => return false,
    };
    return lib.bytes.startsWith(path, "/mcp") and (path.len == 4 or path[4] == '/');
}

/// Return the metadata of the protected resource (RFC 9728, section 2), or null if it has none: clients must be given
/// an authorization server.
fn metadata(place: *const Place, below: []const u8) error{OutOfMemory}!?Response {
    const authorization_server = settings.authorization_server orelse return null;
    const scheme, const authority = place.origin orelse return null;
    var out: lib.Writer = .init(memory.allocator);
    try out.open('{');
    try out.key("resource");
    const path = if (settings.server != null or below.len == 0) place.path else below;
    try out.string(try std.mem.concat(memory.allocator, u8, &.{ scheme, authority, path }));
    try out.key("authorization_servers");
    try out.open('[');
    try out.string(authorization_server);
    try out.close(']');
    if (settings.scopes.len > 0) {
        try out.key("scopes_supported");
        try out.open('[');
        for (settings.scopes) |scope| try out.string(scope);
        try out.close(']');
    }
    try out.key("bearer_methods_supported");
    try out.open('[');
    try out.string("header");
    try out.close(']');
    try out.close('}');
    const headers = try memory.allocator.dupe(Pair, &.{.{ "cache-control", "max-age=300" }});
    return .{ .status = 200, .headers = headers, .body = out.text(), .needs = null };
}

const Denial = struct {
    status: u16,
    /// The error code (RFC 6750, section 3.1); null: the request has no credentials.
    code: ?[]const u8 = null,
    description: []const u8,
    /// The scopes that the request needs, in addition to those of every request.
    scopes: []const []const u8 = &.{},
    /// Something that the host can fetch.
    needs: ?[]const u8 = null,
};

/// Return the response of a denial. All have the same form: a challenge, and the error as JSON.
fn denied(place: *const Place, facts: Denial) error{OutOfMemory}!types.Verdict {
    return .{ .answered = try denial(place, facts) };
}

fn denial(place: *const Place, facts: Denial) error{OutOfMemory}!Response {
    const allocator = memory.allocator;
    var challenge: lib.List(u8) = .empty;
    try challenge.appendSlice(allocator, "Bearer");
    var separator: []const u8 = " ";
    if (facts.code) |code| {
        for ([_][]const u8{ " error=\"", code, "\", error_description=\"", facts.description, "\"" }) |part|
            try challenge.appendSlice(allocator, part);
        separator = ", ";
    }
    var scopes: lib.List([]const u8) = .empty;
    // No scope would help against `access_denied`: clients must not request more.
    if (!lib.bytes.equal(facts.code orelse "", "access_denied")) {
        try lib.policy.join(allocator, &scopes, settings.scopes);
        try lib.policy.join(allocator, &scopes, facts.scopes);
    }
    if (scopes.items.len > 0) {
        for ([_][]const u8{ separator, "scope=\"" }) |part| try challenge.appendSlice(allocator, part);
        for (scopes.items, 0..) |scope, n| {
            if (n > 0) try challenge.append(allocator, ' ');
            try challenge.appendSlice(allocator, scope);
        }
        try challenge.append(allocator, '"');
        separator = ", ";
    }
    if (settings.authorization_server != null) if (place.origin) |origin| {
        const address = .{ origin[0], origin[1], well_known, place.path };
        inline for (.{ separator, "resource_metadata=\"" } ++ address ++ .{"\""}) |part|
            try challenge.appendSlice(allocator, part);
    };
    var out: lib.Writer = .init(allocator);
    try out.open('{');
    try out.key("error");
    try out.string(facts.code orelse "unauthorized");
    try out.key("error_description");
    try out.string(facts.description);
    try out.close('}');
    const headers = try allocator.dupe(Pair, &.{
        .{ "www-authenticate", challenge.items },
        .{ "cache-control", "no-store" },
        .{ "retry-after", "5" },
    });
    const shown = if (facts.status == 503) headers else headers[0..2];
    return .{ .status = facts.status, .headers = shown, .body = out.text(), .needs = facts.needs };
}

/// Return whether a query has a parameter `access_token` (RFC 6750, section 2.3), also with escapes.
fn hasTokenInQuery(query: []const u8) error{OutOfMemory}!bool {
    var parts = std.mem.tokenizeAny(u8, query, "?&;#");
    while (parts.next()) |part| {
        const name = part[0 .. std.mem.findScalar(u8, part, '=') orelse part.len];
        if (std.ascii.eqlIgnoreCase(try lib.percent.decoded(memory.allocator, name), "access_token")) return true;
    }
    return false;
}
