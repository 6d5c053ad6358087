//! Sessions over HTTP, for clients of handshake revisions. The embedding host keeps the state of each session, and
//! passes it in a request field that no client can send: `wasmcp-session: FRESH [STATE]`. FRESH is an unused session
//! id, STATE the state kept under the client's session id. The same field of the response carries the state to keep, or
//! `end`.
//!
//! Without a host that keeps state, and with several processes, the id itself carries the state, sealed with a key that
//! all instances have: its facts are fixed by `initialize`, and the session ends when the id expires. A host that keeps
//! a list of ended sessions reports in the request field whether the id is on it: `FRESH open` or `FRESH ended`.
//!
//! A server that is composed with `session-states` keeps the state in the storage of the runtime, if that lasts. As
//! long as that is unknown, ids are sealed if there are keys.
//! Specification: 2025-11-25, basic/transports, "Session Management".

const std = @import("std");
const lib = @import("lib");
const http = @import("http.zig");
const faults = @import("faults.zig");
const Session = @import("Session.zig");

/// Field between the host and the transport.
pub const field = "wasmcp-session";
/// Value of the field that ends a session.
pub const end = "end";
/// Field between the transport and the client.
pub const id_field = "mcp-session-id";

/// Session of a request.
pub const Given = union(enum) {
    /// Sessions are off: the runtime keeps no state.
    off,
    on: On,
    /// The id that the client sent carries the state of its session.
    sealed: Sealed,
    /// The storage of the runtime has the state of the session, unless the id carries it.
    stored: Stored,

    pub const Sealed = struct {
        id: ?[]const u8 = null,
        /// Components can keep values for the session.
        keeps_values: bool = false,
        /// Result of the search for this id in the host's list of ended sessions. `unlisted`: the host has no list.
        listed: Listed = .unlisted,

        pub const Listed = enum { unlisted, open, ended };

        /// `embedded`: the request came through the embedding host, which sets `field`.
        pub fn of(head: http.Head, keeps_values: bool, embedded: bool) Given {
            var sealed: Sealed = .{ .id = valueOf(head, id_field), .keeps_values = keeps_values };
            if (embedded) if (valueOf(head, field)) |value| {
                if (lib.bytes.endsWith(value, " open")) sealed.listed = .open;
                if (lib.bytes.endsWith(value, " ended")) sealed.listed = .ended;
            };
            return .{ .sealed = sealed };
        }
    };

    pub const Stored = struct {
        id: ?[]const u8 = null,
        /// Ids can be sealed.
        seals: bool = false,
        /// Name and state of the session that the client named, once it is found.
        name: ?[]const u8 = null,
        state: []const u8 = "",

        pub fn of(head: http.Head, seals: bool) Given {
            return .{ .stored = .{ .id = valueOf(head, id_field), .seals = seals } };
        }

        /// Return the id if `session-states` issues such ids; sealed ids are longer.
        pub fn key(stored: Stored) ?[]const u8 {
            const id = stored.id orelse return null;
            return if (id.len == 32) id else null;
        }
    };

    fn valueOf(head: http.Head, name: []const u8) ?[]const u8 {
        for (head.fields) |given| if (std.ascii.eqlIgnoreCase(given.name, name)) return given.value;
        return null;
    }

    pub const On = struct {
        /// Id for a new session.
        fresh: []const u8,
        /// Session id that the client sent.
        id: ?[]const u8 = null,
        /// State of the session that the client named.
        state: ?[]const u8 = null,
    };

    /// Read the session fields of a request that came through the embedding host.
    pub fn of(head: http.Head) Given {
        var on: ?On = null;
        var id: ?[]const u8 = null;
        for (head.fields) |given| {
            if (std.ascii.eqlIgnoreCase(given.name, id_field)) id = given.value;
            if (!std.ascii.eqlIgnoreCase(given.name, field)) continue;
            const fresh, const state = lib.bytes.cut(given.value, ' ') orelse .{ given.value, null };
            on = .{ .fresh = fresh, .state = state };
        }
        var known = on orelse return .off;
        known.id = id;
        if (id == null) known.state = null;
        return .{ .on = known };
    }

    /// Return the session of a request other than `initialize`, or why the request is rejected.
    /// `principal`: the request's principal, as in `Session.principal`. A session of another one is unknown to it.
    pub fn session(on: On, principal: ?[]const u8) union(enum) { session: Session, refused: Refusal } {
        if (on.id == null) return .{ .refused = missing };
        const found: Session = .read(on.state orelse return .{ .refused = unknown });
        return if (found.belongsTo(principal)) .{ .session = found } else .{ .refused = unknown };
    }
};

