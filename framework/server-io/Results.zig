//! MCP's data as JSON, in the form of one revision: members that a revision does not have are not sent to its clients.
//! Specification: schema of each revision, by the names of the types.

const std = @import("std");
const lib = @import("lib");
const content = @import("content.zig");
const types = @import("wit.zig").types;
const Revision = @import("revision.zig").Revision;

const Results = @This();
const Writer = lib.Writer;
const Error = Writer.EmbedError;

w: *Writer,
revision: Revision,
/// The last piece of a component's JSON that was validated: after `error.InvalidJson`, the invalid one.
looked_at: []const u8 = "",

pub fn since(self: *const Results, comptime first: Revision) bool {
    return self.revision.since(first);
}

// ------------------------------------------------------------------------------------------------------- members

pub fn text(self: *Results, comptime key: []const u8, value: ?[]const u8) Error!void {
    const plain = value orelse return;
    try self.w.key(key);
    try self.w.string(plain);
}

fn flag(self: *Results, comptime key: []const u8, value: ?bool) Error!void {
    const known = value orelse return;
    try self.w.key(key);
    try self.w.boolean(known);
}

/// Write a member that must be a JSON object.
pub fn object(self: *Results, comptime key: []const u8, value: ?[]const u8) Error!void {
    const json = value orelse return;
    self.looked_at = key;
    try self.w.key(key);
    if (try self.w.embed(json) != .object) return error.InvalidJson;
}

/// Write the members of an object, except those named in `known`, which the caller writes.
pub fn members(self: *Results, comptime key: []const u8, value: ?[]const u8, known: []const []const u8) Error!void {
    const json = value orelse return;
    self.looked_at = key;
    if (try Writer.check(json) != .object) return error.InvalidJson;
    var scanner = lib.json.Scanner.init(json);
    scanner.surrogates = .any;
    var each = scanner.members() catch return error.InvalidJson;
    while (each.next() catch return error.InvalidJson) |name| {
        const member = scanner.value() catch return error.InvalidJson;
        const taken = for (known) |k| {
            if (lib.json.equals(name, k)) break true;
        } else false;
        if (taken) continue;
        try self.w.embedValid(name);
        try self.w.raw(":");
        try self.w.embedValid(member);
    }
}

/// Write members that a later revision added to a type; omitted for earlier revisions.
fn extra(self: *Results, value: ?[]const u8, comptime known: []const []const u8) Error!void {
    if (self.revision == Revision.latest) try self.members("extra", value, known);
}

pub fn meta(self: *Results, value: ?[]const u8) Error!void {
    if (self.since(.@"2025-06-18")) try self.object("_meta", value);
}

pub fn titled(self: *Results, name: []const u8, title: ?[]const u8) Error!void {
    try self.text("name", name);
    if (self.since(.@"2025-06-18")) try self.text("title", title);
}

pub fn size(self: *Results, bytes: ?u64) Error!void {
    const known = bytes orelse return;
    try self.w.key("size");
    try self.w.integer(known);
}

pub fn icons(self: *Results, list: []const types.Icon) Error!void {
    if (list.len == 0 or !self.since(.@"2025-11-25")) return;
    try self.w.key("icons");
    try self.w.open('[');
    for (list) |icon| {
        try self.w.open('{');
        try self.text("src", icon.src);
        try self.text("mimeType", icon.mime_type);
        if (icon.sizes.len > 0) {
            try self.w.key("sizes");
            try self.w.open('[');
            for (icon.sizes) |one| try self.w.string(one);
            try self.w.close(']');
        }
        if (icon.theme) |theme| try self.text("theme", @tagName(theme));
        try self.w.close('}');
    }
    try self.w.close(']');
}

