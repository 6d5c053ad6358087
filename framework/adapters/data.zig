//! Conversion of the other contract's lists and results to our types. Only lists are copied.
//!
//! Fields that an older contract does not have (icons) are looked up by name.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const mcp = @import("contract.zig").mcp;

const allocator = bindings.memory.allocator;
const types = bindings.types;

const internal_error = @import("protocol_table").code.internal_error;

pub fn all(comptime T: type, items: anytype, comptime convert: anytype) []const T {
    const converted = allocator.alloc(T, items.len) catch @trap();
    for (items, converted) |item, *place| place.* = convert(item);
    return converted;
}

pub fn tool(found: mcp.Tool) types.Tool {
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
        .icons = icons(options),
        .meta = options.meta,
    };
}

pub fn resource(found: mcp.McpResource) types.McpResource {
    return listed(types.McpResource, found, found.options orelse mcp.ResourceOptions{});
}

pub fn template(found: mcp.ResourceTemplate) types.ResourceTemplate {
    const options = found.options orelse mcp.ResourceTemplateOptions{};
    return .{
        .uri_template = found.uri_template,
        .name = found.name,
        .title = options.title,
        .description = options.description,
        .mime_type = options.mime_type,
        .icons = icons(options),
        .annotations = annotated(options.annotations),
        .meta = options.meta,
    };
}

pub fn prompt(found: mcp.Prompt) types.Prompt {
    const options = found.options orelse mcp.PromptOptions{};
    return .{
        .name = found.name,
        .title = options.title,
        .description = options.description,
        .arguments = all(types.PromptArgument, options.arguments orelse &.{}, argument),
        .icons = icons(options),
        .meta = options.meta,
    };
}

fn argument(found: mcp.PromptArgument) types.PromptArgument {
    return .{
        .name = found.name,
        .title = found.title,
        .description = found.description,
        .required = found.required orelse false,
    };
}

pub fn message(found: mcp.PromptMessage) types.PromptMessage {
    return .{ .role = role(found.role), .content = content(found.content) };
}

pub fn content(block: mcp.ContentBlock) types.Content {
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

pub fn contents(found: mcp.ResourceContents) types.ResourceContents {
    return switch (found) {
        inline else => |one, form| .{
            .uri = one.uri,
            .mime_type = if (one.options) |options| options.mime_type else null,
            .data = if (form == .text) .{ .text = text(one.text) } else .{ .blob = bytes(one.blob) },
            .meta = if (one.options) |options| options.meta else null,
        },
    };
}

pub fn failure(problem: mcp.ErrorCode) types.Error {
    return switch (problem) {
        inline else => |found| .{
            .code = std.math.cast(i32, found.code) orelse internal_error,
            .message = found.message,
            .data = found.data,
        },
    };
}

/// Return the case of the same name.
pub fn same(comptime T: type, value: anytype) T {
    return switch (value) {
        inline else => |case| @field(T, @tagName(case)),
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
    return listed(types.ResourceLink, found, found.options orelse mcp.ResourceLinkOptions{});
}

/// Convert a resource, or a link to one: both have the same fields.
fn listed(comptime T: type, found: anytype, options: anytype) T {
    return .{
        .uri = found.uri,
        .name = found.name,
        .title = options.title,
        .description = options.description,
        .mime_type = options.mime_type,
        .size = options.size,
        .icons = icons(options),
        .annotations = annotated(options.annotations),
        .meta = options.meta,
    };
}

fn icons(options: anytype) []const types.Icon {
    if (!@hasField(@TypeOf(options), "icons")) return &.{};
    return all(types.Icon, options.icons orelse &.{}, icon);
}

fn icon(found: anytype) types.Icon {
    return .{
        .src = found.src,
        .mime_type = found.mime_type,
        .sizes = found.sizes orelse &.{},
        .theme = if (found.theme) |theme| same(types.IconTheme, theme) else null,
    };
}

fn annotations(options: ?mcp.ContentOptions) ?types.Annotations {
    return annotated((options orelse return null).annotations);
}

fn annotated(given: ?mcp.Annotations) ?types.Annotations {
    const hints = given orelse return null;
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

/// Read a stream to its end, or until it fails.
fn drained(stream: mcp.InputStream) []const u8 {
    defer stream.drop();
    var collected: lib.List(u8) = .empty;
    while (true) switch (stream.blockingRead(64 * 1024)) {
        .ok => |piece| collected.appendSlice(allocator, piece) catch @trap(),
        .err => |problem| {
            if (problem == .last_operation_failed) problem.last_operation_failed.drop();
            return collected.items;
        },
    };
}