/// Return the fields that components can see: without those of the embedding host. Reuses the memory, in another order.
pub fn without(fields: []http.Field) []http.Field {
    var kept = fields;
    for (0..fields.len) |n| {
        const at = fields.len - 1 - n;
        if (!std.ascii.startsWithIgnoreCase(kept[at].name, "wasmcp-")) continue;
        kept[at] = kept[kept.len - 1];
        kept = kept[0 .. kept.len - 1];
    }
    return kept;
}

pub const Refusal = struct { status: u16, fault: faults.Fault };

const missing: Refusal = .{ .status = 400, .fault = .{
    .code = faults.code.invalid_request,
    .message = "Invalid request: Mcp-Session-Id is missing; begin one with `initialize`",
} };
pub const unknown: Refusal = .{ .status = 404, .fault = .{
    .code = faults.code.invalid_request,
    .message = "Invalid request: there is no such session; begin one with `initialize`",
} };

test "sealed ids" {
    const head: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{
        .{ .name = "Mcp-Session-Id", .value = "s" },
    } };
    try std.testing.expectEqualStrings("s", Given.Sealed.of(head, false, true).sealed.id.?);
    const none: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{} };
    try std.testing.expectEqual(null, Given.Sealed.of(none, true, true).sealed.id);
    for ([_]struct { []const u8, Given.Sealed.Listed }{
        .{ "fresh", .unlisted }, .{ "fresh open", .open }, .{ "fresh ended", .ended }, .{ "fresh x", .unlisted },
    }) |row| {
        const listed: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{
            .{ .name = field, .value = row[0] },
        } };
        try std.testing.expectEqual(row[1], Given.Sealed.of(listed, false, true).sealed.listed);
        // A client of another runtime could send the field.
        try std.testing.expectEqual(.unlisted, Given.Sealed.of(listed, false, false).sealed.listed);
    }
}

test "session fields" {
    const none: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{
        .{ .name = "Mcp-Session-Id", .value = "s" },
    } };
    try std.testing.expectEqual(Given.off, Given.of(none));
    const first: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{
        .{ .name = "wasmcp-session", .value = "fresh" },
    } };
    try std.testing.expectEqualStrings("fresh", Given.of(first).on.fresh);
    try std.testing.expectEqual(400, Given.session(Given.of(first).on, null).refused.status);
    const gone: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{
        .{ .name = "wasmcp-session", .value = "fresh" },
        .{ .name = "MCP-Session-Id", .value = "s" },
    } };
    try std.testing.expectEqual(404, Given.session(Given.of(gone).on, null).refused.status);
    const known: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{
        .{ .name = "mcp-session-id", .value = "s" },
        .{ .name = "wasmcp-session", .value = "fresh 2025-06-18 error" },
    } };
    const session = Given.session(Given.of(known).on, null).session;
    try std.testing.expectEqualStrings("2025-06-18", session.revision.?);
    try std.testing.expectEqual(404, Given.session(Given.of(known).on, "ab").refused.status);
    const owned: Given.On = .{ .fresh = "fresh", .id = "s", .state = "2025-06-18 - @ab" };
    try std.testing.expectEqualStrings("ab", Given.session(owned, "ab").session.principal.?);
    for ([_]?[]const u8{ null, "cd", "a" }) |other|
        try std.testing.expectEqual(404, Given.session(owned, other).refused.status);
}
