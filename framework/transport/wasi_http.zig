//! Entry point for HTTP runtimes: `wasi:http/incoming-handler`. The host requires an order in which handles are
//! dropped: a stream before its body, a body before its request.

const std = @import("std");
const lib = @import("lib");
const bindings = @import("bindings");
const Peer = @import("Peer.zig");
const http = @import("http.zig");
const component = @import("component.zig");
const gate = @import("gate.zig");
const sessions = @import("sessions.zig");
const Settings = @import("Settings.zig");

const memory = bindings.memory;
const types = bindings.wasi_http.types;
const streams = bindings.wasi_io.streams;

/// Limit on the bytes of an oversized body that are read and discarded, and the size of one read.
const skip_limit = 64 * 1024 * 1024;
const skip_size = 64 * 1024;

/// Limit of one `blocking-write-and-flush`, in bytes.
const write_limit = 4096;

pub fn handle(request: types.IncomingRequest, response_out: types.ResponseOutparam) void {
    var peer: Peer = .{ .outparam = response_out };
    const response = if (component.environmentFault() == null)
        answer(&peer, request) catch component.outOfMemory()
    else
        http.Response{ .status = 500, .body = component.misconfigured() };
    request.drop();
    if (peer.outparam) |outparam| send(outparam, response);
}

fn answer(peer: *Peer, request: types.IncomingRequest) error{OutOfMemory}!http.Response {
    const given = request.headers();
    const entries = given.entries();
    given.drop();
    const fields = memory.alloc(http.Field, entries.len + 1);
    for (entries, fields[0..entries.len]) |entry, *field| field.* = .{ .name = entry[0], .value = entry[1] };
    // Runtimes remove `Host` from the fields: its value is the authority, as in HTTP/2 (RFC 9110, section 7.2).
    const authority = request.authority();
    if (authority) |host| fields[entries.len] = .{ .name = "host", .value = host };
    const head: http.Head = .{
        .method = methodName(request.method()),
        .target = request.pathWithQuery() orelse "",
        .fields = fields[0 .. entries.len + @intFromBool(authority != null)],
    };
    peer.fields = try http.crossOrigin(memory.allocator, head, &Settings.current);
    var response = try respond(peer, request, head);
    response.extra = try std.mem.concat(memory.allocator, http.Field, &.{ response.extra, peer.fields });
    return response;
}

fn respond(peer: *Peer, request: types.IncomingRequest, head: http.Head) error{OutOfMemory}!http.Response {
    const admission = http.admit(head, &Settings.current);
    if (try gate.check(peer, head, admission, .{})) |response| return response;
    var server = component.protocolFor(peer);
    const settings = &Settings.current;
    if (settings.permitsStoredSessions() and bindings.session_states.offered())
        server.sessions = sessions.Given.Stored.of(head, settings.has_keys)
    else if (settings.sealsSessions())
        server.sessions = sessions.Given.Sealed.of(head, settings.keeps_session_values, false);
    server.principal = try gate.principal(peer);
    const mirror = switch (admission) {
        .refused => |refused| return refused,
        .bodiless => |mirror| return try server.bodiless(head, mirror) orelse http.not_allowed,
        .admitted => |mirror| mirror,
    };
    const body = try readBody(request, !mirror.too_large) orelse
        return .{ .status = 400, .kind = .text, .body = "Bad request: the body is incomplete\n" };
    return server.post(head, mirror, body, if (mirror.streams) .response else .none);
}

fn methodName(method: types.Method) []const u8 {
    return switch (method) {
        .post => "POST",
        .get => "GET",
        .delete => "DELETE",
        .options => "OPTIONS",
        .other => |name| name,
        else => "",
    };
}

/// Read the body. If it is too large, the result is longer than the limit. Null: the body was cut off. The rest of an
/// oversized body is read too, up to a limit: most clients read the response only after they have sent the whole body.
fn readBody(request: types.IncomingRequest, keep: bool) error{OutOfMemory}!?[]const u8 {
    const body = request.consume().get() catch return null;
    defer body.drop();
    const stream = body.stream().get() catch return null;
    defer stream.drop();
    var bytes: lib.List(u8) = .empty;
    var skipped: usize = 0;
    while (skipped < skip_limit) {
        const skipping = !keep or bytes.items.len > Settings.current.max_body;
        if (skipping) {
            var piece = memory.scope();
            defer piece.end();
            skipped += switch (read(stream, skip_size)) {
                .some => |more| more.len,
                .end, .broken => break,
            };
        } else switch (read(stream, Settings.current.max_body + 1 - bytes.items.len)) {
            .some => |more| {
                // Most bodies arrive in one piece, which need not be copied.
                if (bytes.items.len == 0)
                    bytes = .{ .items = @constCast(more), .capacity = more.len }
                else
                    try bytes.appendSlice(memory.allocator, more);
            },
            .end => break,
            .broken => return null,
        }
    }
    return bytes.items;
}

const Piece = union(enum) { some: []const u8, end, broken };

fn read(stream: streams.InputStream, most: usize) Piece {
    return switch (stream.blockingRead(most)) {
        .ok => |bytes| .{ .some = bytes },
        .err => |failure| switch (failure) {
            .closed => .end,
            .last_operation_failed => |cause| broken: {
                cause.drop();
                break :broken .broken;
            },
        },
    };
}

/// Send a complete response. A disconnected client is not an error.
fn send(outparam: types.ResponseOutparam, response: http.Response) void {
    const headers = types.Fields.init();
    for (response.headers(memory.allocator) catch component.outOfMemory()) |field|
        discard(headers.append(field.name, field.value));
    var digits: [20]u8 = undefined;
    discard(headers.append("content-length", lib.decimal.integer(&digits, response.body.len)));
    const outgoing = types.OutgoingResponse.init(headers);
    discard(outgoing.setStatusCode(response.status));
    const body = outgoing.body().get() catch unreachable;
    types.ResponseOutparam.set(outparam, .{ .ok = outgoing });
    if (response.body.len > 0) write: {
        const stream = body.write().get() catch break :write;
        defer stream.drop();
        var rest = response.body;
        while (rest.len > 0) {
            const size = @min(rest.len, write_limit);
            switch (stream.blockingWriteAndFlush(rest[0..size])) {
                .ok => rest = rest[size..],
                .err => |failure| {
                    if (failure == .last_operation_failed) failure.last_operation_failed.drop();
                    break;
                },
            }
        }
    }
    switch (types.OutgoingBody.finish(body, null)) {
        .ok, .err => {},
    }
}

fn discard(result: anytype) void {
    switch (result) {
        .ok, .err => {},
    }
}
