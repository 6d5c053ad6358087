//! Helpers of the other tool's `auth` package for the claims of a token (RFC 7519, section 4.1).

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

const types = bindings.wasmcp_auth.types;
const Claims = types.JwtClaims;
const Pair = std.meta.Child(@FieldType(Claims, "custom_claims"));

pub const exports = struct {
    pub const wasmcp_auth = struct {
        pub const helpers = struct {
            pub fn hasScope(claims: Claims, scope: []const u8) bool {
                return has(claims.scopes, scope);
            }

            pub fn hasAnyScope(claims: Claims, scopes: []const []const u8) bool {
                for (scopes) |scope| if (has(claims.scopes, scope)) return true;
                return false;
            }

            pub fn hasAllScopes(claims: Claims, scopes: []const []const u8) bool {
                for (scopes) |scope| if (!has(claims.scopes, scope)) return false;
                return true;
            }

            pub fn getScopes(claims: Claims) []const []const u8 {
                return claims.scopes;
            }

            pub fn hasAudience(claims: Claims, audience: []const u8) bool {
                return has(claims.audience, audience);
            }

            pub fn getAudiences(claims: Claims) []const []const u8 {
                return claims.audience;
            }

            /// The allowed clock skew extends the validity of a token. A token without `exp` never expires.
            pub fn isExpired(claims: Claims, clock_skew_seconds: ?u64) bool {
                return expired(claims, now(), clock_skew_seconds orelse 0);
            }

            pub fn isValidTime(claims: Claims, clock_skew_seconds: ?u64) bool {
                const time = now();
                const skew = clock_skew_seconds orelse 0;
                if (expired(claims, time, skew)) return false;
                return if (claims.not_before) |start| time +| skew >= start else true;
            }

            pub fn getSubject(claims: Claims) []const u8 {
                return claims.subject;
            }

            pub fn getIssuer(claims: Claims) ?[]const u8 {
                return claims.issuer;
            }

            /// Of several claims with one name the last counts, as for any JSON object.
            pub fn getClaim(claims: Claims, key: []const u8) ?[]const u8 {
                var found: ?[]const u8 = null;
                for (claims.custom_claims) |claim| {
                    if (lib.bytes.equal(claim[0], key)) found = claim[1];
                }
                return found;
            }

            pub fn flattenClaims(claims: Claims) []const Pair {
                var found: lib.List(Pair) = .empty;
                add(&found, "sub", claims.subject);
                if (claims.issuer) |issuer| add(&found, "iss", issuer);
                for (claims.audience) |audience| add(&found, "aud", audience);
                inline for (
                    .{ "exp", "iat", "nbf" },
                    .{ claims.expiration, claims.issued_at, claims.not_before },
                ) |name, time| {
                    if (time) |seconds| add(&found, name, decimal(seconds));
                }
                if (claims.jwt_id) |id| add(&found, "jti", id);
                if (claims.scopes.len > 0) {
                    add(&found, "scope", std.mem.join(allocator, " ", claims.scopes) catch @trap());
                }
                found.appendSlice(allocator, claims.custom_claims) catch @trap();
                return found.items;
            }
        };
    };
};

const allocator = bindings.memory.allocator;

fn has(texts: []const []const u8, wanted: []const u8) bool {
    for (texts) |text| if (lib.bytes.equal(text, wanted)) return true;
    return false;
}

fn expired(claims: Claims, time: u64, skew: u64) bool {
    return time >= (claims.expiration orelse return false) +| skew;
}

fn now() u64 {
    return bindings.wasi_clocks.wall_clock.now().seconds;
}

fn add(found: *lib.List(Pair), name: []const u8, value: []const u8) void {
    found.append(allocator, .{ name, value }) catch @trap();
}

fn decimal(number: u64) []const u8 {
    var buffer: [20]u8 = undefined;
    return allocator.dupe(u8, lib.decimal.integer(&buffer, number)) catch @trap();
}
