//! Settings of the operator that concern `server-io`. See docs/reference/environment.md.

const std = @import("std");
const lib = @import("lib");
const envelope = @import("envelope.zig");
const wit = @import("wit.zig");

pub const Key = [16]u8;

/// Keys for sealed values: the first seals, all open.
pub var state_keys: []const Key = &.{};
/// Validity of request state, in seconds.
pub var state_ttl: u64 = 900;

/// Validity of sealed session ids, in seconds.
pub var session_ttl: u64 = 24 * 60 * 60;

const min_key = 32;
const max_ttl = 30 * 24 * 60 * 60;

pub const Setting = struct { []const u8, []const u8 };

/// Apply the known settings. Return the error in one of them, if any.
pub fn configure(settings: []const Setting) ?[]const u8 {
    for (settings) |pair| {
        const name, const value = pair;
        if (lib.bytes.equal(name, "WASMCP_STATE_KEYS")) {
            state_keys = readKeys(value) orelse return std.fmt.comptimePrint(
                "WASMCP_STATE_KEYS must be secrets of at least {d} characters, separated by commas",
                .{min_key},
            );
        } else if (lib.bytes.equal(name, "WASMCP_STATE_TTL")) {
            state_ttl = readTtl(value) orelse return ttlProblem("WASMCP_STATE_TTL");
        } else if (lib.bytes.equal(name, "WASMCP_SESSION_TTL")) {
            session_ttl = readTtl(value) orelse return ttlProblem("WASMCP_SESSION_TTL");
        } else if (lib.bytes.equal(name, "WASMCP_MAX_BODY")) {
            // The transport has validated it.
            envelope.max_body = @intCast(lib.decimal.parse(value, std.math.maxInt(usize)) orelse envelope.max_body);
        }
    }
    return null;
}

fn readTtl(text: []const u8) ?u64 {
    const seconds = lib.decimal.parse(text, max_ttl) orelse 0;
    return if (seconds < 1) null else seconds;
}

fn ttlProblem(comptime name: []const u8) []const u8 {
    return std.fmt.comptimePrint("{s} must be a number of seconds from 1 to {d}", .{ name, max_ttl });
}

fn readKeys(text: []const u8) ?[]const Key {
    var list: lib.List(Key) = .empty;
    var parts = lib.bytes.split(text, ',');
    while (parts.next()) |part| {
        const secret = std.mem.trim(u8, part, " \t");
        if (secret.len < min_key) return null;
        list.append(wit.memory.gpa, keyOf(secret)) catch @trap();
    }
    return list.items;
}

/// Derive the key from a secret.
pub fn keyOf(text: []const u8) Key {
    var digest: [32]u8 = undefined;
    std.crypto.hash.ascon.AsconHash256.hash(text, &digest, .{});
    return digest[0..@sizeOf(Key)].*;
}
