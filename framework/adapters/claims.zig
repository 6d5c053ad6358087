//! Conversion of our `identity` record (verified claims as JSON; RFC 7519, section 4) to the other contract's claims.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const mcp = @import("contract.zig").mcp;

const allocator = bindings.memory.allocator;
const messages = bindings.messages;

pub fn identity(request: messages.Request) ?mcp.Identity {
    const known = request.identity() orelse return null;
    return .{ .jwt = token(request) orelse "", .claims = claims(known) };
}

/// Return the bearer token of the request (RFC 6750, section 2.1), if it came over HTTP.
pub fn token(request: messages.Request) ?[]const u8 {
    const scheme = "bearer ";
    const facts = request.http() orelse return null;
    for (facts.headers) |header| {
        if (!lib.bytes.equal(header[0], "authorization") or !std.ascii.startsWithIgnoreCase(header[1], scheme))
            continue;
        return lib.bytes.trimmed(header[1][scheme.len..]);
    }
    return null;
}

pub fn claims(known: messages.Identity) mcp.JwtClaims {
    var found = mcp.JwtClaims{ .subject = known.subject, .issuer = known.issuer, .scopes = known.scopes };
    var custom: lib.List(Pair) = .empty;
    var scanner = lib.json.Scanner.init(known.claims);
    scanner.surrogates = .any;
    var members = scanner.members() catch return found;
    while (members.next() catch return found) |name| {
        const value = scanner.value() catch return found;
        switch (registered(name)) {
            .aud => found.audience = texts(value),
            .exp => found.expiration = seconds(value),
            .iat => found.issued_at = seconds(value),
            .nbf => found.not_before = seconds(value),
            .jti => found.jwt_id = text(value),
            .cnf => found.confirmation = .{ .x5t_s256 = member(value, "x5t#S256"), .jkt = member(value, "jkt") },
            .sub, .iss, .scope, .scp => {},
            .other => custom.append(allocator, .{ string(name), text(value) }) catch @trap(),
        }
    }
    found.custom_claims = custom.items;
    return found;
}

const Pair = std.meta.Child(@FieldType(mcp.JwtClaims, "custom_claims"));

const Claim = enum { sub, iss, aud, exp, iat, nbf, jti, cnf, scope, scp, other };

fn registered(name: []const u8) Claim {
    inline for (@typeInfo(Claim).@"enum".field_names) |known| {
        if (!lib.bytes.equal(known, "other") and lib.json.equals(name, known)) return @field(Claim, known);
    }
    return .other;
}

fn member(object: []const u8, name: []const u8) ?[]const u8 {
    return text(lib.json.member(object, name) orelse return null);
}

/// Return the value of a string; any other value as raw JSON.
fn text(value: []const u8) []const u8 {
    return if (value[0] == '"') string(value) else value;
}

fn string(value: []const u8) []const u8 {
    return lib.json.decodeString(allocator, value) catch @trap();
}

/// Return the values of a string or of an array of strings.
fn texts(value: []const u8) []const []const u8 {
    var found: lib.List([]const u8) = .empty;
    if (value[0] != '[') {
        found.append(allocator, text(value)) catch @trap();
        return found.items;
    }
    var scanner = lib.json.Scanner.init(value);
    scanner.surrogates = .any;
    var items = scanner.items() catch unreachable;
    while (items.next() catch unreachable) {
        found.append(allocator, text(scanner.value() catch unreachable)) catch @trap();
    }
    return found.items;
}

/// Parse a NumericDate (RFC 7519, section 2) without its fraction. Null: it has an exponent, or exceeds u64.
fn seconds(value: []const u8) ?u64 {
    if (std.mem.findAny(u8, value, "eE") != null) return null;
    const point = std.mem.findScalar(u8, value, '.') orelse value.len;
    return lib.decimal.parse(value[0..point], std.math.maxInt(u64));
}
