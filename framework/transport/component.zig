//! The transport: MCP, and three thin doors to it. What is answered to whom is decided in `protocol.zig`.

const std = @import("std");
const bindings = @import("bindings");
const Peer = @import("Peer.zig");
const faults = @import("faults.zig");
const http = @import("http.zig");
const lifecycle = @import("lifecycle.zig");
const protocol = @import("protocol.zig");
const Session = @import("Session.zig");
const sessions = @import("sessions.zig");
const subscriptions = @import("subscriptions.zig");
const wasi_http_door = @import("wasi_http.zig");

const memory = bindings.memory;
const wire = bindings.wire;

/// What the server says of itself is put together once an instance.
var texts: lifecycle.Texts = .{ .allocator = memory.gpa };

/// Decisions about one message, carried out by `peer`.
pub fn deciding(peer: *Peer) protocol.Protocol(Peer) {
    return .{ .peer = peer, .arena = memory.allocator, .texts = &texts };
}

/// What every allocation of a call comes to when the memory may not grow: the runtime tells it from other traps.
pub fn outOfMemory() noreturn {
    @trap();
}

pub const exports = struct {
    pub const wasmcp_embedding = struct {
        pub const exchange = struct {
            const Response = bindings.wasmcp_embedding.exchange.Response;

            /// The door for HTTP requests that the embedding host received.
            pub fn http(token: u32, method: []const u8, target: []const u8, headers: []const u8, body: []const u8) Response {
                return postWhole(token, method, target, headers, body) catch outOfMemory();
            }

            /// The door for lines that the embedding host read.
            pub fn message(token: u32, line: []const u8, state: []const u8) struct { []const u8, []const u8 } {
                var peer: Peer = .{};
                var server = deciding(&peer);
                server.delivery = .{ .embedded = token };
                var session: Session = .read(state);
                const body = server.line(line, &session, .{ .messages = token }) catch outOfMemory();
                return .{ body, session.text(memory.allocator) catch outOfMemory() };
            }
        };
    };

    pub const wasi_cli = struct {
        pub const run = struct {
            /// The door for runtimes that know nothing of MCP: standard input and output, until the input ends.
            pub fn run() bindings.abi.Result(void, void) {
                var session: Session = .{};
                var listeners: subscriptions.Listeners = .{ .gpa = memory.gpa };
                defer for (listeners.all.items) |listener| if (listener.end.len > 0) {
                    _ = wire.writeLine(listener.end);
                };
                while (true) {
                    var turn = memory.scope();
                    defer turn.end();
                    const line = wire.nextLine() orelse return .ok;
                    var peer: Peer = .{};
                    var server = deciding(&peer);
                    server.delivery = .{ .lines = &listeners };
                    const body = switch (line) {
                        .text => |text| server.line(text, &session, .stdio) catch outOfMemory(),
                        .too_long => peer.refusal(faults.too_large),
                        .not_utf8 => peer.refusal(faults.not_utf8),
                    };
                    if (body.len > 0 and !wire.writeLine(body)) return .ok;
                    for (server.following.items) |text| if (!wire.writeLine(text)) return .ok;
                }
            }
        };
    };

    pub const wasi_http = struct {
        pub const incoming_handler = wasi_http_door;
    };
};

fn postWhole(token: u32, method: []const u8, target: []const u8, headers: []const u8, body: []const u8) error{OutOfMemory}!bindings.wasmcp_embedding.exchange.Response {
    var fields: std.ArrayList(http.Field) = .empty;
    try http.readFields(memory.allocator, &fields, headers);
    const given: sessions.Given = .of(.{ .method = method, .target = target, .fields = fields.items });
    const head: http.Head = .{ .method = method, .target = target, .fields = sessions.without(fields.items) };
    var peer: Peer = .{};
    var server = deciding(&peer);
    server.delivery = .{ .embedded = token };
    server.sessions = given;
    const response = switch (http.admit(head)) {
        .refused => |refused| refused,
        .bodiless => |mirror| try server.bodiless(head, mirror) orelse http.not_allowed,
        .admitted => |mirror| try server.post(head, mirror, body, if (mirror.streams) .{ .exchange = token } else .none),
    };
    var out: std.ArrayList(u8) = .empty;
    for (response.headers()) |maybe| if (maybe) |field| {
        try writeField(&out, field);
    };
    for (response.extra) |field| try writeField(&out, field);
    return .{ .status = response.status, .headers = out.items, .body = response.body };
}

fn writeField(out: *std.ArrayList(u8), field: http.Field) error{OutOfMemory}!void {
    for ([_][]const u8{ field.name, ": ", field.value, "\r\n" }) |part| try out.appendSlice(memory.allocator, part);
}
