//! Authorization of HTTP requests, before their bodies are read: what the transport passes to `authorizer`, and its
//! responses.

const std = @import("std");
const lib = @import("lib");
const bindings = @import("bindings");
const http = @import("http.zig");
const Peer = @import("Peer.zig");

const authorizer = bindings.authorizer;
const memory = bindings.memory;
const names = @import("protocol_table").environment;

const Setting = struct { []const u8, []const u8 };

/// Effect of the settings. Null: they were not applied, or are invalid.
var state: ?authorizer.State = null;

/// Apply settings: those that the author baked in, then those of the operator. Returns the error message, or null.
pub fn configure(baked: []const Setting, settings: []const Setting) error{OutOfMemory}!?[]const u8 {
    const moded = has(baked, names.auth_mode) or has(settings, names.auth_mode);
    var list: std.ArrayList(Setting) = .empty;
    for ([_][]const Setting{ baked, settings }, 0..) |some, n| for (some) |setting| {
        if (!among(setting[0])) continue;
        // In an environment that is the components' too, `JWT_*` can mean anything unless authorization is configured.
        if (n == 0 and !moded and lib.bytes.startsWith(setting[0], "JWT_")) continue;
        try list.append(memory.allocator, setting);
    };
    const found = switch (authorizer.configure(list.items)) {
        .ok => |found| found,
        .err => |words| return try memory.gpa.dupe(u8, words),
    };
    if (found != .absent) {
        state = found;
        return null;
    }
    for (list.items) |setting| {
        if (lib.bytes.equal(setting[0], names.auth_mode) and
            std.ascii.eqlIgnoreCase(std.mem.trim(u8, setting[1], " \t"), "public")) continue;
        return try std.mem.concat(memory.gpa, u8, &.{
            setting[0],
            " is set, but this server was composed without authorization (`auth = \"none\"`)",
        });
    }
    state = .open;
    return null;
}

fn has(settings: []const Setting, name: []const u8) bool {
    for (settings) |setting| if (lib.bytes.equal(setting[0], name)) return true;
    return false;
}

fn among(name: []const u8) bool {
    for (names.authorization) |one| if (lib.bytes.equal(one, name)) return true;
    return false;
}

/// Decide on a request whose head was read. Null: it is allowed; `peer` has its principal. `resumed`: the request was
/// allowed before and is resumed.
pub fn check(
    peer: *Peer,
    head: http.Head,
    admission: http.Verdict,
    resumed: bool,
) error{OutOfMemory}!?http.Response {
    switch (state orelse return .{ .status = 500 }) {
        .open => return null,
        .absent, .enforced => {},
    }
    // A request from a page of another origin, or to another host, is refused before its credentials are looked at.
    if (admission == .refused and admission.refused.status == 403) return admission.refused;
    switch (authorizer.authorize(.{
        .method = head.method,
        .target = head.target,
        .headers = Peer.pairs(head.fields),
        .resumed = resumed,
    })) {
        .allowed => |identity| peer.identity = identity,
        .answered => |response| return try answered(response),
    }
    return null;
}

/// Return the principal of a request in the form of `Session.principal`.
pub fn principal(peer: *const Peer) error{OutOfMemory}!?[]const u8 {
    const identity = peer.identity orelse return null;
    const text = try std.mem.concat(memory.allocator, u8, &.{ identity.issuer orelse "", "\n", identity.subject });
    return lib.base64.encode(try memory.allocator.alloc(u8, lib.base64.size(text.len)), .url, text);
}

fn answered(response: authorizer.HttpResponse) error{OutOfMemory}!http.Response {
    const extra = try memory.allocator.alloc(http.Field, response.headers.len);
    for (response.headers, extra) |header, *field| field.* = .{ .name = header[0], .value = header[1] };
    return .{ .status = response.status, .body = response.body, .extra = extra };
}