pub fn annotations(self: *Results, value: ?types.Annotations) Error!void {
    const a = value orelse return;
    try self.w.key("annotations");
    try self.w.open('{');
    if (a.audience.len > 0) {
        try self.w.key("audience");
        try self.w.open('[');
        for (a.audience) |role| try self.w.string(@tagName(role));
        try self.w.close(']');
    }
    // JSON has no non-finite numbers.
    if (a.priority) |priority| if (std.math.isFinite(priority)) {
        try self.w.key("priority");
        try self.w.float(priority);
    };
    if (self.since(.@"2025-06-18")) try self.text("lastModified", a.last_modified);
    try self.w.close('}');
}

// --------------------------------------------------------------------------------------------------------- items

pub fn tool(self: *Results, value: types.Tool) Error!void {
    try self.w.open('{');
    try self.titled(value.name, value.title);
    try self.text("description", value.description);
    try self.object("inputSchema", value.input_schema);
    if (value.output_schema) |schema| {
        self.looked_at = "outputSchema";
        if (try Writer.check(schema) != .object) return error.InvalidJson;
        if (self.outputSchemaFits(schema)) try self.object("outputSchema", schema);
    }
    if (value.annotations) |hints| if (self.since(.@"2025-03-26")) {
        try self.w.key("annotations");
        try self.w.open('{');
        try self.text("title", hints.title);
        try self.flag("readOnlyHint", hints.read_only);
        try self.flag("destructiveHint", hints.destructive);
        try self.flag("idempotentHint", hints.idempotent);
        try self.flag("openWorldHint", hints.open_world);
        try self.w.close('}');
    };
    try self.icons(value.icons);
    try self.meta(value.meta);
    try self.extra(
        value.extra,
        &.{ "name", "title", "description", "inputSchema", "outputSchema", "annotations", "icons", "_meta" },
    );
    try self.w.close('}');
}

/// Return true if the revision allows the schema. Before 2026-07-28 structured content, and so its schema, was an
/// object.
fn outputSchemaFits(self: *const Results, schema: []const u8) bool {
    if (self.revision == Revision.latest) return true;
    if (!self.since(.@"2025-06-18")) return false;
    const kind = lib.json.member(schema, "type") orelse return false;
    return kind[0] == '"' and lib.json.equals(kind, "object");
}

pub fn resource(self: *Results, value: types.McpResource) Error!void {
    try self.w.open('{');
    try self.text("uri", value.uri);
    try self.titled(value.name, value.title);
    try self.text("description", value.description);
    try self.text("mimeType", value.mime_type);
    try self.size(value.size);
    try self.icons(value.icons);
    try self.annotations(value.annotations);
    try self.meta(value.meta);
    try self.extra(
        value.extra,
        &.{ "uri", "name", "title", "description", "mimeType", "size", "icons", "annotations", "_meta" },
    );
    try self.w.close('}');
}

pub fn template(self: *Results, value: types.ResourceTemplate) Error!void {
    try self.w.open('{');
    try self.text("uriTemplate", value.uri_template);
    try self.titled(value.name, value.title);
    try self.text("description", value.description);
    try self.text("mimeType", value.mime_type);
    try self.icons(value.icons);
    try self.annotations(value.annotations);
    try self.meta(value.meta);
    try self.extra(
        value.extra,
        &.{ "uriTemplate", "name", "title", "description", "mimeType", "icons", "annotations", "_meta" },
    );
    try self.w.close('}');
}

pub fn prompt(self: *Results, value: types.Prompt) Error!void {
    try self.w.open('{');
    try self.titled(value.name, value.title);
    try self.text("description", value.description);
    if (value.arguments.len > 0) {
        try self.w.key("arguments");
        try self.w.open('[');
        for (value.arguments) |argument| {
            try self.w.open('{');
            try self.titled(argument.name, argument.title);
            try self.text("description", argument.description);
            if (argument.required) try self.flag("required", true);
            try self.w.close('}');
        }
        try self.w.close(']');
    }
    try self.icons(value.icons);
    try self.meta(value.meta);
    try self.extra(value.extra, &.{ "name", "title", "description", "arguments", "icons", "_meta" });
    try self.w.close('}');
}

