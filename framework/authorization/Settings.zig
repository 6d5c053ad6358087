//! Settings of the operator for authorization. See docs/reference/environment.md.

const std = @import("std");
const lib = @import("lib");
const Keys = @import("Keys.zig");

const Allocator = std.mem.Allocator;
const Settings = @This();

/// Mode of authorization. `public`: every request is allowed. Null: not set.
mode: ?enum { public, oauth } = null,
keys: Keys = .{},
/// Keys are fetched, by the host or by `key-fetcher`. False: from `JWT_PUBLIC_KEY` or `JWT_JWKS`.
remote: bool = false,
/// Tokens are introspected: all but JSON Web Tokens, or all without keys.
introspects: bool = false,
issuer: ?[]const u8 = null,
/// Audiences, one of which a token must have. Empty: tokens of any audience are accepted.
audience: []const []const u8 = &.{},
/// The only algorithms that are accepted.
algorithms: []const Keys.Algorithm = std.enums.values(Keys.Algorithm),
scopes: []const []const u8 = &.{},
/// Tolerance for clocks, in seconds.
leeway: i64 = default_leeway,
server: ?[]const u8 = null,
authorization_server: ?[]const u8 = null,

pub const default_leeway = 30;
const most_leeway = 300;
const least_ttl = 10;
const most_ttl = 86_400;
const most_verdict_ttl = 3600;

/// Values as given, by name.
const Given = struct {
    WASMCP_AUTH_MODE: ?[]const u8 = null,
    JWT_ISSUER: ?[]const u8 = null,
    JWT_PUBLIC_KEY: ?[]const u8 = null,
    JWT_JWKS: ?[]const u8 = null,
    JWT_JWKS_URI: ?[]const u8 = null,
    JWT_JWKS_TTL: ?[]const u8 = null,
    JWT_INTROSPECTION_URI: ?[]const u8 = null,
    JWT_INTROSPECTION_CLIENT_ID: ?[]const u8 = null,
    JWT_INTROSPECTION_CLIENT_SECRET: ?[]const u8 = null,
    JWT_INTROSPECTION_TTL: ?[]const u8 = null,
    JWT_AUDIENCE: ?[]const u8 = null,
    JWT_ALGORITHMS: ?[]const u8 = null,
    JWT_ALGORITHM: ?[]const u8 = null,
    JWT_REQUIRED_SCOPES: ?[]const u8 = null,
    JWT_LEEWAY: ?[]const u8 = null,
    WASMCP_SERVER_URI: ?[]const u8 = null,
    WASMCP_AUTH_SERVER_URL: ?[]const u8 = null,
    /// Promise of the embedding host to fetch keys, and to introspect tokens. It has no effect by itself.
    WASMCP_HOST_FETCHES: ?[]const u8 = null,
};

/// Read settings from pairs of name and value, of which the last of a name counts. They must outlive this object.
/// Returns the error message, or null.
pub fn configure(
    self: *Settings,
    allocator: Allocator,
    pairs: anytype,
    required: bool,
) error{OutOfMemory}!?[]const u8 {
    var given: Given = .{};
    var first: ?[]const u8 = null;
    for (pairs) |pair| inline for (@typeInfo(Given).@"struct".field_names) |name| {
        if (lib.bytes.equal(pair[0], name)) {
            @field(given, name) = std.mem.trim(u8, pair[1], " \t\r\n");
            if (comptime !std.mem.eql(u8, name, "WASMCP_AUTH_MODE") and !std.mem.eql(u8, name, "WASMCP_HOST_FETCHES"))
                first = first orelse name;
        }
    };
    if (given.WASMCP_AUTH_MODE) |text| {
        if (std.ascii.eqlIgnoreCase(text, "oauth")) {
            self.mode = .oauth;
        } else if (std.ascii.eqlIgnoreCase(text, "public")) {
            self.mode = .public;
        } else return "WASMCP_AUTH_MODE must be `public` or `oauth`";
    }
    if (self.mode == .public and required)
        return "WASMCP_AUTH_MODE is `public`, but this server requires authorization (`auth = \"required\"`): " ++
            "set it to `oauth`";
    if (self.mode != .oauth) {
        const name = first orelse return null;
        return try std.mem.concat(allocator, u8, &.{
            name, " is set, but WASMCP_AUTH_MODE is not `oauth`: it would have no effect",
        });
    }
    return self.read(allocator, &given);
}

