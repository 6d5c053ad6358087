//! A link of the chain around the tools of one component.

const bindings = @import("bindings");

const messages = bindings.messages;
const tools = bindings.tools;
const types = bindings.types;
const Reply = messages.Reply;

/// How many pages a component may spread its tools over. A component that never ends must not hold up the list.
const max_pages = 1000;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) ?Reply {
            return switch (request.method()) {
                .tools_list => list(request),
                .tools_call => call(request) orelse bindings.server_handler.handle(request),
                else => bindings.server_handler.handle(request),
            };
        }
    };
};

/// All tools of the component, then the rest of the chain's. The component's pages are read to their end: one cursor
/// can tell where one list goes on, not where each of many does. So a cursor is never ours, but the rest's.
fn list(request: messages.Request) ?Reply {
    if (request.cursor() != null) return bindings.server_handler.handle(request);
    const reply = page(request, null) catch |problem| return Reply.failure(refusal(problem));
    if (bindings.server_handler.handle(request)) |rest| reply.append(rest);
    return reply;
}

const Refused = error{ Component, Endless };

var refused: types.Error = undefined;

fn refusal(problem: Refused) types.Error {
    return switch (problem) {
        error.Component => refused,
        error.Endless => .{ .code = -32603, .message = "Internal error: a component's list of tools does not end" },
    };
}

fn page(request: messages.Request, from: ?types.Cursor) Refused!Reply {
    var cursor = from;
    var whole: ?Reply = null;
    errdefer if (whole) |reply| reply.drop();
    for (0..max_pages) |_| {
        const one = switch (tools.listTools(request, cursor)) {
            .ok => |value| value,
            .err => |value| {
                refused = value;
                return error.Component;
            },
        };
        const reply = Reply.tools(one.items, null, one.cache);
        if (whole) |first| first.append(reply) else whole = reply;
        cursor = one.next orelse return whole.?;
    }
    return error.Endless;
}

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
