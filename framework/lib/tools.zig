//! Middleware around the tools of one component, with or without the comparison of headers.

const header = @import("header.zig");
const bytes = @import("bytes.zig");

const header_mismatch = @import("protocol_table").code.header_mismatch;

/// Server handler of a component that declares `stored_lists`. `compares`: query the component's schemas at each call
/// and compare the headers; for recorded tools the catalogue does it.
pub fn Middleware(comptime bindings: type, comptime compares: bool) type {
    const lists = @import("lists.zig").Lists(bindings);
    const messages = bindings.messages;
    const tools = bindings.tools;
    const Reply = messages.Reply;

    return struct {
        pub fn handle(request: messages.Request) ?Reply {
            return switch (request.method()) {
                .tools_list => lists.queried(request, "tools", tools.listTools, Reply.tools, Reply.toolsJson),
                .tools_call => call(request) orelse bindings.server_handler.handle(request),
                else => bindings.server_handler.handle(request),
            };
        }

        /// Return null if the tool is not one of this component's.
        fn call(request: messages.Request) ?Reply {
            const name = request.target() orelse return null;
            if (compares) if (fault(request, name)) |refused| return refused;
            return switch (tools.callTool(request, name)) {
                .ok => |outcome| switch (outcome orelse return null) {
                    .complete => |result| Reply.toolResult(result),
                    .input_required => |wanted| Reply.inputRequired(wanted),
                    .other => |json| Reply.raw(json),
                    .text => |text| Reply.toolValue(text, false),
                    .value => |json| Reply.toolValue(json, true),
                    .structured => |json| Reply.toolResult(.{ .structured_content = json, .is_error = false }),
                },
                .err => |value| Reply.failure(value),
            };
        }

        /// Return the error of HTTP headers that do not match the call, or null if they match or the tool is not one of
        /// this component's. Specification: basic/transports/streamable-http, "Server Behavior for Custom Headers".
        fn fault(request: messages.Request, name: []const u8) ?Reply {
            const facts = request.http() orelse return null;
            // These headers were introduced in 2026-07-28.
            if (!bytes.equal(request.protocolVersion(), @import("protocol_table").latest)) return null;
            const schema = schemaOf(request, name) orelse return null;
            const arguments = request.arguments() orelse "{}";
            const wrong =
                header.checkParams(bindings.memory.allocator, schema, arguments, facts.headers.all()) catch @trap();
            return Reply.failure(.{ .code = header_mismatch, .message = wrong orelse return null });
        }

        /// Return the schema from the component's current list: a dynamic list can change.
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
