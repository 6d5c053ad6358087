//! Authorization of HTTP requests, before their bodies are read: what the transport passes to `authorizer`, and its
//! responses. An embedding host and the transport communicate by header fields that clients can neither send nor see;
//! the interface `exchange` describes them.

const std = @import("std");
const lib = @import("lib");
const bindings = @import("bindings");
const http = @import("http.zig");
const Peer = @import("Peer.zig");

const authorizer = bindings.authorizer;
const memory = bindings.memory;
const names = @import("protocol_table").environment;

const Setting = struct { []const u8, []const u8 };

/// Fields between the host and the transport.
const needs_field = "wasmcp-needs";
const identify_field = "wasmcp-identify";
const identity_field = "wasmcp-identity";
const introspection_field = "wasmcp-introspection";

/// The settings in effect, of a server whose authorization is configured.
var effective: []const Setting = &.{};

/// Effect of the settings. Null: they were not applied, or are invalid.
var state: ?authorizer.State = null;

/// Apply settings: those that the author baked in, then those of the operator. Returns the error message, or null.
pub fn configure(baked: []const Setting, settings: []const Setting) error{OutOfMemory}!?[]const u8 {
    const moded = has(baked, names.auth_mode) or has(settings, names.auth_mode);
    var list: lib.List(Setting) = .empty;
    for ([_][]const Setting{ baked, settings }, 0..) |some, n| for (some) |setting| {
        if (!among(setting[0])) continue;
        // In an environment that components share, `JWT_*` can mean anything unless authorization is configured.
        if (n == 0 and !moded and lib.bytes.startsWith(setting[0], "JWT_")) continue;
        try list.append(memory.allocator, setting);
    };
    const found = switch (authorizer.configure(list.items)) {
        .ok => |found| found,
        .err => |words| return try memory.gpa.dupe(u8, words),
    };
    if (found != .absent) {
        state = found;
        const oauth = for (list.items) |setting| {
            if (lib.bytes.equal(setting[0], names.auth_mode)) break true;
        } else false;
        if (found == .enforced and oauth) effective = try keep(list.items);
        return null;
    }
    for (list.items) |setting| {
        if (lib.bytes.equal(setting[0], names.auth_mode) and
            std.ascii.eqlIgnoreCase(std.mem.trim(u8, setting[1], " \t"), "public")) continue;
        if (lib.bytes.equal(setting[0], names.host_fetches)) continue;
        return try std.mem.concat(memory.gpa, u8, &.{
            setting[0],
            " is set, but this server was composed without authorization (`auth = \"none\"`)",
        });
    }
    state = .open;
    return null;
}

/// Return the settings in effect; empty: authorization is not configured.
pub fn settingsInEffect() []const Setting {
    return effective;
}

fn keep(settings: []const Setting) error{OutOfMemory}![]const Setting {
    const copies = try memory.gpa.alloc(Setting, settings.len);
    for (settings, copies) |setting, *copy|
        copy.* = .{ try memory.gpa.dupe(u8, setting[0]), try memory.gpa.dupe(u8, setting[1]) };
    return copies;
}

fn has(settings: []const Setting, name: []const u8) bool {
    for (settings) |setting| if (lib.bytes.equal(setting[0], name)) return true;
    return false;
}

fn among(name: []const u8) bool {
    for (names.authorization) |one| if (lib.bytes.equal(one, name)) return true;
    return lib.bytes.equal(name, names.host_fetches);
}

/// Fields of a request that the embedding host added.
pub const Hosted = struct {
    /// The request was allowed before and is resumed.
    resumed: bool = false,
    /// Response of the introspection endpoint.
    introspection: ?[]const u8 = null,
    /// The response is to name the principal; `only`: and nothing else happens.
    identify: enum { no, with, only } = .no,

    /// Read the fields.
    pub fn of(fields: []const http.Field, resumed: bool) Hosted {
        var hosted: Hosted = .{ .resumed = resumed };
        for (fields) |given| {
            if (lib.bytes.equal(given.name, identify_field)) {
                hosted.identify = if (lib.bytes.equal(given.value, "only")) .only else .with;
            } else if (lib.bytes.equal(given.name, introspection_field)) {
                hosted.introspection = given.value;
            }
        }
        return hosted;
    }
};

/// Decide on a request whose head was read. Null: it is allowed; `peer` has its principal.
pub fn check(
    peer: *Peer,
    head: http.Head,
    admission: http.Verdict,
    hosted: Hosted,
) error{OutOfMemory}!?http.Response {
    switch (state orelse return .{ .status = 500 }) {
        .open => return if (hosted.identify == .only) .{ .status = 204 } else null,
        .absent, .enforced => {},
    }
    // A request from a page of another origin, or to another host, is refused before its credentials are checked.
    if (admission == .refused and admission.refused.status == 403) return admission.refused;
    switch (authorizer.authorize(facts(head, hosted))) {
        .allowed => |identity| peer.identity = identity,
        .answered => |response| return try answered(response),
    }
    if (hosted.identify != .no) if (try principal(peer)) |name| {
        peer.fields = try with(peer.fields, .{ .name = identity_field, .value = name });
    };
    return if (hosted.identify == .only) .{ .status = 204 } else null;
}

/// Return the response to a request that was allowed, and that the policy denies to its principal.
pub fn deny(head: http.Head, scopes: []const []const u8) error{OutOfMemory}!http.Response {
    return answered(authorizer.deny(facts(head, .{}), scopes));
}

fn facts(head: http.Head, hosted: Hosted) authorizer.HttpRequest {
    return .{
        .method = head.method,
        .target = head.target,
        .headers = Peer.pairs(head.fields),
        .resumed = hosted.resumed,
        .introspection = hosted.introspection,
    };
}

/// Return the principal of a request in the form of `Session.principal`.
pub fn principal(peer: *const Peer) error{OutOfMemory}!?[]const u8 {
    const identity = peer.identity orelse return null;
    const text = try std.mem.concat(memory.allocator, u8, &.{ identity.issuer orelse "", "\n", identity.subject });
    return lib.base64.encode(try memory.allocator.alloc(u8, lib.base64.size(text.len)), .url, text);
}

/// Return fields with one more.
fn with(fields: []const http.Field, field: http.Field) error{OutOfMemory}![]const http.Field {
    const all = try memory.allocator.alloc(http.Field, fields.len + 1);
    @memcpy(all[0..fields.len], fields);
    all[fields.len] = field;
    return all;
}

fn answered(response: authorizer.HttpResponse) error{OutOfMemory}!http.Response {
    const fields = try memory.allocator.alloc(http.Field, response.headers.len);
    for (response.headers, fields) |header, *field| field.* = .{ .name = header[0], .value = header[1] };
    const extra = if (response.needs) |text| try with(fields, .{ .name = needs_field, .value = text }) else fields;
    return .{ .status = response.status, .body = response.body, .extra = extra };
}
