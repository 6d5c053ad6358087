//! The link of the chain around the tools of one component, with or without the comparison of headers.

const header = @import("header.zig");
const bytes = @import("bytes.zig");

const header_mismatch = -32020;

/// The component has `stored_lists`. `compares`: the component is asked for its schemas at each call; of tools that were
/// recorded the catalogue knows them, and compares.
pub fn Link(comptime bindings: type, comptime compares: bool) type {
    const lists = @import("lists.zig").Lists(bindings);
    const messages = bindings.messages;
    const tools = bindings.tools;
    const Reply = messages.Reply;

    return struct {
        pub fn handle(request: messages.Request) ?Reply {
            return switch (request.method()) {
                .tools_list => lists.asked(request, "tools", tools.listTools, Reply.tools, Reply.toolsJson),
                .tools_call => call(request) orelse bindings.server_handler.handle(request),
                else => bindings.server_handler.handle(request),
            };
        }

        /// None: not a tool of this component.
        fn call(request: messages.Request) ?Reply {
            const name = request.target() orelse return null;
            if (compares) if (fault(request, name)) |refused| return refused;
            return switch (tools.callTool(request, name)) {
                .ok => |outcome| switch (outcome orelse return null) {
                    .complete => |result| Reply.toolResult(result),
                    .input_required => |wanted| Reply.inputRequired(wanted),
                    .other => |json| Reply.raw(json),
                },
                .err => |value| Reply.failure(value),
            };
        }

        /// What HTTP headers repeat of a call must be what the call says. None: nothing is wrong, or the tool is not of
        /// this component. Specification: basic/transports/streamable-http, "Server Behavior for Custom Headers".
        fn fault(request: messages.Request, name: []const u8) ?Reply {
            const facts = request.http() orelse return null;
            // They came with 2026-07-28.
            if (!bytes.equal(request.protocolVersion(), "2026-07-28")) return null;
            const schema = schemaOf(request, name) orelse return null;
            const arguments = request.arguments() orelse "{}";
            const wrong = header.checkParams(bindings.memory.allocator, schema, arguments, facts.headers.all()) catch @trap();
            return Reply.failure(.{ .code = header_mismatch, .message = wrong orelse return null });
        }

        /// As the component lists it now: it may have changed.
        fn schemaOf(request: messages.Request, name: []const u8) ?[]const u8 {
            var cursor: ?[]const u8 = null;
            while (true) {
                const page = switch (tools.listTools(request, cursor)) {
                    .ok => |page| page,
                    .err => return null,
                };
                for (0..page.items.len) |i| {
                    const tool = page.items.get(i);
                    if (bytes.equal(tool.name, name)) return tool.input_schema;
                }
                cursor = page.next orelse return null;
            }
        }
    };
}
