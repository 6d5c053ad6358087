//! Entry point for runtimes without support for MCP: standard input and output, until the input ends.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const Peer = @import("Peer.zig");
const component = @import("component.zig");
const faults = @import("faults.zig");
const Session = @import("Session.zig");
const subscriptions = @import("subscriptions.zig");
const PendingInputs = @import("PendingInputs.zig");

const memory = bindings.memory;
const wire = bindings.wire;

const Loop = struct {
    session: Session = .{},
    pending_inputs: PendingInputs = .{ .gpa = memory.gpa },
    subscribers: subscriptions.Subscribers = .{ .gpa = memory.gpa },

    /// Answer a line, and the requests that it resumes. Returns false if standard output is closed.
    fn answer(self: *Loop, text: []const u8) error{OutOfMemory}!bool {
        const arena = memory.allocator;
        var turns: lib.List(PendingInputs.Turn) = .empty;
        try turns.append(arena, .{ .line = text });
        var at: usize = 0;
        while (at < turns.items.len) : (at += 1) {
            const turn = turns.items[at];
            var peer: Peer = .{};
            var server = component.protocolFor(&peer);
            server.delivery = .{ .lines = &self.subscribers };
            server.again = turn.resumed;
            const body = try server.line(turn.line, &self.session, .stdio);
            for (server.received.items) |received| switch (received) {
                .answer => |given| if (try self.pending_inputs.answer(arena, given.id, given.message)) |ready|
                    try turns.append(arena, ready),
                .notification => |message| if (!write(try self.pending_inputs.cancel(arena, message))) return false,
            };
            if (server.pending) |pending| {
                if (pending.ids.len == 0) {
                    try turns.append(
                        arena,
                        .{ .line = turn.line, .resumed = .{ .continuation = pending.continuation, .answers = "[]" } },
                    );
                } else if (!write(try self.pending_inputs.add(arena, turn.line, pending))) return false;
                continue;
            }
            if (body.len > 0 and !wire.writeLine(body)) return false;
            if (!write(server.following.items)) return false;
        }
        return true;
    }

    /// Copy the session's capabilities out of the memory of the line, which is freed with it.
    fn settle(self: *Loop, before: ?[]const u8) error{OutOfMemory}!void {
        const now = self.session.capabilities;
        if (before) |old| {
            if (now) |text| if (text.ptr == old.ptr) return;
            memory.gpa.free(old);
        }
        self.session.capabilities = if (now) |text| try memory.gpa.dupe(u8, text) else null;
    }
};

/// Write messages. Returns false if standard output is closed.
fn write(messages: []const []const u8) bool {
    for (messages) |message| if (!wire.writeLine(message)) return false;
    return true;
}

pub fn serve() void {
    var loop: Loop = .{};
    defer for (loop.subscribers.all.items) |subscriber| if (subscriber.end.len > 0) {
        _ = wire.writeLine(subscriber.end);
    };
    while (true) {
        var turn = memory.scope();
        defer turn.end();
        const line = wire.nextLine() orelse return;
        const before = loop.session.capabilities;
        const connected = switch (line) {
            .text => |text| loop.answer(text) catch component.outOfMemory(),
            .too_long => wire.writeLine(refusal(faults.tooLarge(memory.allocator) catch component.outOfMemory())),
            .not_utf8 => wire.writeLine(refusal(faults.not_utf8)),
        };
        loop.settle(before) catch component.outOfMemory();
        if (!connected) return;
    }
}

fn refusal(fault: faults.Fault) []const u8 {
    var peer: Peer = .{};
    return peer.refusal(fault);
}
