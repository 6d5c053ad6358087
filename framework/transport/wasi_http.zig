//! The door for HTTP runtimes: `wasi:http/incoming-handler`. The order in which handles are dropped is the host's: a
//! stream before its body, a body before its request.

const std = @import("std");
const bindings = @import("bindings");
const Peer = @import("Peer.zig");
const http = @import("http.zig");
const component = @import("component.zig");

const memory = bindings.memory;
const types = bindings.wasi_http.types;
const streams = bindings.wasi_io.streams;

/// The most that one `blocking-write-and-flush` takes, in bytes.
const write_limit = 4096;

pub fn handle(request: types.IncomingRequest, response_out: types.ResponseOutparam) void {
    var peer: Peer = .{ .outparam = response_out };
    const response = answer(&peer, request) catch component.outOfMemory();
    request.drop();
    if (peer.outparam) |outparam| send(outparam, response);
}

fn answer(peer: *Peer, request: types.IncomingRequest) error{OutOfMemory}!http.Response {
    const given = request.headers();
    const entries = given.entries();
    given.drop();
    const fields = memory.alloc(http.Field, entries.len);
    for (entries, fields) |entry, *field| field.* = .{ .name = entry[0], .value = entry[1] };
    const head: http.Head = .{
        .method = methodName(request.method()),
        .target = request.pathWithQuery() orelse "",
        .fields = fields,
    };
    const mirror = switch (http.admit(head)) {
        .refused => |refused| return refused,
        .admitted => |mirror| mirror,
    };
    const body = if (mirror.too_large) "" else try readBody(request) orelse return .{ .status = 400, .kind = .text, .body = "Bad request: the body did not arrive whole\n" };
    var server = component.deciding(peer);
    return server.post(head, mirror, body, if (mirror.streams) .response else .none);
}

fn methodName(method: types.Method) []const u8 {
    return switch (method) {
        .post => "POST",
        .other => |name| name,
        else => "",
    };
}

/// The body; one byte more than is allowed when it is larger, and null when it was cut off.
fn readBody(request: types.IncomingRequest) error{OutOfMemory}!?[]const u8 {
    const body = request.consume().get() catch return null;
    defer body.drop();
    const stream = body.stream().get() catch return null;
    defer stream.drop();
    var bytes: std.ArrayList(u8) = .empty;
    while (bytes.items.len <= http.body_limit) {
        const left = http.body_limit + 1 - bytes.items.len;
        const more = switch (stream.blockingRead(@min(left, 64 * 1024))) {
            .ok => |more| more,
            .err => |failure| switch (failure) {
                .closed => return bytes.items,
                .last_operation_failed => |cause| {
                    cause.drop();
                    return null;
                },
            },
        };
        if (more.len == left and bytes.items.len == 0) return more;
        try bytes.appendSlice(memory.allocator, more);
    }
    return bytes.items;
}

/// Send a whole response. A client that is gone is no error.
fn send(outparam: types.ResponseOutparam, response: http.Response) void {
    const headers = types.Fields.init();
    for (response.headers()) |maybe| if (maybe) |field| {
        discard(headers.append(field.name, field.value));
    };
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
