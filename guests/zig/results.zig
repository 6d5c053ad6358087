//! Conversion of a tool's return value to a result: structured content, and the same value as text for models.
const std = @import("std");
const bindings = @import("bindings");
const json_scan = @import("json_scan");
const schema = @import("schema.zig");
const values = @import("values.zig");

const memory = bindings.memory;
const Content = bindings.types.Content;
const ToolResult = bindings.types.ToolResult;
const Outcome = bindings.tools.Outcome;
const Text = std.ArrayList(u8);

/// Create a tool error: a result that the model reads, so that it can retry.
pub fn failure(comptime before: []const u8, message: []const u8) Outcome {
    const words = std.mem.concat(memory.allocator, u8, &.{ before, message }) catch before;
    var result = withText(words);
    result.is_error = true;
    return .{ .complete = result };
}

/// Return the output schema of a return type; null without structured content.
pub fn schemaOf(comptime R: type) ?[]const u8 {
    if (R == void or R == ToolResult or R == Outcome or R == Content or R == []const Content) return null;
    if (values.kindOf(R) == .object) return schema.of(R, &.{});
    // Structured content is an object: other values are wrapped.
    return "{\"type\":\"object\",\"properties\":{\"result\":" ++ schema.of(R, &.{}) ++
        "},\"required\":[\"result\"],\"additionalProperties\":false}";
}

/// Convert a return value.
pub fn outcome(comptime R: type, value: R) Outcome {
    if (R == Outcome) return value;
    if (R == ToolResult) return .{ .complete = value };
    if (R == void) return .{ .complete = .{ .is_error = false } };
    if (R == []const Content) return .{ .complete = .{ .content = value, .is_error = false } };
    if (R == Content)
        return .{ .complete = .{ .content = memory.allocator.dupe(Content, &.{value}) catch &.{}, .is_error = false } };
    if (comptime values.kindOf(R) == .string) return .{ .text = valid(value) };
    const text = json(R, value) catch |reason| return failure("the tool's result can't be sent: ", switch (reason) {
        error.NotFinite => "a number in it is infinite or not a number",
        error.OutOfMemory => "out of memory",
    });
    return if (comptime values.kindOf(R) == .object) .{ .structured = text } else .{ .value = text };
}

fn withText(text: []const u8) ToolResult {
    const content = memory.allocator.create(bindings.types.Content) catch return .{ .is_error = true };
    content.* = .{ .text = .{ .text = valid(text) } };
    return .{ .content = @as(*[1]bindings.types.Content, content), .is_error = false };
}

/// Return the text with U+FFFD for invalid UTF-8, which the component model does not allow.
pub fn valid(text: []const u8) []const u8 {
    if (std.unicode.utf8ValidateSlice(text)) return text;
    var result: Text = .empty;
    var rest = text;
    while (rest.len > 0) {
        const length = std.unicode.utf8ByteSequenceLength(rest[0]) catch 1;
        const part = rest[0..@min(length, rest.len)];
        const good = std.unicode.utf8ValidateSlice(part);
        result.appendSlice(memory.allocator, if (good) part else "\u{FFFD}") catch return "";
        rest = rest[if (good) part.len else 1..];
    }
    return result.items;
}

const Error = error{ NotFinite, OutOfMemory };

/// Serialize a value as JSON.
pub fn json(comptime T: type, value: T) Error![]const u8 {
    var out: Text = .empty;
    try write(T, value, &out);
    return out.items;
}

fn write(comptime T: type, value: T, out: *Text) Error!void {
    const allocator = memory.allocator;
    switch (comptime values.kindOf(T)) {
        .boolean => try out.appendSlice(allocator, if (value) "true" else "false"),
        .integer => try out.print(allocator, "{d}", .{value}),
        .number => try writeNumber(value, out),
        .string => try writeString(value, out),
        .choice => try writeString(@tagName(value), out),
        .json => try out.appendSlice(allocator, value.text),
        .optional => if (value) |inner|
            try write(@typeInfo(T).optional.child, inner, out)
        else
            try out.appendSlice(allocator, "null"),
        .array => try writeList(@typeInfo(T).pointer.child, value, out),
        .fixed_array => try writeList(@typeInfo(T).array.child, &value, out),
        .object => {
            const info = @typeInfo(T).@"struct";
            try out.append(allocator, '{');
            inline for (info.field_names, info.field_types, 0..) |name, F, i| {
                try out.appendSlice(allocator, comptime (if (i > 0) "," else "") ++ values.quoted(name) ++ ":");
                try write(F, @field(value, name), out);
            }
            try out.append(allocator, '}');
        },
    }
}

fn writeList(comptime E: type, list: []const E, out: *Text) Error!void {
    try out.append(memory.allocator, '[');
    for (list, 0..) |item, i| {
        if (i > 0) try out.append(memory.allocator, ',');
        try write(E, item, out);
    }
    try out.append(memory.allocator, ']');
}

fn writeNumber(given: anytype, out: *Text) Error!void {
    if (!std.math.isFinite(given)) return error.NotFinite;
    const size = @abs(given);
    // Whole numbers without exponent and with all digits: some parsers convert them to integers.
    if (@trunc(given) == given and size < 1 << 63)
        return out.print(memory.allocator, "{d}", .{@as(i64, @intFromFloat(given))});
    var buffer: [64]u8 = undefined;
    const mode: std.fmt.float.Mode = if (size >= 1e-6 and size < 1 << 53) .decimal else .scientific;
    try out.appendSlice(memory.allocator, std.fmt.float.render(&buffer, given, .{ .mode = mode }) catch unreachable);
}

fn writeString(given: []const u8, out: *Text) Error!void {
    const allocator = memory.allocator;
    const text = valid(given);
    try out.ensureUnusedCapacity(allocator, text.len + 2);
    out.appendAssumeCapacity('"');
    var rest = text;
    while (true) {
        const length = json_scan.plainPrefix(rest);
        try out.appendSlice(allocator, rest[0..length]);
        if (length == rest.len) break;
        const c = rest[length];
        try out.appendSlice(allocator, switch (c) {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            else => &.{ '\\', 'u', '0', '0', '0' + (c >> 4), "0123456789abcdef"[c & 15] },
        });
        rest = rest[length + 1 ..];
    }
    try out.append(allocator, '"');
}
