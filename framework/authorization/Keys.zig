//! Public keys that verify signatures of tokens: from a JSON Web Key Set (RFC 7517, RFC 7518 section 6, RFC 8037), or
//! from a PEM text (RFC 7468, RFC 5280 section 4.1.2.7).
//!
//! Not verifiable with Zig's standard library, and refused: ES512 (it has no P-521) and Ed448.

const std = @import("std");
const lib = @import("lib");

const Allocator = std.mem.Allocator;
const Ed25519 = std.crypto.sign.Ed25519;
const P256 = std.crypto.sign.ecdsa.EcdsaP256Sha256;
const P384 = std.crypto.sign.ecdsa.EcdsaP384Sha384;
const sha2 = std.crypto.hash.sha2;

const Rsa = @import("Rsa.zig");

const Keys = @This();

/// Signature algorithms (RFC 7518, section 3.1; RFC 8037). `Ed25519` of RFC 9864 is the same as `EdDSA` here.
pub const Algorithm = enum {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,

    pub fn named(name: []const u8) ?Algorithm {
        if (lib.bytes.equal(name, "Ed25519")) return .EdDSA;
        return std.meta.stringToEnum(Algorithm, name);
    }
};

const Material = union(enum) {
    rsa: Rsa,
    p256: P256.PublicKey,
    p384: P384.PublicKey,
    ed25519: Ed25519.PublicKey,
};

pub const Key = struct {
    /// `kid`; null: none, or the key is not from a set.
    id: ?[]const u8 = null,
    /// The only algorithm that the key is for, if its issuer names one.
    algorithm: ?Algorithm = null,
    material: Material,

    fn suits(key: *const Key, algorithm: Algorithm) bool {
        if (key.algorithm) |only| if (only != algorithm) return false;
        return switch (algorithm) {
            .RS256, .RS384, .RS512, .PS256, .PS384, .PS512 => key.material == .rsa,
            .ES256 => key.material == .p256,
            .ES384 => key.material == .p384,
            .EdDSA => key.material == .ed25519,
        };
    }

    /// Return whether the signature of a message is valid. The algorithm must be one for the type of the key.
    pub fn verifies(key: *const Key, algorithm: Algorithm, message: []const u8, signature: []const u8) bool {
        return switch (algorithm) {
            .RS256 => key.material.rsa.verifiesPkcs1(sha2.Sha256, message, signature),
            .RS384 => key.material.rsa.verifiesPkcs1(sha2.Sha384, message, signature),
            .RS512 => key.material.rsa.verifiesPkcs1(sha2.Sha512, message, signature),
            .PS256 => key.material.rsa.verifiesPss(sha2.Sha256, message, signature),
            .PS384 => key.material.rsa.verifiesPss(sha2.Sha384, message, signature),
            .PS512 => key.material.rsa.verifiesPss(sha2.Sha512, message, signature),
            .ES256 => verifiesFixed(P256, key.material.p256, message, signature),
            .ES384 => verifiesFixed(P384, key.material.p384, message, signature),
            .EdDSA => verifiesFixed(Ed25519, key.material.ed25519, message, signature),
        };
    }

    fn verifiesFixed(comptime Scheme: type, key: Scheme.PublicKey, message: []const u8, signature: []const u8) bool {
        if (signature.len != Scheme.Signature.encoded_length) return false;
        const parsed = Scheme.Signature.fromBytes(signature[0..Scheme.Signature.encoded_length].*);
        parsed.verify(message, key) catch return false;
        return true;
    }
};

/// Limit on the usable keys of one set.
const most = 64;

list: []const Key = &.{},

