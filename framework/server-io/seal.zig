//! Request state goes to the client and comes back; what comes back is the client's word. So it carries a proof
//! (HMAC-SHA256 over the method, the target and the state) under a key that clients do not know.
//! Specification: basic/patterns/mrtr, "Server Requirements".

const std = @import("std");
const envelope = @import("envelope.zig");
const wit = @import("wit.zig");
const Input = @import("Input.zig");

const Hmac = std.crypto.auth.hmac.sha2.HmacSha256;
const base64 = std.base64.url_safe_no_pad;

const key_size = Input.key_size;

var key: ?[key_size]u8 = null;

fn proof(message: envelope.Request, target: []const u8, state: []const u8) [Hmac.mac_length]u8 {
    const secret = theKey();
    var hmac = Hmac.init(&secret);
    for ([_][]const u8{ message.name, target }) |part| {
        hmac.update(std.mem.asBytes(&part.len));
        hmac.update(part);
    }
    hmac.update(state);
    var mac: [Hmac.mac_length]u8 = undefined;
    hmac.final(&mac);
    return mac;
}

/// The embedding host's key, so that any instance can read what another gave out; else one of our own.
fn theKey() [key_size]u8 {
    return key orelse {
        key = Input.standard.sharedKey() orelse wit.random.getRandomBytes(key_size)[0..key_size].*;
        return key.?;
    };
}

/// The text for `requestState`.
pub fn close(message: envelope.Request, state: []const u8) std.mem.Allocator.Error![]const u8 {
    const allocator = wit.memory.allocator;
    const mac = proof(message, message.target orelse "", state);
    const bytes = try std.mem.concat(allocator, u8, &.{ &mac, state });
    return base64.Encoder.encode(try allocator.alloc(u8, base64.Encoder.calcSize(bytes.len)), bytes);
}

/// The state in a `requestState`; null when it is not one that this instance gave out for such a request.
pub fn open(message: envelope.Request, sealed: []const u8) ?[]const u8 {
    const size = base64.Decoder.calcSizeForSlice(sealed) catch return null;
    if (size < Hmac.mac_length) return null;
    const bytes = wit.memory.allocator.alloc(u8, size) catch return null;
    base64.Decoder.decode(bytes, sealed) catch return null;
    const state = bytes[Hmac.mac_length..];
    const expected = proof(message, message.target orelse "", state);
    if (!std.crypto.timing_safe.eql([Hmac.mac_length]u8, bytes[0..Hmac.mac_length].*, expected)) return null;
    return state;
}
