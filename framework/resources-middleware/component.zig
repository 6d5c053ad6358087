//! Middleware around the resources of one component.

const bindings = @import("bindings");
const lists = @import("lib").lists.Lists(bindings);

const messages = bindings.messages;
const resources = bindings.resources;
const Reply = messages.Reply;

pub const stored_lists = true;

pub const exports = struct {
    pub const server_handler = struct {
        pub fn handle(request: messages.Request) ?Reply {
            return switch (request.method()) {
                .resources_list => lists.queried(
                    request,
                    "resources",
                    resources.listResources,
                    Reply.resources,
                    Reply.resourcesJson,
                ),
                .resources_templates_list => lists.queried(
                    request,
                    "resource templates",
                    resources.listTemplates,
                    Reply.templates,
                    Reply.templatesJson,
                ),
                .resources_read => read(request) orelse bindings.server_handler.handle(request),
                .completion_complete => bindings.server_handler.handle(request) orelse nothing(request),
                else => bindings.server_handler.handle(request),
            };
        }
    };
};

/// Return an empty completion for a template or resource of this component without completions, which is not an error;
/// null for any other.
fn nothing(request: messages.Request) ?Reply {
    const known = lists.has(request, resources.listTemplates, "uri_template") or
        lists.has(request, resources.listResources, "uri");
    return if (known) Reply.completion(.{}) else null;
}

/// Return null if the resource is not one of this component's.
fn read(request: messages.Request) ?Reply {
    const uri = request.target() orelse return null;
    return switch (resources.readResource(request, uri)) {
        .ok => |outcome| switch (outcome orelse return null) {
            .complete => |result| Reply.contents(result),
            .input_required => |wanted| Reply.inputRequired(wanted),
            .other => |json| Reply.raw(json),
        },
        .err => |value| Reply.failure(value),
    };
}
