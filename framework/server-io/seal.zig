//! Sealing of values that the client sends back: request state and cursors. Clients are not trusted, so these values
//! are encrypted and authenticated (Ascon-AEAD128, NIST SP 800-232: one small primitive, which the hash is built from
//! too), and bound to the request that they were issued for.
//! Specification: basic/patterns/mrtr, "Server Requirements"; server/utilities/pagination.

const std = @import("std");
const lib = @import("lib");
const server = @import("server.zig");
const settings = @import("settings.zig");
const wit = @import("wit.zig");
const Call = @import("Call.zig");

const Aead = std.crypto.aead.ascon.AsconAead128;
const Hash = std.crypto.hash.ascon.AsconHash256;
const Key = settings.Key;
const Allocator = std.mem.Allocator;

/// The purpose of a sealed text, always for the server of the same name. `state`: for the same request of the same
/// principal, for a limited time. `cursor`: for the same method and principal. `session`: for the same principal, for a
/// limited time.
pub const Purpose = enum { state, cursor, session };

const overhead = Aead.nonce_length + Aead.tag_length;
const stamp_size = 8;

var own_key: ?Key = null;
var cursor_key: ?Key = null;

/// Seal a value for the client. Null: state needs a key that all instances share, and no key is configured.
pub fn close(purpose: Purpose, call: *const Call, value: []const u8) Allocator.Error!?[]const u8 {
    const key = (try keys(purpose, call) orelse return null)[0];
    return try encrypt(purpose, key, &try bound(purpose, call), value);
}

/// Seal the facts of a session into its id. Null: no key is configured.
pub fn closeSession(facts: []const u8, identity: ?wit.messages.Identity) Allocator.Error!?[]const u8 {
    if (settings.state_keys.len == 0) return null;
    return try encrypt(.session, settings.state_keys[0], &try boundSession(identity), facts);
}

/// Return the facts of a session. Null: this server did not issue the id to this principal, or it has expired.
pub fn openSession(id: []const u8, identity: ?wit.messages.Identity) Allocator.Error!?[]const u8 {
    return decrypt(settings.state_keys, &try boundSession(identity), id);
}

fn encrypt(purpose: Purpose, key: Key, about: []const u8, value: []const u8) Allocator.Error![]const u8 {
    const allocator = wit.memory.allocator;
    const plain = try std.mem.concat(allocator, u8, &.{ &stamp(purpose), value });
    const bytes = try allocator.alloc(u8, overhead + plain.len);
    const nonce = bytes[0..Aead.nonce_length];
    @memcpy(nonce, wit.random.getRandomBytes(Aead.nonce_length));
    const text = bytes[Aead.nonce_length..][0..plain.len];
    const tag = bytes[bytes.len - Aead.tag_length ..][0..Aead.tag_length];
    Aead.encrypt(text, tag, plain, about, nonce.*, key);
    return lib.base64.encode(try allocator.alloc(u8, lib.base64.size(bytes.len)), .url, bytes);
}

/// Open a sealed text. Null: this server did not issue it for such a request, or it has expired.
pub fn open(purpose: Purpose, call: *const Call, sealed: []const u8) Allocator.Error!?[]const u8 {
    return decrypt(try keys(purpose, call) orelse return null, &try bound(purpose, call), sealed);
}

fn decrypt(known: []const Key, about: []const u8, sealed: []const u8) Allocator.Error!?[]const u8 {
    const allocator = wit.memory.allocator;
    const bytes = try lib.base64.decode(allocator, .url, sealed) orelse return null;
    if (bytes.len < overhead + stamp_size) return null;
    const text = bytes[Aead.nonce_length .. bytes.len - Aead.tag_length];
    const tag = bytes[bytes.len - Aead.tag_length ..][0..Aead.tag_length];
    const plain = try allocator.alloc(u8, text.len);
    for (known) |key| {
        Aead.decrypt(plain, text, tag.*, about, bytes[0..Aead.nonce_length].*, key) catch continue;
        const expiry = std.mem.readInt(u64, plain[0..stamp_size], .little);
        return if (expiry < now()) null else plain[stamp_size..];
    }
    return null;
}

fn now() u64 {
    return wit.clocks.wall_clock.now().seconds;
}

fn stamp(purpose: Purpose) [stamp_size]u8 {
    var bytes: [stamp_size]u8 = undefined;
    const expiry = switch (purpose) {
        .state => now() +| settings.state_ttl,
        .session => now() +| settings.session_ttl,
        .cursor => std.math.maxInt(u64),
    };
    std.mem.writeInt(u64, &bytes, expiry, .little);
    return bytes;
}

