//! Authorization of HTTP requests, before their bodies are read: what the transport passes to `authorizer`, and its
//! responses. An embedding host passes keys of issuers in a request field that no client can send:
//! `wasmcp-keys: GENERATION [JWKS]`. The same field of a response requests them: `missing` for those of GENERATION,
//! `unknown` if the token names a key that these do not have.

const std = @import("std");
const lib = @import("lib");
const bindings = @import("bindings");
const http = @import("http.zig");
const Peer = @import("Peer.zig");

const authorizer = bindings.authorizer;
const memory = bindings.memory;
const names = @import("protocol_table").environment;

const Setting = struct { []const u8, []const u8 };

/// Field between the host and the transport.
pub const field = "wasmcp-keys";

/// Effect of the settings. Null: they were not applied yet, as under a runtime that calls no `configure`.
var state: ?authorizer.State = null;

/// Generation of the host's keys that `authorizer` has.
var generation: []const u8 = "";

/// Apply the settings in the environment, for runtimes that do not fetch keys. Returns the error message, or null.
pub fn configure(baked: []const Setting, settings: []const Setting) error{OutOfMemory}!?[]const u8 {
    return apply(baked, settings, false);
}

/// Apply the settings that an embedding host passed, after those of its environment. Returns the error message or null.
pub fn configureHosted(baked: []const Setting, settings: []const Setting) error{OutOfMemory}!?[]const u8 {
    return apply(baked, settings, false);
}

fn apply(baked: []const Setting, settings: []const Setting, hosted: bool) error{OutOfMemory}!?[]const u8 {
    const moded = has(baked, names.auth_mode) or has(settings, names.auth_mode);
    var list: std.ArrayList(Setting) = .empty;
    for ([_][]const Setting{ baked, settings }, 0..) |some, n| for (some) |setting| {
        if (!among(setting[0])) continue;
        // In an environment that is the components' too, `JWT_*` can mean anything unless authorization is configured.
        if (n == 0 and !moded and lib.bytes.startsWith(setting[0], "JWT_")) continue;
        try list.append(memory.allocator, setting);
    };
    const found = switch (authorizer.configure(list.items, hosted)) {
        .ok => |found| found,
        .err => |words| return try memory.gpa.dupe(u8, words),
    };
    state = found;
    if (found != .absent) return null;
    state = .open;
    for (list.items) |setting| {
        if (lib.bytes.equal(setting[0], names.auth_mode) and
            std.ascii.eqlIgnoreCase(std.mem.trim(u8, setting[1], " \t"), "public")) continue;
        return try std.mem.concat(memory.gpa, u8, &.{
            setting[0],
            " is set, but this server was composed without authorization (`auth = \"none\"`)",
        });
    }
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

/// Values that an embedding host adds to a request.
pub const Terms = struct {
    /// The value of `field`.
    keys: ?[]const u8 = null,
    /// The request was allowed before and is resumed.
    resumed: bool = false,

    pub fn of(fields: []const http.Field, resumed: bool) Terms {
        var terms: Terms = .{ .resumed = resumed };
        for (fields) |given| {
            if (std.ascii.eqlIgnoreCase(given.name, field)) terms.keys = given.value;
        }
        return terms;
    }
};

/// Decide on a request whose head was read. Null: it is allowed; `peer` has its principal.
pub fn check(peer: *Peer, head: http.Head, admission: http.Verdict, terms: Terms) error{OutOfMemory}!?http.Response {
    if (state == null) {
        if (try apply(&.{}, &.{}, false)) |_| return .{ .status = 500 };
    }
    if (state == .open) return null;
    // A request from a page of another origin, or to another host, is refused before its credentials are looked at.
    if (admission == .refused and admission.refused.status == 403) return admission.refused;
    if (terms.keys) |given| if (try receive(given)) |response| return response;
    return switch (authorizer.authorize(.{
        .method = head.method,
        .target = head.target,
        .headers = Peer.pairs(head.fields),
        .resumed = terms.resumed,
    })) {
        .allowed => |identity| allowed: {
            peer.identity = identity;
            break :allowed null;
        },
        .answered => |response| try answered(response, null),
        .unknown_key => |response| try answered(response, "unknown"),
    };
}

/// Return the principal of a request in the form of `Session.principal`.
pub fn principal(peer: *const Peer) error{OutOfMemory}!?[]const u8 {
    const identity = peer.identity orelse return null;
    const text = try std.mem.concat(memory.allocator, u8, &.{ identity.issuer orelse "", "\n", identity.subject });
    return lib.base64.encode(try memory.allocator.alloc(u8, lib.base64.size(text.len)), .url, text);
}

/// Take over the host's keys. Returns a response if the host has to send them.
fn receive(given: []const u8) error{OutOfMemory}!?http.Response {
    const wanted, const document = std.mem.cutScalar(u8, given, ' ') orelse .{ given, null };
    if (lib.bytes.equal(wanted, generation)) return null;
    const text = document orelse return .{
        .status = 503,
        .extra = try memory.allocator.dupe(http.Field, &.{.{ .name = field, .value = "missing" }}),
    };
    // Without a usable key the former ones stay; the host has checked the document.
    switch (authorizer.setKeys(text)) {
        .ok, .err => {},
    }
    memory.gpa.free(generation);
    generation = try memory.gpa.dupe(u8, wanted);
    return null;
}

fn answered(response: authorizer.HttpResponse, keys: ?[]const u8) error{OutOfMemory}!http.Response {
    var extra: std.ArrayList(http.Field) = .empty;
    for (response.headers) |header| try extra.append(memory.allocator, .{ .name = header[0], .value = header[1] });
    if (keys) |wanted| try extra.append(memory.allocator, .{ .name = field, .value = wanted });
    return .{ .status = response.status, .body = response.body, .extra = extra.items };
}
