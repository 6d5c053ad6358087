//! HTTP headers that mirror values of the body, so that intermediaries need not parse it.
//! Specification: basic/transports/streamable-http, "Value Encoding", "Custom Headers from Tool Parameters".

const std = @import("std");
const bytes = @import("bytes.zig");
const base64 = @import("base64.zig");
const json = @import("json.zig");

const Allocator = std.mem.Allocator;

/// Return whether all characters are allowed in a header value: visible ASCII, space, tab.
pub fn printable(text: []const u8) bool {
    for (text) |byte| {
        if (byte != '\t' and (byte < ' ' or byte > '~')) return false;
    }
    return true;
}

/// Decode a header value: plain text, or base64 in `=?base64?...?=`. Null: invalid encoding.
pub fn decode(arena: Allocator, value: []const u8) Allocator.Error!?[]const u8 {
    const before = "=?base64?";
    const after = "?=";
    if (value.len < before.len + after.len) return value;
    if (!bytes.startsWith(value, before) or !bytes.endsWith(value, after)) return value;
    const encoded = value[before.len .. value.len - after.len];
    const decoded = try base64.decode(arena, .standard, encoded) orelse return null;
    return if (std.unicode.utf8ValidateSlice(decoded)) decoded else null;
}

/// Compare the `Mcp-Param-*` headers of a tool call with its arguments, for the parameters whose schema has
/// `x-mcp-header`. Returns the message of the error -32020, or null if all match. Parameter and header must both be
/// present or both be absent.
///
/// `schema` and `arguments` are valid JSON, `headers` is a slice of pairs of name and value.
pub fn checkParams(
    arena: Allocator,
    schema: []const u8,
    arguments: []const u8,
    headers: anytype,
) Allocator.Error!?[]const u8 {
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

/// Return the header name of a parameter that has a valid one: its type is integer, string or boolean, and the name is
/// a token.
fn annotation(arena: Allocator, property: []const u8) Allocator.Error!?[]const u8 {
    const raw = json.member(property, "x-mcp-header") orelse return null;
    if (raw[0] != '"') return null;
    const header = try json.decodeString(arena, raw);
    for (header) |byte| {
        if (!std.ascii.isAlphanumeric(byte) and bytes.position("!#$%&'*+-.^_`|~", byte) == null) return null;
    }
    if (header.len == 0) return null;
    inline for (.{ "integer", "string", "boolean" }) |kind| {
        if (json.equals(json.member(property, "type") orelse return null, kind)) return header;
    }
    return null;
}

/// Return the error of one header; the caller appends the name of the parameter.
fn mismatch(
    arena: Allocator,
    header: []const u8,
    property: []const u8,
    value: []const u8,
    headers: anytype,
) Allocator.Error!?[]const u8 {
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
        // Only scalars can be written in a header.
        .null, .object, .array => null,
    };
    const text = given orelse return if (expected == null) null else " is missing, but there is `params.arguments.";
    const body_text = expected orelse return " is given, but the body has no such value: `params.arguments.";
    if (!printable(text)) return " has invalid characters: `params.arguments.";
    const decoded = try decode(arena, text) orelse return " is badly encoded: `params.arguments.";
    if (bytes.equal(decoded, body_text)) return null;
    const numeric = json.equals(json.member(property, "type").?, "integer") and json.kind(value[0]) == .number;
    if (numeric) if (whole(decoded)) |a| if (whole(body_text)) |b| if (bytes.equal(a, b)) return null;
    return " differs from the body in `params.arguments.";
}

/// Return the digits of an integer written without an exponent (`42`, `42.0`), or null if it is not an integer.
fn whole(text: []const u8) ?[]const u8 {
    const point = bytes.position(text, '.') orelse text.len;
    for (text[@min(point + 1, text.len)..]) |digit| if (digit != '0') return null;
    const digits = text[@intFromBool(bytes.startsWith(text, "-"))..point];
    if (digits.len == 0 or point + 1 == text.len) return null;
    for (digits) |digit| if (!std.ascii.isDigit(digit)) return null;
    return text[0..point];
}

test {
    _ = @import("header_test.zig");
}
