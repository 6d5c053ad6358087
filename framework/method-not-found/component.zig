//! The end of the chain: lists that hold nothing, and names that nobody knows.

const std = @import("std");
const bindings = @import("bindings");

const messages = bindings.messages;
const Reply = messages.Reply;

const invalid_params = -32602;

/// An empty list is the same for everybody; of two hints the shorter counts, so this one must not be short.
const cache: bindings.types.CacheHint = .{ .ttl_ms = 300_000, .scope = .public };

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) std.mem.Allocator.Error!?Reply {
            return switch (request.method()) {
                .tools_list => last(request) orelse Reply.tools(&.{}, null, cache),
                .resources_list => last(request) orelse Reply.resources(&.{}, null, cache),
                .resources_templates_list => last(request) orelse Reply.templates(&.{}, null, cache),
                .prompts_list => last(request) orelse Reply.prompts(&.{}, null, cache),
                .tools_call => try unknown("Unknown tool: ", request),
                .prompts_get => try unknown("Unknown prompt: ", request),
                .resources_read => try unknown("Resource not found: ", request),
                else => null,
            };
        }
    };
};

/// A cursor that comes this far is one that nobody gave out.
fn last(request: messages.Request) ?Reply {
    if (request.cursor() == null) return null;
    return Reply.failure(.{ .code = invalid_params, .message = "Invalid params: `params.cursor` is not a cursor of this server" });
}

fn unknown(comptime words: []const u8, request: messages.Request) std.mem.Allocator.Error!Reply {
    const target = request.target() orelse
        return Reply.failure(.{ .code = invalid_params, .message = "Invalid params: the request does not name what it is for" });
    const message = try std.mem.concat(bindings.memory.allocator, u8, &.{ words, target });
    return Reply.failure(.{ .code = invalid_params, .message = message });
}
