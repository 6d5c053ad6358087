//! End of the chain. For the capabilities that the server declares: empty lists, and errors for unknown names. All
//! other methods are not found. An unhandled completion can still refer to a known prompt or template: upstream
//! middleware and the transport turn it into an empty completion.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const json = lib.json;

const allocator = bindings.memory.allocator;
const messages = bindings.messages;
const Reply = messages.Reply;

const invalid_params = @import("protocol_table").code.invalid_params;
/// Error code before 2026-07-28; server-io translates it for later revisions. Specification: server/resources, "Error
/// Handling".
const resource_not_found = @import("protocol_table").code.resource_not_found;

/// Cache hint of empty lists. They are the same for all clients; the shorter of two hints counts, so this one is long.
const cache: bindings.types.CacheHint = .{ .ttl_ms = 300_000, .scope = .public };

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) std.mem.Allocator.Error!?Reply {
            const method = request.method();
            const capability: Capability = switch (method) {
                .tools_list, .tools_call => .tools,
                .resources_list, .resources_templates_list, .resources_read => .resources,
                .prompts_list, .prompts_get => .prompts,
                else => return null,
            };
            if (!offered(capability)) return null;
            return switch (method) {
                .tools_list => last(request) orelse Reply.toolsJson("[]", null, cache),
                .resources_list => last(request) orelse Reply.resourcesJson("[]", null, cache),
                .resources_templates_list => last(request) orelse Reply.templatesJson("[]", null, cache),
                .prompts_list => last(request) orelse Reply.promptsJson("[]", null, cache),
                .tools_call => try unknown("Unknown tool: ", request),
                .prompts_get => try unknown("Unknown prompt: ", request),
                .resources_read => try notFound(request),
                else => null,
            };
        }
    };
};

const Capability = enum { tools, resources, prompts };

var known: ?std.EnumArray(Capability, bool) = null;

/// Return whether the server declares the capability. Capabilities are constants of the composition: they are read
/// once.
fn offered(capability: Capability) bool {
    const all = known orelse read: {
        const text = bindings.server_metadata.capabilities();
        var flags: std.EnumArray(Capability, bool) = .initFill(false);
        for (std.enums.values(Capability)) |each| flags.set(each, json.hasName(text, @tagName(each)));
        known = flags;
        break :read flags;
    };
    return all.get(capability);
}

/// Return the end of a list. A cursor that reaches this component was not issued by this server.
fn last(request: messages.Request) ?Reply {
    if (request.cursor() == null) return null;
    return Reply.failure(
        .{ .code = invalid_params, .message = "Invalid params: `params.cursor` is not a cursor of this server" },
    );
}

fn unknown(comptime words: []const u8, request: messages.Request) std.mem.Allocator.Error!Reply {
    const target = request.target() orelse return nameless();
    const message = try std.mem.concat(allocator, u8, &.{ words, target });
    return Reply.failure(.{ .code = invalid_params, .message = message });
}

fn notFound(request: messages.Request) std.mem.Allocator.Error!Reply {
    const uri = request.target() orelse return nameless();
    var w = lib.Writer.init(allocator);
    try w.open('{');
    try w.key("uri");
    try w.string(uri);
    try w.close('}');
    const message = try std.mem.concat(allocator, u8, &.{ "Resource not found: ", uri });
    return Reply.failure(.{ .code = resource_not_found, .message = message, .data = w.text() });
}

fn nameless() Reply {
    return Reply.failure(
        .{ .code = invalid_params, .message = "Invalid params: the request does not name its target" },
    );
}
