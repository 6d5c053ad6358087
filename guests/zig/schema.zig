//! JSON Schema 2020-12 of Zig types, at compile time.
const std = @import("std");
const values = @import("values.zig");

const quoted = values.quoted;

/// Return the schema of a struct of arguments: closed, so that misspelt names are errors.
pub fn ofArguments(comptime T: type) []const u8 {
    return comptime of(T, &.{});
}

/// Return the schema of a form: flat, of strings, numbers, bools and enums.
/// Specification: client/elicitation, "Requested Schema".
pub fn ofForm(comptime T: type) []const u8 {
    comptime {
        if (@typeInfo(T) != .@"struct") @compileError("a form is a struct, not `" ++ @typeName(T) ++ "`");
        var properties: []const u8 = "";
        var required: []const u8 = "";
        checkDescriptions(T);
        const info = @typeInfo(T).@"struct";
        for (info.field_names, info.field_types, info.field_attrs) |name, F, attrs| {
            const V = if (@typeInfo(F) == .optional) @typeInfo(F).optional.child else F;
            switch (values.kindOf(V)) {
                .string, .boolean, .integer, .number, .choice => {},
                else => @compileError(
                    "`" ++ @typeName(T) ++ "." ++ name ++ "`: a form is flat, of strings, numbers, bools and enums",
                ),
            }
            // Forms have no null: empty optional fields are omitted.
            const default: ?V = if (attrs.defaultValue(F)) |given| given else null;
            properties = properties ++ (if (properties.len > 0) "," else "") ++ quoted(name) ++ ":" ++
                property(T, name, V, default, &.{});
            if (attrs.default_value_ptr == null and F == V) required = required ++
                (if (required.len > 0) "," else "") ++ quoted(name);
        }
        return "{\"type\":\"object\",\"properties\":{" ++ properties ++ "}" ++
            (if (required.len > 0) ",\"required\":[" ++ required ++ "]" else "") ++ "}";
    }
}

/// Return the schema of any type. `around`: the structs that contain it.
pub fn of(comptime T: type, comptime around: []const type) []const u8 {
    comptime {
        @setEvalBranchQuota(1_000_000);
        return switch (values.kindOf(T)) {
            .boolean => "{\"type\":\"boolean\"}",
            .integer => integer(T),
            .number => "{\"type\":\"number\"}",
            .string => "{\"type\":\"string\"}",
            .json => "{}",
            .choice => "{\"type\":\"string\",\"enum\":[" ++ choices(T) ++ "]}",
            .optional => nullable(@typeInfo(T).optional.child, around),
            .array => "{\"type\":\"array\",\"items\":" ++ of(@typeInfo(T).pointer.child, around) ++ "}",
            .fixed_array => std.fmt.comptimePrint(
                "{{\"type\":\"array\",\"items\":{s},\"minItems\":{d},\"maxItems\":{d}}}",
                .{ of(@typeInfo(T).array.child, around), @typeInfo(T).array.len, @typeInfo(T).array.len },
            ),
            .object => object(T, around),
        };
    }
}

fn integer(comptime T: type) []const u8 {
    const info = @typeInfo(T).int;
    const least = if (info.signedness == .unsigned)
        ",\"minimum\":0"
    else if (info.bits <= 53)
        std.fmt.comptimePrint(",\"minimum\":{d}", .{std.math.minInt(T)})
    else
        "";
    // Above 2^53 many parsers cannot represent the bound exactly.
    const most = if (info.bits <= 53) std.fmt.comptimePrint(",\"maximum\":{d}", .{std.math.maxInt(T)}) else "";
    return "{\"type\":\"integer\"" ++ least ++ most ++ "}";
}

fn choices(comptime T: type) []const u8 {
    var list: []const u8 = "";
    for (@typeInfo(T).@"enum".field_names, 0..) |name, i| list = list ++ (if (i > 0) "," else "") ++ quoted(name);
    return list;
}

fn nullable(comptime Child: type, comptime around: []const type) []const u8 {
    return "{\"anyOf\":[" ++ of(Child, around) ++ ",{\"type\":\"null\"}]}";
}

/// Compile error for descriptions of fields that do not exist.
pub fn checkDescriptions(comptime T: type) void {
    if (!@hasDecl(T, "descriptions")) return;
    for (@typeInfo(@TypeOf(T.descriptions)).@"struct".field_names) |name| {
        if (!@hasField(T, name)) @compileError("`" ++ @typeName(T) ++ ".descriptions." ++ name ++ "`: no such field");
    }
}

fn object(comptime T: type, comptime around: []const type) []const u8 {
    checkDescriptions(T);
    for (around) |outer|
        if (outer == T)
            @compileError("`" ++ @typeName(T) ++ "` contains itself: its schema would never end; use mcp.Json");
    const info = @typeInfo(T).@"struct";
    const inner = around ++ &[_]type{T};
    var properties: []const u8 = "";
    var required: []const u8 = "";
    for (info.field_names, info.field_types, info.field_attrs) |name, F, attrs| {
        if (attrs.@"comptime")
            @compileError("`" ++ @typeName(T) ++ "." ++ name ++ "`: a comptime field can't be an argument or a result");
        properties = properties ++ (if (properties.len > 0) "," else "") ++ quoted(name) ++ ":" ++
            property(T, name, F, attrs.defaultValue(F), inner);
        if (attrs.default_value_ptr == null and values.kindOf(F) != .optional) {
            required = required ++ (if (required.len > 0) "," else "") ++ quoted(name);
        }
    }
    const tail = if (required.len > 0) ",\"required\":[" ++ required ++ "]" else "";
    return "{\"type\":\"object\",\"properties\":{" ++ properties ++ "}" ++ tail ++ ",\"additionalProperties\":false}";
}

fn property(
    comptime T: type,
    comptime name: []const u8,
    comptime F: type,
    comptime default: ?F,
    comptime around: []const type,
) []const u8 {
    const body = of(F, around);
    var extra: []const u8 = "";
    if (@hasDecl(T, "descriptions") and @hasField(@TypeOf(T.descriptions), name)) {
        extra = extra ++ "\"description\":" ++ quoted(@field(T.descriptions, name));
    }
    if (default) |value| if (constant(F, value)) |text| {
        extra = extra ++ (if (extra.len > 0) "," else "") ++ "\"default\":" ++ text;
    };
    if (extra.len == 0) return body;
    const inside = body[1 .. body.len - 1];
    return "{" ++ inside ++ (if (inside.len > 0) "," else "") ++ extra ++ "}";
}

/// Return a default as JSON; null if the schema should not have one.
fn constant(comptime T: type, comptime value: T) ?[]const u8 {
    return switch (values.kindOf(T)) {
        .boolean => if (value) "true" else "false",
        .integer => std.fmt.comptimePrint("{d}", .{value}),
        .number => if (std.math.isFinite(value)) std.fmt.comptimePrint("{d}", .{value}) else null,
        .string => quoted(value),
        .choice => quoted(@tagName(value)),
        .optional => if (value) |inner| constant(@typeInfo(T).optional.child, inner) else "null",
        .array => if (value.len == 0) "[]" else null,
        .json => value.text,
        .fixed_array, .object => null,
    };
}
