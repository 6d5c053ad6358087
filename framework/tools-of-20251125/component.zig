//! Tools in our contract, out of a component that has them in `wasmcp:mcp-v20251125`, a contract of another tool.
//!
//! What has no counterpart there (progress, logs, questions to the client) its components cannot have; they get no
//! stream to the client. Contents that they give as a stream are read to the end.

const std = @import("std");
const bindings = @import("bindings");

const allocator = bindings.memory.allocator;
const theirs = bindings.wasmcp_mcp_v20251125;
const mcp = theirs.mcp;
const types = bindings.types;
const ours = bindings.tools;
const messages = bindings.messages;

const internal_error = -32603;

pub const exports = struct {
    pub const tools = struct {
        pub fn listTools(request: messages.Request, cursor: ?[]const u8) bindings.abi.Result(ours.Page, types.Error) {
            return switch (theirs.tools.listTools(context(request), .{ .cursor = cursor })) {
                .ok => |list| .{ .ok = .{ .items = all(types.Tool, list.tools, tool), .next = list.next_cursor } },
                .err => |problem| .{ .err = failure(problem) },
            };
        }

        pub fn callTool(request: messages.Request, name: []const u8) bindings.abi.Result(?ours.Outcome, types.Error) {
            const call = mcp.CallToolRequest{ .name = name, .arguments = request.arguments() };
            return switch (theirs.tools.callTool(context(request), call)) {
                .ok => |called| .{ .ok = outcome(called orelse return .{ .ok = null }) },
                .err => |problem| .{ .err = failure(problem) },
            };
        }
    };
};

fn context(request: messages.Request) theirs.tools.MessageContext {
    return .{
        .protocol_version = request.protocolVersion(),
        .session = if (request.session()) |id| .{ .session_id = id, .store_id = "" } else null,
        .frame = .{},
        .http_context = if (request.http()) |facts|
            .{ .method = facts.method, .path = facts.path, .headers = @ptrCast(facts.headers) }
        else
            null,
    };
}

fn all(comptime T: type, items: anytype, comptime convert: anytype) []const T {
    const converted = allocator.alloc(T, items.len) catch @trap();
    for (items, converted) |item, *place| place.* = convert(item);
    return converted;
}

fn tool(found: mcp.Tool) types.Tool {
    const options = found.options orelse mcp.ToolOptions{};
    return .{
        .name = found.name,
        .title = options.title,
        .description = options.description,
        .input_schema = found.input_schema,
        .output_schema = options.output_schema,
        .annotations = if (options.annotations) |hints| .{
            .title = hints.title,
            .read_only = hints.read_only_hint,
            .destructive = hints.destructive_hint,
            .idempotent = hints.idempotent_hint,
            .open_world = hints.open_world_hint,
        } else null,
        .icons = all(types.Icon, options.icons orelse &.{}, icon),
        .meta = options.meta,
    };
}

fn icon(found: mcp.Icon) types.Icon {
    return .{
        .src = found.src,
        .mime_type = found.mime_type,
        .sizes = found.sizes orelse &.{},
        .theme = if (found.theme) |theme| same(types.IconTheme, theme) else null,
    };
}

fn outcome(called: mcp.CallToolResult) ours.Outcome {
    return .{ .complete = .{
        .content = all(types.Content, called.content, content),
        .structured_content = called.structured_content,
        .is_error = called.is_error orelse false,
        .meta = called.meta,
    } };
}

fn content(block: mcp.ContentBlock) types.Content {
    return switch (block) {
        .text => |found| .{ .text = .{
            .text = text(found.text),
            .annotations = annotations(found.options),
            .meta = meta(found.options),
        } },
        .image => |found| .{ .image = media(found) },
        .audio => |found| .{ .audio = media(found) },
        .resource_link => |found| .{ .resource_link = link(found) },
        .embedded_resource => |found| .{ .embedded_resource = .{
            .contents = contents(found.resource),
            .annotations = annotations(found.options),
            .meta = meta(found.options),
        } },
    };
}

fn media(found: mcp.Blob) types.MediaContent {
    return .{
        .data = bytes(found.data),
        .mime_type = found.mime_type,
        .annotations = annotations(found.options),
        .meta = meta(found.options),
    };
}

fn link(found: mcp.ResourceLinkContent) types.ResourceLink {
    const options = found.options orelse mcp.ResourceLinkOptions{};
    return .{
        .uri = found.uri,
        .name = found.name,
        .title = options.title,
        .description = options.description,
        .mime_type = options.mime_type,
        .size = options.size,
        .icons = all(types.Icon, options.icons orelse &.{}, icon),
        .annotations = if (options.annotations) |hints| annotated(hints) else null,
        .meta = options.meta,
    };
}

fn contents(found: mcp.ResourceContents) types.ResourceContents {
    return switch (found) {
        inline else => |one, form| .{
            .uri = one.uri,
            .mime_type = if (one.options) |options| options.mime_type else null,
            .data = if (form == .text) .{ .text = text(one.text) } else .{ .blob = bytes(one.blob) },
            .meta = if (one.options) |options| options.meta else null,
        },
    };
}

fn annotations(options: ?mcp.ContentOptions) ?types.Annotations {
    return annotated((options orelse return null).annotations orelse return null);
}

fn annotated(hints: mcp.Annotations) types.Annotations {
    return .{
        .audience = all(types.Role, hints.audience orelse &.{}, role),
        .priority = hints.priority,
        .last_modified = hints.last_modified,
    };
}

fn role(found: mcp.Role) types.Role {
    return same(types.Role, found);
}

fn meta(options: ?mcp.ContentOptions) ?[]const u8 {
    return (options orelse return null).meta;
}

/// The case of the same name.
fn same(comptime T: type, value: anytype) T {
    return switch (value) {
        inline else => |case| @field(T, @tagName(case)),
    };
}

fn text(data: mcp.TextData) []const u8 {
    return switch (data) {
        .text => |found| found,
        .text_stream => |stream| drained(stream),
    };
}

fn bytes(data: mcp.BlobData) []const u8 {
    return switch (data) {
        .blob => |found| found,
        .blob_stream => |stream| drained(stream),
    };
}

/// What a stream holds up to its end, or to where it fails.
fn drained(stream: mcp.InputStream) []const u8 {
    defer stream.drop();
    var collected: std.ArrayList(u8) = .empty;
    while (true) switch (stream.blockingRead(64 * 1024)) {
        .ok => |piece| collected.appendSlice(allocator, piece) catch @trap(),
        .err => |problem| {
            if (problem == .last_operation_failed) problem.last_operation_failed.drop();
            return collected.items;
        },
    };
}

fn failure(problem: mcp.ErrorCode) types.Error {
    return switch (problem) {
        inline else => |found| .{
            .code = std.math.cast(i32, found.code) orelse internal_error,
            .message = found.message,
            .data = found.data,
        },
    };
}
