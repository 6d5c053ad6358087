//! Middleware around the prompts of one component.

const bindings = @import("bindings");
const lists = @import("lib").lists.Lists(bindings);

const messages = bindings.messages;
const prompts = bindings.prompts;
const Reply = messages.Reply;

pub const stored_lists = true;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) ?Reply {
            return switch (request.method()) {
                .prompts_list => lists.queried(
                    request,
                    "prompts",
                    prompts.listPrompts,
                    Reply.prompts,
                    Reply.promptsJson,
                ),
                .prompts_get => get(request) orelse bindings.server_handler.handle(request),
                .completion_complete => bindings.server_handler.handle(request) orelse nothing(request),
                else => bindings.server_handler.handle(request),
            };
        }
    };
};

/// Return an empty completion for a prompt of this component without completions, which is not an error; null for any
/// other prompt.
fn nothing(request: messages.Request) ?Reply {
    return if (lists.has(request, prompts.listPrompts, "name")) Reply.completion(.{}) else null;
}

/// Return null if the prompt is not one of this component's.
fn get(request: messages.Request) ?Reply {
    const name = request.target() orelse return null;
    return switch (prompts.getPrompt(request, name)) {
        .ok => |outcome| switch (outcome orelse return null) {
            .complete => |result| Reply.promptResult(result),
            .input_required => |wanted| Reply.inputRequired(wanted),
            .other => |json| Reply.raw(json),
        },
        .err => |value| Reply.failure(value),
    };
}
