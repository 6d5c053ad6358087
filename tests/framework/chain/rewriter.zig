//! Middleware that hides a tool, renames another, issues its own cursor, and answers a method of its own.

const std = @import("std");
const bindings = @import("bindings");

const messages = bindings.messages;
const Reply = messages.Reply;
const allocator = bindings.memory.allocator;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) ?Reply {
            switch (request.method()) {
                .tools_list => if (request.cursor()) |cursor| {
                    if (std.mem.eql(u8, cursor, "mine")) return Reply.toolsJson(
                        "[{\"name\":\"paged\",\"inputSchema\":{\"type\":\"object\"}}]",
                        null,
                        null,
                    );
                } else return filtered(request),
                .tools_call => {
                    const target = request.target() orelse "";
                    if (std.mem.eql(u8, target, "renamed")) {
                        const derived = request.derive("echo", "{\"rewritten\":true}");
                        defer derived.drop();
                        return bindings.server_handler.handle(derived);
                    }
                    if (std.mem.eql(u8, target, "echo")) return null;
                },
                .other => if (std.mem.eql(u8, request.name(), "custom/method")) return Reply.raw("{\"custom\":true}"),
                else => {},
            }
            return bindings.server_handler.handle(request);
        }
    };
};

fn filtered(request: messages.Request) ?Reply {
    const reply = bindings.server_handler.handle(request) orelse return null;
    defer reply.drop();
    const all = reply.asTools() orelse return null;
    var kept: std.ArrayList(bindings.types.Tool) = .empty;
    for (all) |tool| {
        if (std.mem.eql(u8, tool.name, "later")) continue;
        var copy = tool;
        if (std.mem.eql(u8, tool.name, "echo")) copy.name = "renamed";
        kept.append(allocator, copy) catch @trap();
    }
    return Reply.tools(kept.items, "mine", .{ .ttl_ms = 5, .scope = .public });
}
