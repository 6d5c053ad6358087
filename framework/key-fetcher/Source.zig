//! Documents of an issuer over HTTP: its metadata and key set, and responses of its introspection endpoint. Redirects
//! are not followed, because they could lead to another host than the one that the operator trusts.
//! RFC 7517, section 5; RFC 7662; RFC 8414; OpenID Connect Discovery 1.0.

const std = @import("std");
const bindings = @import("bindings");
const http = @import("http");
const lib = @import("lib");

const memory = bindings.memory;
const Source = @This();

/// Limits on a document, in bytes.
const max_document = 512 << 10;
const max_introspection = 64 << 10;
/// Time limit of all requests for one client's request, in milliseconds.
const budget = 10_000;

/// End of the time limit, of the monotonic clock.
deadline: u64,
/// Description of the failure, for the operator.
problem: []const u8 = "",

pub const Fault = error{ OutOfMemory, Failed };

pub fn init() Source {
    return .{ .deadline = bindings.wasi_clocks.monotonic_clock.now() +| budget * std.time.ns_per_ms };
}

/// Return the key set of an issuer: at its address, or at the one that the issuer's metadata name.
pub fn keySet(self: *Source, uri: ?[]const u8, issuer: ?[]const u8) Fault![]const u8 {
    const address = uri orelse try self.discover(issuer orelse return error.Failed);
    return self.object(.{ .url = address });
}

/// Return the response of an introspection endpoint about a token.
pub fn introspection(
    self: *Source,
    url: []const u8,
    client: []const u8,
    secret: []const u8,
    token: []const u8,
) Fault![]const u8 {
    const pair = try concat(&.{ try escaped(client), ":", try escaped(secret) });
    const buffer = try memory.allocator.alloc(u8, lib.base64.size(pair.len));
    const basic = try concat(&.{ "Basic ", lib.base64.encode(buffer, .standard, pair) });
    const body = try concat(&.{ "token=", try escaped(token), "&token_type_hint=access_token" });
    var digits: [20]u8 = undefined;
    const document = try self.object(.{
        .url = url,
        .method = .post,
        .max_body = max_introspection,
        .headers = &.{
            accept,
            .{ .name = "authorization", .value = basic },
            .{ .name = "content-type", .value = "application/x-www-form-urlencoded" },
            // Without it runtimes send chunks, which some servers do not read.
            .{ .name = "content-length", .value = lib.decimal.integer(&digits, body.len) },
        },
        .body = body,
    });
    const active = lib.json.member(document, "active") orelse "";
    if (!lib.bytes.equal(active, "true") and !lib.bytes.equal(active, "false"))
        return self.fail(url, "the response has no member `active` with `true` or `false`");
    return document;
}

/// Return the address of an issuer's key set, from its metadata, which are looked for with the path of the issuer
/// inserted and appended (MCP, basic/authorization, "Authorization Server Metadata Discovery").
fn discover(self: *Source, issuer: []const u8) Fault![]const u8 {
    const authority = lib.urls.authorityOf(issuer);
    const start = @intFromPtr(authority.ptr) - @intFromPtr(issuer.ptr) + authority.len;
    const origin = issuer[0..start];
    var path = issuer[start..];
    while (lib.bytes.endsWith(path, "/")) path = path[0 .. path.len - 1];
    const openid = "/.well-known/openid-configuration";
    const addresses = [_][]const u8{
        try concat(&.{ origin, "/.well-known/oauth-authorization-server", path }),
        try concat(&.{ origin, openid, path }),
        try concat(&.{ origin, path, openid }),
    };
    for (addresses[0..if (path.len == 0) 2 else 3]) |address| switch (try self.json(.{ .url = address })) {
        .missing => continue,
        .found => |metadata| {
            if (!lib.bytes.equal(try text(metadata, "issuer") orelse "", issuer))
                return self.fail(address, "the metadata are of another issuer");
            const keys = try text(metadata, "jwks_uri") orelse
                return self.fail(address, "the metadata have no `jwks_uri`, the address of the key set");
            if (!mayNameKeys(issuer, keys))
                return self.fail(address, "`jwks_uri` must begin with `https://`, and not " ++
                    "lead to this machine or a private network, unless the issuer is there");
            return keys;
        },
    };
    return self.fail(issuer, "the issuer has no metadata: set JWT_JWKS_URI");
}