fn read(self: *Settings, allocator: Allocator, given: *const Given) error{OutOfMemory}!?[]const u8 {
    if (given.JWT_ISSUER) |text| {
        if (text.len == 0) return "JWT_ISSUER must not be empty";
        self.issuer = text;
    }
    if (given.WASMCP_SERVER_URI) |text| {
        if (!lib.urls.isUrl(text)) return "WASMCP_SERVER_URI must be the URL of this server's MCP endpoint, " ++
            "like `https://example.com/mcp`, without query and fragment";
        self.server = withoutSlash(text);
    }
    if (given.WASMCP_AUTH_SERVER_URL) |text| {
        if (!lib.urls.isUrl(text)) return "WASMCP_AUTH_SERVER_URL must be a URL like `https://auth.example.com`";
        self.authorization_server = text;
    } else if (self.issuer) |text| {
        if (lib.urls.isUrl(text)) self.authorization_server = text;
    }
    if (given.JWT_AUDIENCE) |text| {
        self.audience = try split(allocator, text, ",");
        if (self.audience.len == 0) return "JWT_AUDIENCE must be audiences, separated by commas";
    }
    if (given.JWT_REQUIRED_SCOPES) |text| {
        self.scopes = try split(allocator, text, ", ");
        for (self.scopes) |scope| for (scope) |byte| switch (byte) {
            0x21, 0x23...0x5b, 0x5d...0x7e => {},
            else => return "JWT_REQUIRED_SCOPES must be scopes (RFC 6749, section 3.3), separated by commas or spaces",
        };
    }
    if (given.JWT_LEEWAY) |text| self.leeway = @intCast(lib.decimal.parse(text, most_leeway) orelse
        return std.fmt.comptimePrint("JWT_LEEWAY must be a number of seconds from 0 to {d}", .{most_leeway}));
    if (given.JWT_JWKS_TTL) |text| if ((lib.decimal.parse(text, most_ttl) orelse 0) < least_ttl) return std.fmt
        .comptimePrint("JWT_JWKS_TTL must be a number of seconds from {d} to {d}", .{ least_ttl, most_ttl });
    if (given.JWT_ALGORITHM != null and given.JWT_ALGORITHMS != null)
        return "JWT_ALGORITHM and JWT_ALGORITHMS are two names of one setting: unset one";
    if (given.JWT_ALGORITHMS orelse given.JWT_ALGORITHM) |text| {
        const names = try split(allocator, text, ", ");
        const algorithms = try allocator.alloc(Keys.Algorithm, names.len);
        for (names, algorithms) |name, *algorithm| algorithm.* = Keys.Algorithm.named(name) orelse return problem;
        if (names.len == 0) return problem;
        self.algorithms = algorithms;
    }
    return try self.readIntrospection(given) orelse self.readKeys(allocator, given);
}

fn readIntrospection(self: *Settings, given: *const Given) error{OutOfMemory}!?[]const u8 {
    const uri = given.JWT_INTROSPECTION_URI orelse {
        if (given.JWT_INTROSPECTION_CLIENT_ID != null or given.JWT_INTROSPECTION_CLIENT_SECRET != null or
            given.JWT_INTROSPECTION_TTL != null)
            return "JWT_INTROSPECTION_CLIENT_ID, JWT_INTROSPECTION_CLIENT_SECRET and JWT_INTROSPECTION_TTL need " ++
                "JWT_INTROSPECTION_URI";
        return null;
    };
    if (!lib.urls.isFetchable(uri)) return "JWT_INTROSPECTION_URI" ++ not_fetchable;
    if (isEmpty(given.JWT_INTROSPECTION_CLIENT_ID) or isEmpty(given.JWT_INTROSPECTION_CLIENT_SECRET))
        return "JWT_INTROSPECTION_URI needs JWT_INTROSPECTION_CLIENT_ID and JWT_INTROSPECTION_CLIENT_SECRET";
    if (given.JWT_INTROSPECTION_TTL) |text| if (lib.decimal.parse(text, most_verdict_ttl) == null) return std.fmt
        .comptimePrint("JWT_INTROSPECTION_TTL must be a number of seconds from 0 to {d}", .{most_verdict_ttl});
    if (!fetches(given)) return "the host does not introspect tokens: compose the server with " ++
        "`environment = true`, or unset JWT_INTROSPECTION_URI, and set JWT_JWKS to the text of the issuer's key set";
    self.introspects = true;
    return null;
}

