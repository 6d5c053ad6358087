//! Values that come as plain text: arguments of prompts, variables of URI templates.
const std = @import("std");
const values = @import("values.zig");

/// The value that a text stands for; null when it is none of the type.
pub fn read(comptime T: type, text: []const u8) ?T {
    return switch (comptime values.kindOf(T)) {
        .string => text,
        .boolean => if (std.mem.eql(u8, text, "true")) true else if (std.mem.eql(u8, text, "false")) false else null,
        .integer => std.fmt.parseInt(T, text, 10) catch null,
        .number => finite(std.fmt.parseFloat(T, text) catch return null),
        .choice => std.meta.stringToEnum(T, text),
        .optional => if (read(@typeInfo(T).optional.child, text)) |value| @as(T, value) else null,
        else => @compileError("`" ++ @typeName(T) ++ "` cannot be read from a text; use []const u8, bool, integers, floats, enums or optionals of these"),
    };
}

fn finite(value: anytype) ?@TypeOf(value) {
    return if (std.math.isFinite(value)) value else null;
}

/// What is expected, in words.
pub fn expected(comptime T: type) []const u8 {
    return switch (comptime values.kindOf(T)) {
        .string => "string",
        .boolean => "`true` or `false`",
        .integer => std.fmt.comptimePrint("an integer from {d} to {d}", .{ std.math.minInt(T), std.math.maxInt(T) }),
        .number => "number",
        .choice => "one of " ++ values.joined(@typeInfo(T).@"enum".field_names),
        .optional => expected(@typeInfo(T).optional.child),
        else => unreachable,
    };
}
