//! Verification of access tokens that are JSON Web Tokens (RFC 7515, RFC 7519, RFC 9068), by the rules of RFC 8725:
//! the key decides on the algorithm, and each claim has one meaning.

const std = @import("std");
const lib = @import("lib");
const Keys = @import("Keys.zig");
const Settings = @import("Settings.zig");

const Allocator = std.mem.Allocator;
const Token = @This();

/// Limit on a token, in bytes.
pub const max_size = 16 << 10;
/// Limit on the members of the header and on the claims.
const max_members = 256;

subject: []const u8,
issuer: ?[]const u8,
scopes: []const []const u8,
/// The claims as a JSON object.
claims: []const u8,
/// Last second in which the token is valid, without leeway.
expiry: i64,
/// First second in which the token is valid, without leeway.
start: i64,
/// First second in which this outcome must not be used any more.
until: i64 = std.math.maxInt(i64),

pub const Outcome = union(enum) {
    valid: Token,
    /// The token is rejected, for this reason.
    invalid: []const u8,
    /// The host can have newer keys, one of which fits.
    unknown_key,
};

const Fault = error{ OutOfMemory, Refused };

/// Verify a token. `now`: seconds since 1970; null: times are not checked.
pub fn verify(allocator: Allocator, settings: *const Settings, text: []const u8, now: ?i64) error{OutOfMemory}!Outcome {
    var reader: Reader = .{ .allocator = allocator, .settings = settings };
    const token = reader.read(text, now) catch |fault| switch (fault) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Refused => return if (reader.reason) |reason| .{ .invalid = reason } else .unknown_key,
    };
    return .{ .valid = token };
}

/// Read the response of an introspection endpoint (RFC 7662, section 2.2). `now`: seconds since 1970.
pub fn ofIntrospection(
    allocator: Allocator,
    settings: *const Settings,
    document: []const u8,
    now: i64,
) error{OutOfMemory}!Outcome {
    var reader: Reader = .{ .allocator = allocator, .settings = settings, .introspected = true };
    const token = reader.introspection(document, now) catch |fault| switch (fault) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Refused => return .{ .invalid = reader.reason orelse malformed },
    };
    return .{ .valid = token };
}

/// Return whether a token has the form of a JSON Web Token: its header is a JSON object. Others are opaque.
pub fn isJwt(text: []const u8) bool {
    const header = text[0 .. std.mem.findScalar(u8, text, '.') orelse return false];
    // `{` and a quotation mark, or white space, in base64url.
    return lib.bytes.startsWith(header, "ey") or lib.bytes.startsWith(header, "ew");
}

/// Return whether a token has the characters and the size of one that can be sent on (RFC 6750, section 2.1).
pub fn isTransferable(text: []const u8) bool {
    for (text) |byte| switch (byte) {
        'a'...'z', 'A'...'Z', '0'...'9', '-', '.', '_', '~', '+', '/', '=' => {},
        else => return false,
    };
    return text.len > 0 and text.len <= max_size;
}