pub fn resourceResult(self: *Results, value: types.ResourceResult) Error!void {
    try self.w.key("contents");
    try self.w.open('[');
    for (value.contents) |one| try self.contents(one);
    try self.w.close(']');
    try self.extra(value.extra, &.{ "contents", "ttlMs", "cacheScope", "resultType", "_meta" });
}

pub fn contents(self: *Results, value: types.ResourceContents) Error!void {
    try self.w.open('{');
    try self.text("uri", value.uri);
    try self.text("mimeType", value.mime_type);
    switch (value.data) {
        .text => |plain| try self.text("text", plain),
        .blob => |bytes| {
            try self.w.key("blob");
            try self.w.base64(bytes);
        },
    }
    try self.meta(value.meta);
    try self.w.close('}');
}

// ------------------------------------------------------------------------------------------------------- results

/// Write the members of a `CallToolResult`, without `_meta`.
pub fn toolResult(self: *Results, value: types.ToolResult) Error!void {
    try self.w.key("content");
    try self.w.open('[');
    for (value.content) |one| try content.write(self, one);
    if (value.structured_content) |json| if (value.content.len == 0) {
        // Specification: server/tools, "Structured Content": repeat it as text for clients that do not read structured
        // content.
        try content.plain(self, json);
    };
    try self.w.close(']');
    if (value.structured_content) |json| {
        self.looked_at = "structuredContent";
        const kind = try Writer.check(json);
        if (self.revision == Revision.latest or (kind == .object and self.since(.@"2025-06-18"))) {
            try self.w.key("structuredContent");
            try self.w.embedValid(json);
        }
    }
    if (value.is_error) try self.flag("isError", true);
    try self.extra(value.extra, &.{ "content", "structuredContent", "isError", "_meta", "resultType" });
}

/// Write the members of a `CallToolResult` for a value: a string, or, with `is_json`, another value as JSON.
pub fn toolValue(self: *Results, value: []const u8, is_json: bool) Error!void {
    self.looked_at = "value";
    if (is_json) _ = try Writer.check(value);
    // A large buffer that grows is copied.
    self.w.grow(2 * value.len + 256);
    try self.w.key("content");
    try self.w.open('[');
    const start = self.w.text().len + "{\"type\":\"text\",\"text\":".len;
    try content.plain(self, value);
    const end = self.w.text().len - "}".len;
    try self.w.close(']');
    if (!self.since(.@"2025-06-18")) return;
    try self.w.key("structuredContent");
    try self.w.open('{');
    try self.w.key("result");
    if (is_json) try self.w.embedValid(value) else try self.w.again(start, end);
    try self.w.close('}');
}

/// Write the members of a `GetPromptResult`, without `_meta`.
pub fn promptResult(self: *Results, value: types.PromptResult) Error!void {
    try self.text("description", value.description);
    try self.w.key("messages");
    try self.w.open('[');
    for (value.messages) |message| {
        try self.w.open('{');
        try self.text("role", @tagName(message.role));
        try self.w.key("content");
        try content.write(self, message.content);
        try self.w.close('}');
    }
    try self.w.close(']');
    try self.extra(value.extra, &.{ "description", "messages", "_meta", "resultType" });
}

/// Write the members of a `CompleteResult`.
pub fn completion(self: *Results, value: types.Completion) Error!void {
    try self.w.key("completion");
    try self.w.open('{');
    try self.w.key("values");
    try self.w.open('[');
    // Specification: server/utilities/completion: at most 100.
    for (value.values[0..@min(value.values.len, 100)]) |one| try self.w.string(one);
    try self.w.close(']');
    if (value.total) |total| {
        try self.w.key("total");
        try self.w.integer(total);
    }
    try self.flag("hasMore", if (value.values.len > 100) true else value.has_more);
    try self.w.close('}');
}