/// Return the keys that can open a text; the first one seals.
fn keys(purpose: Purpose, call: *const Call) Allocator.Error!?[]const Key {
    if (settings.state_keys.len > 0) return settings.state_keys;
    switch (purpose) {
        .session => return null,
        // A process that serves one client over stdio is the whole server. An HTTP request can be answered by another
        // instance than the one before.
        .state => {
            if (call.circumstances) |c| if (c.http != null) return null;
            if (own_key == null) own_key = wit.random.getRandomBytes(@sizeOf(Key))[0..@sizeOf(Key)].*;
            return @as(*const [1]Key, &own_key.?);
        },
        // Cursors are not confidential; this key only authenticates their origin.
        .cursor => {
            if (cursor_key == null) cursor_key = settings.keyOf(server.info());
            return @as(*const [1]Key, &cursor_key.?);
        },
    }
}

/// Return a digest of the server and the principal that the id of a session is bound to.
fn boundSession(identity: ?wit.messages.Identity) Allocator.Error![Hash.digest_length]u8 {
    var parts: Parts = .{};
    for ([_][]const u8{ @tagName(.session), server.name() } ++ principal(identity)) |part| try parts.text(part);
    return parts.digest();
}

fn principal(identity: ?wit.messages.Identity) [3][]const u8 {
    const who = identity orelse return .{ "", "", "nobody" };
    return .{ who.issuer orelse "", who.subject, "somebody" };
}

/// Return a digest of the request that the text is bound to.
fn bound(purpose: Purpose, call: *const Call) Allocator.Error![Hash.digest_length]u8 {
    var parts: Parts = .{};
    const identity = if (call.circumstances) |c| c.identity else null;
    const place = [_][]const u8{ @tagName(purpose), server.name(), call.message.name };
    for (place ++ principal(identity)) |part| try parts.text(part);
    if (purpose == .state) {
        try parts.text(call.message.target orelse "");
        try parts.json(call.message.arguments orelse "{}");
    }
    return parts.digest();
}

/// Hash of a sequence of texts and JSON values, each delimited, so that different sequences have different digests.
const Parts = struct {
    bytes: lib.List(u8) = .empty,

    /// A member of an object. Values are slices of one text, so their addresses give their order.
    const Member = struct {
        name: []const u8,
        value: []const u8,

        fn before(_: void, a: Member, b: Member) bool {
            return switch (std.mem.order(u8, a.name, b.name)) {
                .lt => true,
                .gt => false,
                .eq => @intFromPtr(a.value.ptr) < @intFromPtr(b.value.ptr),
            };
        }
    };

    fn digest(self: *const Parts) [Hash.digest_length]u8 {
        var bytes: [Hash.digest_length]u8 = undefined;
        Hash.hash(self.bytes.items, &bytes, .{});
        return bytes;
    }

    fn raw(self: *Parts, bytes: []const u8) Allocator.Error!void {
        try self.bytes.appendSlice(wit.memory.allocator, bytes);
    }

    fn text(self: *Parts, part: []const u8) Allocator.Error!void {
        var size: [8]u8 = undefined;
        std.mem.writeInt(u64, &size, part.len, .little);
        try self.raw(&size);
        try self.raw(part);
    }

    /// Add valid JSON by its value: the order of members, white space and escapes make no difference, because a client
    /// can serialise its arguments again.
    fn json(self: *Parts, value: []const u8) Allocator.Error!void {
        const allocator = wit.memory.allocator;
        var scanner = lib.json.Scanner.init(value);
        switch (scanner.peek() catch unreachable) {
            .object => {
                var found: lib.List(Member) = .empty;
                var members = scanner.members() catch unreachable;
                while (members.next() catch unreachable) |name| {
                    const member: Member = .{
                        .name = try lib.json.decodeString(allocator, name),
                        .value = scanner.value() catch unreachable,
                    };
                    try found.append(allocator, member);
                }
                std.sort.heap(Member, found.items, {}, Member.before);
                try self.raw("{");
                for (found.items, 1..) |member, next| {
                    // Of two members with one name the last counts, as everywhere.
                    if (next < found.items.len and lib.bytes.equal(found.items[next].name, member.name)) continue;
                    try self.text(member.name);
                    try self.json(member.value);
                }
                try self.raw("}");
            },
            .array => {
                try self.raw("[");
                var items = scanner.items() catch unreachable;
                while (items.next() catch unreachable) try self.json(scanner.value() catch unreachable);
                try self.raw("]");
            },
            .string => {
                try self.raw("s");
                try self.text(try lib.json.decodeString(allocator, scanner.value() catch unreachable));
            },
            else => {
                try self.raw("v");
                try self.text(scanner.value() catch unreachable);
            },
        }
    }
};