fn isEmpty(value: ?[]const u8) bool {
    return if (value) |text| text.len == 0 else true;
}

/// Return whether the host fetches keys and introspects tokens.
fn fetches(given: *const Given) bool {
    return if (given.WASMCP_HOST_FETCHES) |text| lib.bytes.equal(text, "true") else false;
}

/// Return whether there are keys, or are to be fetched.
pub fn hasKeys(self: *const Settings) bool {
    return self.remote or self.keys.list.len > 0;
}

const problem = "JWT_ALGORITHMS must be of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA, " ++
    "separated by commas (ES512 and symmetric algorithms are not supported)";

fn readKeys(self: *Settings, allocator: Allocator, given: *const Given) error{OutOfMemory}!?[]const u8 {
    const sources = @as(u8, @intFromBool(given.JWT_PUBLIC_KEY != null)) + @intFromBool(given.JWT_JWKS != null) +
        @intFromBool(given.JWT_JWKS_URI != null);
    if (sources > 1) return "of JWT_PUBLIC_KEY, JWT_JWKS and JWT_JWKS_URI only one can be set";
    if (given.JWT_JWKS_TTL != null and (given.JWT_PUBLIC_KEY != null or given.JWT_JWKS != null))
        return "JWT_JWKS_TTL has no effect with JWT_PUBLIC_KEY or JWT_JWKS: unset it";
    if (given.JWT_PUBLIC_KEY) |text| {
        self.keys = Keys.fromPem(allocator, text) catch |failure| switch (failure) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Invalid => return "JWT_PUBLIC_KEY must be a PEM text `-----BEGIN PUBLIC KEY-----` with an RSA key " ++
                "of 2048 to 4096 bits and an exponent of at least 65537, or a key of P-256, P-384 or Ed25519",
        };
    } else if (given.JWT_JWKS) |text| {
        self.keys = Keys.fromSet(allocator, text) catch |failure| switch (failure) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Invalid => return "JWT_JWKS must be a JSON Web Key Set with 1 to 64 public keys that can be " ++
                "used: RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519",
        };
    } else if (given.JWT_JWKS_URI) |text| {
        if (!lib.urls.isFetchable(text)) return "JWT_JWKS_URI" ++ not_fetchable;
        self.remote = true;
    } else if (self.introspects) {
        // All tokens are introspected.
    } else if (self.issuer) |text| {
        if (!lib.urls.isUrl(text) or !lib.urls.isFetchable(text))
            return "JWT_ISSUER is not a URL that begins with `https://`, so its " ++
                "keys cannot be discovered: set JWT_JWKS_URI, JWT_JWKS or JWT_PUBLIC_KEY";
        self.remote = true;
    } else return "WASMCP_AUTH_MODE is `oauth`, but keys are missing: " ++
        "set JWT_ISSUER, JWT_JWKS_URI, JWT_JWKS, JWT_PUBLIC_KEY or JWT_INTROSPECTION_URI";
    if (given.JWT_JWKS_TTL != null and !self.remote) return "JWT_JWKS_TTL has no effect, because no keys are fetched";
    if (self.remote and !fetches(given)) return "the host does not fetch keys: compose the server with " ++
        "`environment = true`, or set JWT_JWKS to the text of the issuer's key set, and unset JWT_JWKS_URI";
    return null;
}

const not_fetchable = " must be a URL that begins with `https://` (`http://` only for this machine), " ++
    "without user name and fragment";

fn split(
    allocator: Allocator,
    text: []const u8,
    comptime separators: []const u8,
) error{OutOfMemory}![]const []const u8 {
    var list: lib.List([]const u8) = .empty;
    var parts = std.mem.tokenizeAny(u8, text, separators);
    while (parts.next()) |part| {
        const one = std.mem.trim(u8, part, " \t");
        if (one.len > 0) try list.append(allocator, one);
    }
    return list.items;
}

pub fn withoutSlash(text: []const u8) []const u8 {
    return if (text.len > 0 and text[text.len - 1] == '/') text[0 .. text.len - 1] else text;
}