/// The key for a token: the one that it names, or the only one for its algorithm.
pub fn find(keys: Keys, id: ?[]const u8, algorithm: Algorithm) ?*const Key {
    var found: ?*const Key = null;
    for (keys.list) |*key| {
        if (!key.suits(algorithm)) continue;
        if (id) |wanted| {
            // The key of a PEM text has no name: a token's `kid` cannot match it.
            if (key.id) |known| if (!lib.bytes.equal(known, wanted)) continue;
            if (key.id == null and keys.list.len > 1) continue;
        }
        if (found != null) return null;
        found = key;
    }
    return found;
}

pub const Error = error{ OutOfMemory, Invalid };

/// Read a JSON Web Key Set. Unusable keys are skipped; `Invalid`: the text is not a set, or it
/// has no usable key, or too many.
pub fn fromSet(allocator: Allocator, text: []const u8) Error!Keys {
    if ((lib.json.validate(text) catch return error.Invalid) != .object) return error.Invalid;
    const array = lib.json.member(text, "keys") orelse return error.Invalid;
    var scanner = lib.json.Scanner.init(array);
    var items = scanner.items() catch return error.Invalid;
    var list: lib.List(Key) = .empty;
    while (items.next() catch return error.Invalid) {
        const object = scanner.value() catch return error.Invalid;
        const key = (fromObject(allocator, object) catch |problem| switch (problem) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Invalid => continue,
        });
        if (list.items.len == most) return error.Invalid;
        try list.append(allocator, key);
    }
    return if (list.items.len == 0) error.Invalid else .{ .list = list.items };
}

fn fromObject(allocator: Allocator, object: []const u8) Error!Key {
    if (object[0] != '{') return error.Invalid;
    if (try string(allocator, object, "use")) |use| if (!lib.bytes.equal(use, "sig")) return error.Invalid;
    if (lib.json.member(object, "key_ops")) |operations|
        if (!lib.bytes.contains(operations, "\"verify\"")) return error.Invalid;
    const kind = try string(allocator, object, "kty") orelse return error.Invalid;
    var key: Key = .{ .material = undefined };
    if (try string(allocator, object, "kid")) |id| key.id = try allocator.dupe(u8, id);
    if (try string(allocator, object, "alg")) |name| key.algorithm = Algorithm.named(name) orelse return error.Invalid;
    const curve = try string(allocator, object, "crv") orelse "";
    if (lib.bytes.equal(kind, "RSA")) {
        const n = try binary(allocator, object, "n");
        key.material = .{ .rsa = Rsa.init(n, try binary(allocator, object, "e")) orelse return error.Invalid };
    } else if (lib.bytes.equal(kind, "EC")) {
        const x = try binary(allocator, object, "x");
        const y = try binary(allocator, object, "y");
        key.material = try fromPoint(curve, try std.mem.concat(allocator, u8, &.{ "\x04", x, y }));
    } else if (lib.bytes.equal(kind, "OKP") and lib.bytes.equal(curve, "Ed25519")) {
        key.material = try fromEd25519(try binary(allocator, object, "x"));
    } else return error.Invalid;
    return key;
}

fn string(allocator: Allocator, object: []const u8, name: []const u8) Error!?[]const u8 {
    const raw = lib.json.member(object, name) orelse return null;
    if (raw[0] != '"') return error.Invalid;
    return try lib.json.decodeString(allocator, raw);
}

fn binary(allocator: Allocator, object: []const u8, name: []const u8) Error![]const u8 {
    const text = try string(allocator, object, name) orelse return error.Invalid;
    return try lib.base64.decode(allocator, .url, text) orelse error.Invalid;
}

/// Check a point in uncompressed form (SEC 1, section 2.3.4): that it is on the curve.
fn fromPoint(curve: []const u8, point: []const u8) Error!Material {
    if (lib.bytes.equal(curve, "P-256")) {
        if (point.len != 65 or point[0] != 4) return error.Invalid;
        return .{ .p256 = P256.PublicKey.fromSec1(point) catch return error.Invalid };
    }
    if (lib.bytes.equal(curve, "P-384")) {
        if (point.len != 97 or point[0] != 4) return error.Invalid;
        return .{ .p384 = P384.PublicKey.fromSec1(point) catch return error.Invalid };
    }
    return error.Invalid;
}

