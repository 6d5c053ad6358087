//! RSA public key and its two signature schemes (RFC 8017, sections 8.1.2 and 8.2.2), over the arithmetic of the
//! standard library. Its own schemes are compiled once for each size of key, which would double this component.

const std = @import("std");

const Rsa = @This();

const max_bits = 4096;
const max_bytes = max_bits / 8;
const Modulus = std.crypto.ff.Modulus(max_bits);

modulus: Modulus,
exponent: Modulus.Fe,
/// Length of the modulus and of signatures, in bytes.
size: usize,

/// Check a key: a modulus of 2048 to 4096 bits, a multiple of 8, and an odd exponent of 65537 or more, but at most 32
/// bits (FIPS 186-5, section 5.4). Null: the key is not usable.
pub fn init(given: []const u8, e: []const u8) ?Rsa {
    const digits = withoutZeros(given);
    if (digits.len < 2048 / 8 or digits.len > max_bytes or digits[0] & 0x80 == 0) return null;
    const exponent_digits = withoutZeros(e);
    if (exponent_digits.len > 4) return null;
    var exponent: u32 = 0;
    for (exponent_digits) |byte| exponent = exponent << 8 | byte;
    if (exponent < 65537 or exponent & 1 == 0) return null;
    const modulus = Modulus.fromBytes(digits, .big) catch return null;
    return .{
        .modulus = modulus,
        .exponent = Modulus.Fe.fromPrimitive(u32, modulus, exponent) catch return null,
        .size = digits.len,
    };
}

fn withoutZeros(bytes: []const u8) []const u8 {
    var rest = bytes;
    while (rest.len > 0 and rest[0] == 0) rest = rest[1..];
    return rest;
}

/// Apply the public key to a signature. Null: it has another length than the modulus, or is not below it.
fn opened(key: *const Rsa, buffer: *[max_bytes]u8, signature: []const u8) ?[]const u8 {
    if (signature.len != key.size) return null;
    const number = Modulus.Fe.fromBytes(key.modulus, signature, .big) catch return null;
    const result = key.modulus.powPublic(number, key.exponent) catch return null;
    const out = buffer[0..key.size];
    result.toBytes(out, .big) catch return null;
    return out;
}

/// Verify a signature of RSASSA-PKCS1-v1_5: the whole encoded message is compared, so that nothing in it is parsed.
pub fn verifiesPkcs1(key: *const Rsa, comptime Hash: type, message: []const u8, signature: []const u8) bool {
    var buffer: [max_bytes]u8 = undefined;
    const given = key.opened(&buffer, signature) orelse return false;
    // DigestInfo with SHA-2 (RFC 8017, section 9.2, note 1).
    const length = Hash.digest_length;
    const kind: u8 = switch (length) {
        32 => 1,
        48 => 2,
        64 => 3,
        else => comptime unreachable,
    };
    const info = [_]u8{
        0x30, 0x11 + length, 0x30,   0x0d, 0x06, 0x09, 0x60, 0x86,
        0x48, 0x01,          0x65,   0x03, 0x04, 0x02, kind, 0x05,
        0x00, 0x04,          length,
    };
    var expected: [max_bytes]u8 = @splat(0xff);
    const end = expected[0..key.size];
    const at = end.len - length;
    Hash.hash(message, end[at..][0..length], .{});
    @memcpy(end[at - info.len .. at], &info);
    end[at - info.len - 1] = 0;
    end[0] = 0;
    end[1] = 1;
    return std.mem.eql(u8, given, end);
}

/// Verify a signature of RSASSA-PSS with MGF1 of the same hash, and a salt as long as the hash (RFC 7518, section 3.5).
pub fn verifiesPss(key: *const Rsa, comptime Hash: type, message: []const u8, signature: []const u8) bool {
    var buffer: [max_bytes]u8 = undefined;
    const given = key.opened(&buffer, signature) orelse return false;
    const length = Hash.digest_length;
    if (given[given.len - 1] != 0xbc or given[0] & 0x80 != 0) return false;
    const masked = given[0 .. given.len - length - 1];
    const hash = given[masked.len..][0..length];
    var block: [max_bytes]u8 = undefined;
    const plain = block[0..masked.len];
    var counter: u32 = 0;
    while (counter * length < plain.len) : (counter += 1) {
        var seed: [length + 4]u8 = undefined;
        @memcpy(seed[0..length], hash);
        std.mem.writeInt(u32, seed[length..], counter, .big);
        var mask: [length]u8 = undefined;
        Hash.hash(&seed, &mask, .{});
        const start = counter * length;
        const end = @min(start + length, plain.len);
        for (plain[start..end], masked[start..end], 0..) |*to, from, n| to.* = from ^ mask[n];
    }
    plain[0] &= 0x7f;
    const salt = plain[plain.len - length ..];
    for (plain[0 .. plain.len - length - 1]) |byte| if (byte != 0) return false;
    if (plain[plain.len - length - 1] != 1) return false;
    var digest: [length]u8 = undefined;
    Hash.hash(message, &digest, .{});
    var hasher: Hash = .init(.{});
    hasher.update(&@as([8]u8, @splat(0)));
    hasher.update(&digest);
    hasher.update(salt);
    hasher.final(&digest);
    return std.mem.eql(u8, hash, &digest);
}
