//! Conversion of strings to values: arguments of prompts, variables of URI templates.
const std = @import("std");
const values = @import("values.zig");

/// Convert a string; null if it is not a valid value of the type.
pub fn read(comptime T: type, text: []const u8) ?T {
    return switch (comptime values.kindOf(T)) {
        .string => text,
        .boolean => if (std.mem.eql(u8, text, "true")) true else if (std.mem.eql(u8, text, "false")) false else null,
        .integer => if (isNumber(text)) std.fmt.parseInt(T, text, 10) catch null else null,
        .number => if (isNumber(text)) finite(std.fmt.parseFloat(T, text) catch return null) else null,
        .choice => std.meta.stringToEnum(T, text),
        .optional => if (read(@typeInfo(T).optional.child, text)) |value| @as(T, value) else null,
        else => @compileError(
            "`" ++ @typeName(T) ++ "` cannot be read from a text; " ++
                "use []const u8, bool, integers, floats, enums or optionals of these",
        ),
    };
}

/// Name of an argument or variable, and the values of its type if it has few.
pub const Field = struct {
    name: []const u8,
    choices: []const []const u8,
};

/// Return the fields of a struct of arguments or variables.
pub fn fields(comptime T: type) []const Field {
    comptime {
        const info = @typeInfo(T).@"struct";
        var list: []const Field = &.{};
        for (info.field_names, info.field_types) |name, F|
            list = list ++ &[_]Field{.{ .name = name, .choices = choices(F) }};
        return list;
    }
}

fn choices(comptime T: type) []const []const u8 {
    return switch (values.kindOf(T)) {
        .boolean => &.{ "true", "false" },
        .choice => names: {
            var list: []const []const u8 = &.{};
            for (@typeInfo(T).@"enum".field_names) |name| list = list ++ &[_][]const u8{name};
            break :names list;
        },
        .optional => choices(@typeInfo(T).optional.child),
        else => &.{},
    };
}

/// Return whether a text is a JSON number: `std.fmt` also accepts `1_000`, `+1`, `0x1p3` and `nan`. RFC 8259, section
/// 6.
pub fn isNumber(text: []const u8) bool {
    var rest = if (text.len > 0 and text[0] == '-') text[1..] else text;
    const whole = digits(rest);
    if (whole == 0 or (whole > 1 and rest[0] == '0')) return false;
    rest = rest[whole..];
    if (rest.len > 0 and rest[0] == '.') {
        const fraction = digits(rest[1..]);
        if (fraction == 0) return false;
        rest = rest[1 + fraction ..];
    }
    if (rest.len > 0 and (rest[0] == 'e' or rest[0] == 'E')) {
        const sign: usize = @intFromBool(rest.len > 1 and (rest[1] == '-' or rest[1] == '+'));
        const exponent = digits(rest[1 + sign ..]);
        if (exponent == 0) return false;
        rest = rest[1 + sign + exponent ..];
    }
    return rest.len == 0;
}

fn digits(text: []const u8) usize {
    for (text, 0..) |c, i| if (!std.ascii.isDigit(c)) return i;
    return text.len;
}

fn finite(value: anytype) ?@TypeOf(value) {
    return if (std.math.isFinite(value)) value else null;
}
