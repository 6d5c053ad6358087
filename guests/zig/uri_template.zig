//! Matching of URIs against URI templates (RFC 6570): `{name}`, and `{+name}` for values with slashes.
const std = @import("std");
const uris = @import("uris.zig");

const memory = @import("bindings").memory;

pub const Part = union(enum) {
    literal: Literal,
    variable: struct { name: []const u8, reserved: bool },
};

/// Literal text of a template in normal form.
const Literal = struct {
    text: []const u8,
    /// Number of bytes at its start that belong to the authority, which is compared case-insensitively.
    folded: usize,

    fn begins(self: Literal, text: []const u8) bool {
        if (text.len < self.text.len) return false;
        return std.ascii.eqlIgnoreCase(text[0..self.folded], self.text[0..self.folded]) and
            std.mem.eql(u8, text[self.folded..self.text.len], self.text[self.folded..]);
    }
};

/// Parse a template in normal form; compile error if it is invalid.
pub fn parse(comptime template: uris.Normal) []const Part {
    comptime {
        @setEvalBranchQuota(100_000);
        const owner = "template `" ++ template.text ++ "`: ";
        var parts: []const Part = &.{};
        var at: usize = 0;
        var after_variable = false;
        while (at < template.text.len) {
            const rest = template.text[at..];
            const open = std.mem.indexOfScalar(u8, rest, '{') orelse rest.len;
            if (open > 0) {
                const literal: Literal = .{ .text = rest[0..open], .folded = @min(open, template.authority_end -| at) };
                parts = parts ++ &[_]Part{.{ .literal = literal }};
                at += open;
                after_variable = false;
                continue;
            }
            const close = std.mem.indexOfScalar(u8, rest, '}') orelse @compileError(owner ++ "`{` without `}`");
            if (after_variable)
                @compileError(owner ++ "between two variables there must be something to tell them apart");
            const reserved = rest.len > 1 and rest[1] == '+';
            const name = rest[1 + @as(usize, @intFromBool(reserved)) .. close];
            if (name.len == 0) @compileError(owner ++ "a variable has no name");
            for (name) |c| if (!std.ascii.isAlphanumeric(c) and c != '_')
                @compileError(
                    owner ++ "`{" ++ rest[1..close] ++
                        "}`: there are `{name}` and `{+name}`, made of letters, digits and `_`",
                );
            parts = parts ++ &[_]Part{.{ .variable = .{ .name = name, .reserved = reserved } }};
            at += close + 1;
            after_variable = true;
        }
        return parts;
    }
}

/// Return the number of variables.
pub fn count(comptime parts: []const Part) usize {
    var n: usize = 0;
    for (parts) |part| n += @intFromBool(part == .variable);
    return n;
}

/// Match a URI in normal form with `.` and `..` segments kept; return whether it matches.
///
/// Stores the decoded values of the variables in `found`, in order. Each is as short as possible, the last one as long
/// as possible.
pub fn match(parts: []const Part, uri: []const u8, found: [][]const u8) bool {
    var rest = uri;
    var n: usize = 0;
    for (parts, 0..) |part, i| switch (part) {
        .literal => |literal| {
            if (!literal.begins(rest)) return false;
            rest = rest[literal.text.len..];
        },
        .variable => |variable| {
            const end = valueEnd(parts[i + 1 ..], rest) orelse return false;
            const value = rest[0..end];
            if (value.len == 0) return false;
            if (std.mem.findAny(u8, value, if (variable.reserved) "?#" else "/?#") != null) return false;
            found[n] = decoded(value) orelse return false;
            n += 1;
            rest = rest[end..];
        },
    };
    return rest.len == 0;
}

/// Return the end of a value: before the following literal text, or the end of the URI for the last one.
fn valueEnd(following: []const Part, rest: []const u8) ?usize {
    if (following.len == 0) return rest.len;
    const literal = following[0].literal;
    if (rest.len < literal.text.len) return null;
    const last = rest.len - literal.text.len;
    var i = if (following.len == 1) last else 0;
    while (i <= last) : (i += 1) if (literal.begins(rest[i..])) return i;
    return null;
}

/// Return whether a value, used as a path below a folder, leaves it: a `..` segment, an absolute path, or NUL.
pub fn leadsOut(value: []const u8) bool {
    if (value.len > 0 and isSeparator(value[0])) return true;
    if (value.len > 2 and std.ascii.isAlphabetic(value[0]) and value[1] == ':' and isSeparator(value[2])) return true;
    if (std.mem.indexOfScalar(u8, value, 0) != null) return true;
    var segments = std.mem.splitAny(u8, value, "/\\");
    while (segments.next()) |segment| if (std.mem.eql(u8, segment, "..")) return true;
    return false;
}

fn isSeparator(c: u8) bool {
    return c == '/' or c == '\\';
}

/// Decode `%XX` once; null if the result is not UTF-8.
fn decoded(value: []const u8) ?[]const u8 {
    if (std.mem.indexOfScalar(u8, value, '%') == null) return value;
    const buffer = memory.allocator.alloc(u8, value.len) catch return null;
    var n: usize = 0;
    var i: usize = 0;
    while (i < value.len) : (n += 1) {
        if (value[i] == '%') {
            buffer[n] = uris.hex(value, i) orelse return null;
            i += 3;
        } else {
            buffer[n] = value[i];
            i += 1;
        }
    }
    return if (std.unicode.utf8ValidateSlice(buffer[0..n])) buffer[0..n] else null;
}
