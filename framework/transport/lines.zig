//! The door for runtimes that know nothing of MCP: standard input and output, until the input ends.

const std = @import("std");
const bindings = @import("bindings");
const Peer = @import("Peer.zig");
const component = @import("component.zig");
const faults = @import("faults.zig");
const protocol = @import("protocol.zig");
const Session = @import("Session.zig");
const subscriptions = @import("subscriptions.zig");
const Waiting = @import("Waiting.zig");
const lib = @import("lib");

const memory = bindings.memory;
const wire = bindings.wire;

const Loop = struct {
    session: Session = .{},
    waiting: Waiting = .{ .gpa = memory.gpa },
    listeners: subscriptions.Listeners = .{ .gpa = memory.gpa },

    /// Answer a line. False: nobody reads any more.
    fn answer(self: *Loop, text: []const u8, first: ?protocol.Resumed) error{OutOfMemory}!bool {
        var line = text;
        var resumed = first;
        while (true) {
            var peer: Peer = .{};
            var server = component.deciding(&peer);
            server.delivery = .{ .lines = &self.listeners };
            server.again = resumed;
            const body = try server.line(line, &self.session, .stdio);
            if (server.answered) |id| {
                const ready = try self.waiting.answer(memory.allocator, id, line) orelse return true;
                line = ready.line;
                resumed = ready.resumed;
                continue;
            }
            const pending = server.pending orelse {
                if (body.len > 0 and !wire.writeLine(body)) return false;
                for (server.following.items) |following| if (!wire.writeLine(following)) return false;
                return true;
            };
            if (pending.ids.len == 0) {
                resumed = .{ .continuation = pending.continuation, .answers = "[]" };
                continue;
            }
            const dropped = try self.waiting.add(memory.allocator, line, pending) orelse return true;
            return wire.writeLine(try tooMany(dropped));
        }
    }

    /// Take what the session holds of the line out of the memory that ends with it.
    fn settle(self: *Loop, before: ?[]const u8) error{OutOfMemory}!void {
        const now = self.session.capabilities;
        if (before) |old| {
            if (now) |text| if (text.ptr == old.ptr) return;
            memory.gpa.free(old);
        }
        self.session.capabilities = if (now) |text| try memory.gpa.dupe(u8, text) else null;
    }
};

fn tooMany(line: []const u8) error{OutOfMemory}![]const u8 {
    var w: lib.Writer = .init(memory.allocator);
    try w.raw("{\"jsonrpc\":\"2.0\",\"id\":");
    try w.raw(lib.json.member(line, "id") orelse "null");
    try w.raw(",\"error\":{\"code\":-32603,\"message\":\"Internal error: too many requests wait for answers\"}}");
    return w.text();
}

pub fn serve() void {
    var loop: Loop = .{};
    defer for (loop.listeners.all.items) |listener| if (listener.end.len > 0) {
        _ = wire.writeLine(listener.end);
    };
    while (true) {
        var turn = memory.scope();
        defer turn.end();
        const line = wire.nextLine() orelse return;
        const before = loop.session.capabilities;
        const heard = switch (line) {
            .text => |text| heard: {
                if (std.mem.find(u8, text, "notifications/cancelled") != null) loop.waiting.cancel(text);
                break :heard loop.answer(text, null) catch component.outOfMemory();
            },
            .too_long => wire.writeLine(refusal(faults.tooLarge(memory.allocator) catch component.outOfMemory())),
            .not_utf8 => wire.writeLine(refusal(faults.not_utf8)),
        };
        loop.settle(before) catch component.outOfMemory();
        if (!heard) return;
    }
}

fn refusal(fault: protocol.Fault) []const u8 {
    var peer: Peer = .{};
    return peer.refusal(fault);
}