fn fromEd25519(bytes: []const u8) Error!Material {
    if (bytes.len != 32) return error.Invalid;
    const key = Ed25519.PublicKey.fromBytes(bytes[0..32].*) catch return error.Invalid;
    const point = std.crypto.ecc.Edwards25519.fromBytes(key.bytes) catch return error.Invalid;
    point.rejectLowOrder() catch return error.Invalid;
    return .{ .ed25519 = key };
}

const label = "PUBLIC KEY-----";

/// Read the `PUBLIC KEY` of a PEM text. Line ends can be written as `\n`, as in a variable of one line.
pub fn fromPem(allocator: Allocator, text: []const u8) Error!Keys {
    const begin = std.mem.find(u8, text, "-----BEGIN " ++ label) orelse return error.Invalid;
    const rest = text[begin + "-----BEGIN ".len + label.len ..];
    const end = std.mem.find(u8, rest, "-----END " ++ label) orelse return error.Invalid;
    var digits: lib.List(u8) = .empty;
    var at: usize = 0;
    while (at < end) : (at += 1) {
        if (lib.bytes.startsWith(rest[at..end], "\\n")) at += 1 else if (!lib.bytes.isSpace(rest[at]))
            try digits.append(allocator, rest[at]);
    }
    const bytes = try lib.base64.decode(allocator, .standard, digits.items) orelse return error.Invalid;
    const list = try allocator.alloc(Key, 1);
    list[0] = .{ .material = try fromInfo(bytes) };
    return .{ .list = list };
}

/// Read a `SubjectPublicKeyInfo`.
fn fromInfo(bytes: []const u8) Error!Material {
    var outer: Der = .{ .rest = bytes };
    var info: Der = .{ .rest = try outer.take(0x30) };
    var algorithm: Der = .{ .rest = try info.take(0x30) };
    const identifier = try algorithm.take(0x06);
    const bits = try info.take(0x03);
    if (outer.rest.len > 0 or info.rest.len > 0 or bits.len == 0 or bits[0] != 0) return error.Invalid;
    const key = bits[1..];
    if (lib.bytes.equal(identifier, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")) {
        var sequence: Der = .{ .rest = key };
        var numbers: Der = .{ .rest = try sequence.take(0x30) };
        const modulus = try numbers.take(0x02);
        return .{ .rsa = Rsa.init(modulus, try numbers.take(0x02)) orelse return error.Invalid };
    }
    if (lib.bytes.equal(identifier, "\x2a\x86\x48\xce\x3d\x02\x01")) {
        const curve = try algorithm.take(0x06);
        if (lib.bytes.equal(curve, "\x2a\x86\x48\xce\x3d\x03\x01\x07")) return fromPoint("P-256", key);
        if (lib.bytes.equal(curve, "\x2b\x81\x04\x00\x22")) return fromPoint("P-384", key);
        return error.Invalid;
    }
    if (lib.bytes.equal(identifier, "\x2b\x65\x70")) return fromEd25519(key);
    return error.Invalid;
}

/// Reader of DER (X.690, section 8.1): elements with a tag of one byte.
const Der = struct {
    rest: []const u8,

    fn take(self: *Der, tag: u8) Error![]const u8 {
        const given = self.rest;
        if (given.len < 2 or given[0] != tag) return error.Invalid;
        var at: usize = 2;
        var length: usize = given[1];
        if (length >= 0x80) {
            const count = length & 0x7f;
            if (count == 0 or count > 2 or given.len < 2 + count) return error.Invalid;
            length = 0;
            for (given[2..][0..count]) |byte| length = length << 8 | byte;
            at += count;
        }
        if (given.len - at < length) return error.Invalid;
        self.rest = given[at + length ..];
        return given[at..][0..length];
    }
};