/// Return whether the metadata of an issuer can name this address of keys: on its own host, or on a public one.
fn mayNameKeys(issuer: []const u8, keys: []const u8) bool {
    if (!lib.urls.isFetchable(keys)) return false;
    const secure = lib.urls.isSecure(keys);
    if (lib.urls.isSecure(issuer) and !secure) return false;
    const scheme: lib.Target.Scheme = if (secure) .https else .http;
    var buffer: lib.Target.Buffer = undefined;
    const target = lib.Target.parse(&buffer, lib.urls.authorityOf(keys), scheme) orelse return false;
    if (target.isPublic()) return true;
    var other: lib.Target.Buffer = undefined;
    const own: lib.Target.Scheme = if (lib.urls.isSecure(issuer)) .https else .http;
    return target.same(lib.Target.parse(&other, lib.urls.authorityOf(issuer), own) orelse return false);
}

/// Return the text of a member, or null.
fn text(metadata: []const u8, name: []const u8) error{OutOfMemory}!?[]const u8 {
    const raw = lib.json.member(metadata, name) orelse return null;
    return if (raw[0] == '"') try lib.json.decodeString(memory.allocator, raw) else null;
}

const Document = union(enum) {
    found: []const u8,
    /// The address has no document: a status from 400 to 499.
    missing,
};

/// Request a JSON object that must be there.
fn object(self: *Source, wanted: http.Request) Fault![]const u8 {
    return switch (try self.json(wanted)) {
        .found => |document| document,
        .missing => error.Failed,
    };
}

/// Request a JSON object.
fn json(self: *Source, wanted: http.Request) Fault!Document {
    const now = bindings.wasi_clocks.monotonic_clock.now();
    if (now >= self.deadline) return self.fail(wanted.url, late);
    var request = wanted;
    request.timeout = (self.deadline - now) / std.time.ns_per_ms;
    request.max_body = @min(wanted.max_body, max_document);
    if (wanted.headers.len == 0) request.headers = &.{accept};
    const response = http.fetch(request) catch |failure| return self.fail(wanted.url, switch (failure) {
        error.OutOfMemory => return error.OutOfMemory,
        error.BadUrl, error.BadHeader => "the address is not usable",
        error.Denied => "the runtime denies the request: permit this host for the server",
        error.NotFound => "the host was not found",
        error.ConnectionRefused => "the connection was refused",
        error.Timeout => late,
        error.TooLarge => "the document is too large",
        error.Tls => "the TLS connection failed",
        error.Failed => "it cannot be reached",
    });
    switch (response.status) {
        200 => {},
        300...399 => return self.fail(wanted.url, "the response is a redirect, which is not followed"),
        400...499 => {
            self.problem = try concat(&.{ wanted.url, ": ", bad_status });
            return .missing;
        },
        else => return self.fail(wanted.url, bad_status),
    }
    if (response.header("content-type")) |value| {
        if (!isJson(value)) return self.fail(wanted.url, "the response is not `application/json`");
    }
    // Text that enters another component must be UTF-8.
    if (!lib.utf8.isValid(response.body)) return self.fail(wanted.url, not_text);
    return .{ .found = response.body };
}

const accept: http.Header = .{ .name = "accept", .value = "application/json" };
const bad_status = "the status of the response is not 200";
const late = "the response was not complete within 10 s";
const not_text = "the document is not UTF-8";

fn isJson(value: []const u8) bool {
    const kind = lib.bytes.trimmed(value[0 .. lib.bytes.find(value, ";") orelse value.len]);
    const application = "application/";
    if (!lib.bytes.startsLike(kind, application)) return false;
    const rest = kind[application.len..];
    if (rest.len == 4) return lib.bytes.startsLike(rest, "json");
    return rest.len > 5 and lib.bytes.startsLike(rest[rest.len - 5 ..], "+json");
}

fn fail(self: *Source, url: []const u8, reason: []const u8) Fault {
    self.problem = try concat(&.{ url, ": ", reason });
    return error.Failed;
}

/// Return a text in the form of `application/x-www-form-urlencoded` (URL Standard, section 5.2).
fn escaped(given: []const u8) error{OutOfMemory}![]const u8 {
    const out = try memory.allocator.alloc(u8, 3 * given.len);
    var n: usize = 0;
    for (given) |byte| switch (byte) {
        'a'...'z', 'A'...'Z', '0'...'9', '-', '.', '_' => {
            out[n] = byte;
            n += 1;
        },
        else => {
            const digits = "0123456789ABCDEF";
            out[n..][0..3].* = .{ '%', digits[byte >> 4], digits[byte & 15] };
            n += 3;
        },
    };
    return out[0..n];
}

fn concat(parts: []const []const u8) error{OutOfMemory}![]const u8 {
    return std.mem.concat(memory.allocator, u8, parts);
}
