//! Sessions over HTTP, for clients of the revisions that had them. The host that embeds the server keeps what is known
//! of each, and hands it over in a field of the request that no client can send: `wasmcp-session: FRESH [STATE]`.
//! FRESH is an identifier nobody has yet, STATE what was kept under the client's. The same field of the response is what
//! to keep from now on, or `end`. Specification: 2025-11-25, basic/transports, "Session Management".

const std = @import("std");
const http = @import("http.zig");
const faults = @import("faults.zig");
const Session = @import("Session.zig");

/// The field between the host and the transport.
pub const field = "wasmcp-session";
/// What ends a session in it.
pub const end = "end";
/// The field between the transport and the client.
pub const id_field = "mcp-session-id";

/// What a request has to do with sessions.
pub const Given = union(enum) {
    /// There are none: the runtime keeps nothing.
    off,
    on: On,

    pub const On = struct {
        /// An identifier for a session that begins.
        fresh: []const u8,
        /// The client's.
        id: ?[]const u8 = null,
        /// What is known under the client's.
        state: ?[]const u8 = null,
    };

    /// Read the head of a request that came through the embedding host.
    pub fn of(head: http.Head) Given {
        var on: ?On = null;
        var id: ?[]const u8 = null;
        for (head.fields) |given| {
            if (std.ascii.eqlIgnoreCase(given.name, id_field)) id = given.value;
            if (!std.ascii.eqlIgnoreCase(given.name, field)) continue;
            const fresh, const state = std.mem.cutScalar(u8, given.value, ' ') orelse .{ given.value, null };
            on = .{ .fresh = fresh, .state = state };
        }
        var known = on orelse return .off;
        known.id = id;
        if (id == null) known.state = null;
        return .{ .on = known };
    }

    /// The session that a request which begins none belongs to, or why it is refused.
    pub fn session(on: On) union(enum) { session: Session, refused: Refusal } {
        if (on.id == null) return .{ .refused = missing };
        return .{ .session = .read(on.state orelse return .{ .refused = unknown }) };
    }
};

/// The fields that components may see. Reuses the memory; the order changes.
pub fn without(fields: []http.Field) []http.Field {
    var kept = fields;
    for (0..fields.len) |n| {
        const at = fields.len - 1 - n;
        if (!std.ascii.eqlIgnoreCase(kept[at].name, field)) continue;
        kept[at] = kept[kept.len - 1];
        kept = kept[0 .. kept.len - 1];
    }
    return kept;
}

pub const Refusal = struct { status: u16, fault: faults.Fault };

const missing: Refusal = .{ .status = 400, .fault = .{ .code = faults.code.invalid_request, .message = "Invalid request: Mcp-Session-Id is missing (a session begins with `initialize`)" } };
const unknown: Refusal = .{ .status = 404, .fault = .{ .code = faults.code.invalid_request, .message = "Invalid request: there is no such session (any more); begin one with `initialize`" } };

test "what is given" {
    const none: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{.{ .name = "Mcp-Session-Id", .value = "s" }} };
    try std.testing.expectEqual(Given.off, Given.of(none));
    const first: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{.{ .name = "wasmcp-session", .value = "fresh" }} };
    try std.testing.expectEqualStrings("fresh", Given.of(first).on.fresh);
    try std.testing.expectEqual(400, Given.session(Given.of(first).on).refused.status);
    const gone: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{ .{ .name = "wasmcp-session", .value = "fresh" }, .{ .name = "MCP-Session-Id", .value = "s" } } };
    try std.testing.expectEqual(404, Given.session(Given.of(gone).on).refused.status);
    const known: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{ .{ .name = "mcp-session-id", .value = "s" }, .{ .name = "wasmcp-session", .value = "fresh 2025-06-18 error" } } };
    const session = Given.session(Given.of(known).on).session;
    try std.testing.expectEqualStrings("2025-06-18", session.revision.?);
}
