//! Adapter from the tools, resources, prompts and completions of another tool's contracts to ours. Built once for each
//! of its contracts (`contract.zig`); capabilities that a component does not export are not wired.
//!
//! Such a component sends to its client through `server-io` of its contract (`services.zig`), which writes nothing
//! itself: the stream that it passes is standard error.

const bindings = @import("bindings");
const claims = @import("claims.zig");
const contract = @import("contract.zig");
const data = @import("data.zig");

const current = bindings.current;
const mcp = contract.mcp;
const messages = bindings.messages;
const theirs = contract.theirs;
const types = bindings.types;

const Result = bindings.abi.Result;

const method_not_found = @import("protocol_table").code.method_not_found;

pub const exports = struct {
    pub const tools = struct {
        const ours = bindings.tools;

        pub fn listTools(request: messages.Request, cursor: ?[]const u8) Result(ours.Page, types.Error) {
            var call: Call = .begin(request);
            defer call.end();
            return switch (theirs.tools.listTools(call.context, .{ .cursor = cursor })) {
                .ok => |list| .{
                    .ok = .{ .items = data.all(types.Tool, list.tools, data.tool), .next = list.next_cursor },
                },
                .err => |problem| none(ours.Page, problem),
            };
        }

        pub fn callTool(request: messages.Request, name: []const u8) Result(?ours.Outcome, types.Error) {
            var call: Call = .begin(request);
            defer call.end();
            const wanted = mcp.CallToolRequest{ .name = name, .arguments = request.arguments() };
            return switch (theirs.tools.callTool(call.context, wanted)) {
                .ok => |answer| .{ .ok = if (answer) |called| .{ .complete = .{
                    .content = data.all(types.Content, called.content, data.content),
                    .structured_content = called.structured_content,
                    .is_error = called.is_error orelse false,
                    .meta = called.meta,
                } } else null },
                .err => |problem| .{ .err = data.failure(problem) },
            };
        }
    };

    pub const resources = struct {
        const ours = bindings.resources;

        pub fn listResources(request: messages.Request, cursor: ?[]const u8) Result(ours.Page, types.Error) {
            var call: Call = .begin(request);
            defer call.end();
            return switch (theirs.resources.listResources(call.context, .{ .cursor = cursor })) {
                .ok => |list| .{ .ok = .{
                    .items = data.all(types.McpResource, list.resources, data.resource),
                    .next = list.next_cursor,
                } },
                .err => |problem| none(ours.Page, problem),
            };
        }

        pub fn listTemplates(request: messages.Request, cursor: ?[]const u8) Result(ours.TemplatePage, types.Error) {
            var call: Call = .begin(request);
            defer call.end();
            return switch (theirs.resources.listResourceTemplates(call.context, .{ .cursor = cursor })) {
                .ok => |list| .{ .ok = .{
                    .items = data.all(types.ResourceTemplate, list.resource_templates, data.template),
                    .next = list.next_cursor,
                } },
                .err => |problem| none(ours.TemplatePage, problem),
            };
        }

        pub fn readResource(request: messages.Request, uri: []const u8) Result(?ours.Outcome, types.Error) {
            var call: Call = .begin(request);
            defer call.end();
            return switch (theirs.resources.readResource(call.context, .{ .uri = uri })) {
                .ok => |answer| .{ .ok = if (answer) |read| .{ .complete = .{
                    .contents = data.all(types.ResourceContents, read.contents, data.contents),
                    .meta = read.meta,
                } } else null },
                .err => |problem| .{ .err = data.failure(problem) },
            };
        }
    };

    pub const prompts = struct {
        const ours = bindings.prompts;

        pub fn listPrompts(request: messages.Request, cursor: ?[]const u8) Result(ours.Page, types.Error) {
            var call: Call = .begin(request);
            defer call.end();
            return switch (theirs.prompts.listPrompts(call.context, .{ .cursor = cursor })) {
                .ok => |list| .{
                    .ok = .{ .items = data.all(types.Prompt, list.prompts, data.prompt), .next = list.next_cursor },
                },
                .err => |problem| none(ours.Page, problem),
            };
        }

        pub fn getPrompt(request: messages.Request, name: []const u8) Result(?ours.Outcome, types.Error) {
            var call: Call = .begin(request);
            defer call.end();
            const wanted = mcp.GetPromptRequest{ .name = name, .arguments = request.arguments() };
            return switch (theirs.prompts.getPrompt(call.context, wanted)) {
                .ok => |answer| .{ .ok = if (answer) |filled| .{ .complete = .{
                    .description = filled.description,
                    .messages = data.all(types.PromptMessage, filled.messages, data.message),
                    .meta = filled.meta,
                } } else null },
                .err => |problem| .{ .err = data.failure(problem) },
            };
        }
    };

    pub const completions = struct {
        const ours = bindings.completions;

        /// The other contract has no such list: return all references that could be completed.
        pub fn listReferences(request: messages.Request) Result([]const types.CompletionReference, types.Error) {
            var call: Call = .begin(request);
            defer call.end();
            return references.all(call.context);
        }

        pub fn complete(
            request: messages.Request,
            reference: types.CompletionReference,
            argument: types.CompletionArgument,
            context: anytype,
        ) Result(?ours.Outcome, types.Error) {
            var call: Call = .begin(request);
            defer call.end();
            const wanted = mcp.CompleteRequest{
                .argument = .{ .name = argument.name, .value = argument.value },
                .ref = switch (reference) {
                    .prompt => |name| .{ .prompt = .{ .name = name } },
                    .resource_template => |uri| .{ .resource_template = uri },
                },
                .context = if (context.len > 0) .{ .arguments = references.arguments(context) } else null,
            };
            return switch (theirs.completions.complete(call.context, wanted)) {
                .ok => |answer| .{ .ok = if (answer) |found| .{ .complete = .{
                    .values = found.values,
                    .total = found.total,
                    .has_more = found.has_more,
                } } else null },
                .err => |problem| .{ .err = data.failure(problem) },
            };
        }
    };
};

const references = @import("references.zig");

/// Convert a failed list; an unsupported method is an empty list.
fn none(comptime Page: type, problem: mcp.ErrorCode) Result(Page, types.Error) {
    const failure = data.failure(problem);
    return if (failure.code == method_not_found) .{ .ok = .{} } else .{ .err = failure };
}

/// A call of a component with the other contract.
const Call = struct {
    context: theirs.tools.MessageContext,
    stream: mcp_stream,
    known: bool,

    const mcp_stream = bindings.wasi_io.streams.OutputStream;

    fn begin(request: messages.Request) Call {
        const known = current.wanted();
        if (known) current.begin(request.derive(null, null));
        const stream = bindings.wasi_cli.stderr.getStderr();
        return .{ .known = known, .stream = stream, .context = .{
            .client_stream = .{ .resource = stream },
            .protocol_version = request.protocolVersion(),
            .session = if (request.session()) |id| .{ .session_id = id, .store_id = "" } else null,
            .identity = claims.identity(request),
            .frame = .{},
            .http_context = if (request.http()) |facts|
                .{ .method = facts.method, .path = facts.path, .headers = @ptrCast(facts.headers) }
            else
                null,
        } };
    }

    fn end(self: *Call) void {
        self.stream.drop();
        if (self.known) current.end();
    }
};
