//! HTTP headers that repeat what a body says, so that intermediaries need not read it.
//! Specification: basic/transports/streamable-http, "Value Encoding", "Custom Headers from Tool Parameters".

const std = @import("std");
const bytes = @import("bytes.zig");
const base64 = @import("base64.zig");
const json = @import("json.zig");

const Allocator = std.mem.Allocator;

/// Whether every character may stand in a header value: visible ASCII, space, tab.
pub fn printable(text: []const u8) bool {
    for (text) |byte| {
        if (byte != '\t' and (byte < ' ' or byte > '~')) return false;
    }
    return true;
}

/// The text that a value stands for: as it is, or behind `=?base64?...?=`. Null: badly encoded.
pub fn decode(arena: Allocator, value: []const u8) Allocator.Error!?[]const u8 {
    const before = "=?base64?";
    const after = "?=";
    if (value.len < before.len + after.len) return value;
    if (!bytes.startsWith(value, before) or !std.mem.endsWith(u8, value, after)) return value;
    const encoded = value[before.len .. value.len - after.len];
    const decoded = try base64.decode(arena, .standard, encoded) orelse return null;
    return if (std.unicode.utf8ValidateSlice(decoded)) decoded else null;
}

/// Compare the `Mcp-Param-*` headers of a tool call with its arguments, for the parameters whose schema has
/// `x-mcp-header`. Returns what is wrong (-32020), if anything is. Parameter and header are there both or not at all.
///
/// `schema` and `arguments` are valid JSON, `headers` a slice of pairs of name and value.
pub fn checkParams(arena: Allocator, schema: []const u8, arguments: []const u8, headers: anytype) Allocator.Error!?[]const u8 {
    const properties = json.member(schema, "properties") orelse return null;
    var scanner: json.Scanner = .init(properties);
    scanner.surrogates = .any;
    var members = scanner.members() catch return null;
    while (members.next() catch return null) |raw| {
        const property = scanner.value() catch return null;
        const name = try json.decodeString(arena, raw);
        const value = json.member(arguments, name) orelse "null";
        if (try annotation(arena, property)) |header| {
            if (try mismatch(arena, header, property, value, headers)) |words| {
                return try std.mem.concat(arena, u8, &.{ "Header mismatch: Mcp-Param-", header, words, name, "`" });
            }
        }
        if (try checkParams(arena, property, value, headers)) |wrong| return wrong;
    }
    return null;
}

/// The header of a parameter that has one and may: an integer, string or boolean, under a name that is a token.
fn annotation(arena: Allocator, property: []const u8) Allocator.Error!?[]const u8 {
    const raw = json.member(property, "x-mcp-header") orelse return null;
    if (raw[0] != '"') return null;
    const header = try json.decodeString(arena, raw);
    for (header) |byte| {
        if (!std.ascii.isAlphanumeric(byte) and std.mem.indexOfScalar(u8, "!#$%&'*+-.^_`|~", byte) == null) return null;
    }
    if (header.len == 0) return null;
    inline for (.{ "integer", "string", "boolean" }) |kind| {
        if (json.equals(json.member(property, "type") orelse return null, kind)) return header;
    }
    return null;
}

/// What is wrong with one header; the name of the parameter follows the words.
fn mismatch(arena: Allocator, header: []const u8, property: []const u8, value: []const u8, headers: anytype) Allocator.Error!?[]const u8 {
    const prefix = "mcp-param-";
    var given: ?[]const u8 = null;
    for (headers) |pair| {
        if (pair[0].len != prefix.len + header.len or !std.ascii.startsWithIgnoreCase(pair[0], prefix)) continue;
        if (!std.ascii.eqlIgnoreCase(pair[0][prefix.len..], header)) continue;
        if (given != null) return " is given twice: `params.arguments.";
        given = std.mem.trim(u8, pair[1], " \t");
    }
    const expected: ?[]const u8 = switch (json.kind(value[0]).?) {
        .string => try json.decodeString(arena, value),
        .number, .boolean => value,
        // What is no scalar has no form in a header.
        .null, .object, .array => null,
    };
    const text = given orelse return if (expected == null) null else " is missing, but there is `params.arguments.";
    const wanted = expected orelse return " is given, but the body has no such value: `params.arguments.";
    if (!printable(text)) return " holds characters that no header may: `params.arguments.";
    const said = try decode(arena, text) orelse return " is badly encoded: `params.arguments.";
    if (bytes.equal(said, wanted)) return null;
    const numeric = json.equals(json.member(property, "type").?, "integer") and json.kind(value[0]) == .number;
    if (numeric) if (whole(said)) |a| if (whole(wanted)) |b| if (bytes.equal(a, b)) return null;
    return " does not say what the body says in `params.arguments.";
}

/// The digits of a whole number, however it was written without an exponent: `42`, `42.0`. Null: it is none.
fn whole(text: []const u8) ?[]const u8 {
    const point = std.mem.indexOfScalar(u8, text, '.') orelse text.len;
    for (text[@min(point + 1, text.len)..]) |digit| if (digit != '0') return null;
    const digits = text[@intFromBool(bytes.startsWith(text, "-"))..point];
    if (digits.len == 0 or point + 1 == text.len) return null;
    for (digits) |digit| if (!std.ascii.isDigit(digit)) return null;
    return text[0..point];
}

test {
    _ = @import("header_test.zig");
}
