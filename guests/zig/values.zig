//! Mapping of Zig types to kinds of JSON values, used by `schema.zig`, `arguments.zig` and `results.zig`.
const std = @import("std");

/// Any JSON value, as text.
pub const Json = struct {
    text: []const u8,
};

pub const Kind = enum { boolean, integer, number, string, choice, optional, array, fixed_array, object, json };

/// Return the kind of a type; compile error for unsupported types.
pub fn kindOf(comptime T: type) Kind {
    if (T == Json) return .json;
    if (T == []const u8) return .string;
    return switch (@typeInfo(T)) {
        .bool => .boolean,
        .int => |info| if (info.bits <= 64) .integer else unsupported(T),
        .float => |info| if (info.bits <= 64) .number else unsupported(T),
        .@"enum" => .choice,
        .optional => .optional,
        .pointer => |info| if (info.size == .slice and info.attrs.@"const" and info.sentinel_ptr == null)
            .array
        else
            unsupported(T),
        .array => .fixed_array,
        .@"struct" => |info| if (!info.is_tuple and info.layout == .auto) .object else unsupported(T),
        else => unsupported(T),
    };
}

fn unsupported(comptime T: type) noreturn {
    @compileError("`" ++ @typeName(T) ++
        "` has no JSON form; use bool, integers and floats up to 64 bits, []const u8, " ++
        "enums, optionals, []const T, [N]T, structs or mcp.Json");
}

/// Join names: `a, b, c`.
pub fn joined(comptime names: []const [:0]const u8) []const u8 {
    comptime {
        var text: []const u8 = "";
        for (names, 0..) |name, i| text = text ++ (if (i > 0) ", " else "") ++ name;
        return text;
    }
}

/// Return a text as a JSON string, at compile time.
pub fn quoted(comptime text: []const u8) []const u8 {
    comptime {
        @setEvalBranchQuota(1_000_000);
        if (!std.unicode.utf8ValidateSlice(text)) @compileError("a text is not valid UTF-8");
        var result: []const u8 = "\"";
        for (text) |c| result = result ++ switch (c) {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            0...9, 11...31 => std.fmt.comptimePrint("\\u{x:0>4}", .{c}),
            else => &[_]u8{c},
        };
        return result ++ "\"";
    }
}