const Reader = struct {
    allocator: Allocator,
    settings: *const Settings,
    /// Reason why the token is rejected; null: a key is missing.
    reason: ?[]const u8 = null,
    /// The claims are of an introspection endpoint, where most are optional (RFC 7662, section 2.2).
    introspected: bool = false,

    fn refuse(self: *Reader, reason: []const u8) Fault {
        self.reason = reason;
        return error.Refused;
    }

    fn read(self: *Reader, text: []const u8, now: ?i64) Fault!Token {
        if (text.len > max_size) return self.refuse("the token is too large");
        const signed_end = std.mem.findScalarLast(u8, text, '.') orelse return self.refuse(malformed);
        const signed = text[0..signed_end];
        const dot = std.mem.findScalar(u8, signed, '.') orelse return self.refuse(malformed);
        const header = try self.object(signed[0..dot]);
        const claims = try self.object(signed[dot + 1 ..]);
        const signature = try self.binary(text[signed_end + 1 ..]);

        const chosen = try self.algorithm(header);
        const key = self.settings.keys.find(try self.string(header, "kid"), chosen) orelse {
            if (self.settings.remote) return error.Refused;
            return self.refuse("no key of the server matches the token");
        };
        if (!key.verifies(chosen, signed, signature)) return self.refuse("the signature is invalid");
        return self.claimed(claims, now);
    }

    fn introspection(self: *Reader, document: []const u8, now: i64) Fault!Token {
        const found = try self.parsed(document);
        const active = found.find("active") orelse return self.refuse("the introspection response is malformed");
        if (!lib.bytes.equal(active, "true")) return self.refuse("the token is not active");
        if (try self.string(found, "token_type")) |kind| if (!std.ascii.eqlIgnoreCase(kind, "Bearer"))
            return self.refuse("the token is not a bearer token (token_type): DPoP is not supported");
        return self.claimed(found, now);
    }

    fn algorithm(self: *Reader, header: Object) Fault!Keys.Algorithm {
        if (header.find("crit") != null)
            return self.refuse("the token has critical extensions, which are not supported");
        if (header.find("b64") != null or header.find("zip") != null) return self.refuse(malformed);
        if (try self.string(header, "typ")) |given| {
            const kind = if (lib.bytes.startsLike(given, "application/")) given["application/".len..] else given;
            if (!std.ascii.eqlIgnoreCase(kind, "at+jwt") and !std.ascii.eqlIgnoreCase(kind, "JWT"))
                return self.refuse("the token is not an access token");
        }
        const name = try self.string(header, "alg") orelse return self.refuse(malformed);
        const given = Keys.Algorithm.named(name) orelse return self.refuse(unaccepted);
        for (self.settings.algorithms) |one| if (one == given) return given;
        return self.refuse(unaccepted);
    }

    fn claimed(self: *Reader, claims: Object, now: ?i64) Fault!Token {
        // A sender-constrained token (RFC 7800, RFC 8705, RFC 9449) must not be accepted as a bearer token.
        if (claims.find("cnf") != null) return self.refuse(
            "the token is bound to a key (cnf), and neither DPoP nor mutual TLS is supported",
        );
        for ([_][]const u8{ "nonce", "at_hash", "c_hash", "s_hash" }) |name|
            if (claims.find(name) != null) return self.refuse("the token is an ID token, not an access token");
        const leeway = self.settings.leeway;
        const expiry = try self.time(claims, "exp") orelse if (self.introspected)
            std.math.maxInt(i64)
        else
            return self.refuse("the token has no expiry (exp)");
        const start = try self.time(claims, "nbf") orelse 0;
        const issued = try self.time(claims, "iat") orelse 0;
        if (now) |seconds| {
            if (seconds >= expiry +| leeway) return self.refuse("the token has expired");
            if (start > seconds +| leeway) return self.refuse("the token is not valid yet");
            if (issued > seconds +| leeway) return self.refuse("the token was issued in the future");
        }
        var issuer = try self.string(claims, "iss");
        if (issuer == null and self.introspected) issuer = self.settings.issuer;
        if (self.settings.issuer) |wanted| {
            const given = issuer orelse return self.refuse(wrong_issuer);
            if (!lib.bytes.equal(given, wanted)) return self.refuse(wrong_issuer);
        }
        try self.audience(claims.find("aud"));
        _ = try self.string(claims, "jti");
        const subject = try self.string(claims, "sub") orelse return self.refuse("the token has no subject (sub)");
        if (subject.len == 0) return self.refuse("the token has no subject (sub)");
        return .{
            .subject = subject,
            .issuer = issuer,
            .scopes = try self.scopes(claims),
            .claims = claims.text,
            .expiry = expiry,
            .start = @max(start, issued),
        };
    }

    fn audience(self: *Reader, claim: ?[]const u8) Fault!void {
        var matches = self.settings.audience.len == 0 and self.settings.server == null;
        if (claim) |raw| {
            for (try self.strings(raw)) |one| matches = matches or self.isAudience(one);
        }
        if (!matches) return self.refuse("the token is not for this server (aud)");
    }

    fn isAudience(self: *const Reader, given: []const u8) bool {
        for (self.settings.audience) |one| if (lib.bytes.equal(one, given)) return true;
        if (self.settings.audience.len > 0) return false;
        const server = self.settings.server orelse return false;
        return lib.bytes.equal(server, Settings.withoutSlash(given));
    }

    /// Return the scopes: of `scope` (RFC 8693, section 4.2), or of `scp`, which some servers use in its place.
    fn scopes(self: *Reader, claims: Object) Fault![]const []const u8 {
        const raw = claims.find("scope") orelse claims.find("scp") orelse return &.{};
        if (raw[0] == '[') return self.strings(raw);
        if (raw[0] != '"') return self.refuse(wrong_type);
        var list: lib.List([]const u8) = .empty;
        var parts = std.mem.tokenizeScalar(u8, try lib.json.decodeString(self.allocator, raw), ' ');
        while (parts.next()) |scope| try list.append(self.allocator, scope);
        return list.items;
    }

    /// Return the strings of a string or an array.
    fn strings(self: *Reader, raw: []const u8) Fault![]const []const u8 {
        var list: lib.List([]const u8) = .empty;
        if (raw[0] == '"') {
            try list.append(self.allocator, try lib.json.decodeString(self.allocator, raw));
        } else if (raw[0] == '[') {
            var scanner = lib.json.Scanner.init(raw);
            var items = scanner.items() catch return self.refuse(wrong_type);
            while (items.next() catch return self.refuse(wrong_type)) {
                const item = scanner.value() catch return self.refuse(wrong_type);
                if (item[0] != '"') return self.refuse(wrong_type);
                try list.append(self.allocator, try lib.json.decodeString(self.allocator, item));
            }
        } else return self.refuse(wrong_type);
        return list.items;
    }

    fn string(self: *Reader, object_: Object, name: []const u8) Fault!?[]const u8 {
        const raw = object_.find(name) orelse return null;
        if (raw[0] != '"') return self.refuse(wrong_type);
        return try lib.json.decodeString(self.allocator, raw);
    }

    /// Return a `NumericDate` (RFC 7519, section 2) in whole seconds.
    fn time(self: *Reader, claims: Object, name: []const u8) Fault!?i64 {
        const raw = claims.find(name) orelse return null;
        const end = std.mem.findScalar(u8, raw, '.') orelse raw.len;
        const seconds = lib.decimal.parse(raw[0..end], 1 << 53) orelse return self.refuse(wrong_type);
        for (raw[end..], 0..) |byte, n| if (n > 0 and !std.ascii.isDigit(byte)) return self.refuse(wrong_type);
        return @intCast(seconds);
    }

    fn binary(self: *Reader, text: []const u8) Fault![]const u8 {
        return try lib.base64.decode(self.allocator, .url, text) orelse self.refuse(malformed);
    }

    /// Decode a JSON object in which each name occurs once.
    fn object(self: *Reader, text: []const u8) Fault!Object {
        return self.parsed(try self.binary(text));
    }

    fn parsed(self: *Reader, decoded: []const u8) Fault!Object {
        if (!std.unicode.utf8ValidateSlice(decoded)) return self.refuse(malformed);
        var scanner = lib.json.Scanner.init(decoded);
        var list: lib.List(Member) = .empty;
        if ((scanner.peek() catch return self.refuse(malformed)) != .object) return self.refuse(malformed);
        var members = scanner.members() catch return self.refuse(malformed);
        while (members.next() catch return self.refuse(malformed)) |raw| {
            const name = try lib.json.decodeString(self.allocator, raw);
            for (list.items) |known| if (lib.bytes.equal(known.name, name)) return self.refuse(malformed);
            if (list.items.len == max_members) return self.refuse("the token has too many members");
            _ = scanner.peek() catch return self.refuse(malformed);
            const value = scanner.value() catch return self.refuse(malformed);
            try list.append(self.allocator, .{ .name = name, .value = value });
        }
        scanner.end() catch return self.refuse(malformed);
        return .{ .text = lib.bytes.trimmed(decoded), .members = list.items };
    }
};

const malformed = "the token is malformed";
const unaccepted = "the token is signed with an algorithm that is not accepted";
const wrong_issuer = "the token has another issuer (iss)";
const wrong_type = "a member of the token has a wrong type";

const Member = struct { name: []const u8, value: []const u8 };

const Object = struct {
    text: []const u8,
    members: []const Member,

    fn find(self: Object, name: []const u8) ?[]const u8 {
        for (self.members) |member| if (lib.bytes.equal(member.name, name)) return member.value;
        return null;
    }
};
