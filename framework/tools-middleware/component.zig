//! A link of the chain around the tools of one component.

const bindings = @import("bindings");
const lists = @import("lib").lists.Lists(bindings);

const messages = bindings.messages;
const tools = bindings.tools;
const Reply = messages.Reply;

pub const stored_lists = true;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) ?Reply {
            return switch (request.method()) {
                .tools_list => lists.asked(request, "tools", tools.listTools, Reply.tools, Reply.toolsJson),
                .tools_call => call(request) orelse bindings.server_handler.handle(request),
                else => bindings.server_handler.handle(request),
            };
        }
    };
};

/// None: not a tool of this component.
fn call(request: messages.Request) ?Reply {
    const name = request.target() orelse return null;
    return switch (tools.callTool(request, name)) {
        .ok => |outcome| switch (outcome orelse return null) {
            .complete => |result| Reply.toolResult(result),
            .input_required => |wanted| Reply.inputRequired(wanted),
            .other => |json| Reply.raw(json),
        },
        .err => |value| Reply.failure(value),
    };
}
