//! URI templates (RFC 6570), as far as URIs can be matched with them: `{name}`, and `{+name}` for values with slashes.
const std = @import("std");
const memory = @import("bindings").memory;

pub const Part = union(enum) {
    literal: []const u8,
    variable: struct { name: []const u8, reserved: bool },
};

/// The parts of a template; what is none does not compile.
pub fn parse(comptime template: []const u8) []const Part {
    comptime {
        @setEvalBranchQuota(100_000);
        const owner = "template `" ++ template ++ "`: ";
        var parts: []const Part = &.{};
        var rest: []const u8 = template;
        var after_variable = false;
        while (rest.len > 0) {
            const open = std.mem.indexOfScalar(u8, rest, '{') orelse rest.len;
            if (open > 0) {
                if (std.mem.indexOfScalar(u8, rest[0..open], '}') != null) @compileError(owner ++ "`}` without `{`");
                parts = parts ++ &[_]Part{.{ .literal = rest[0..open] }};
                rest = rest[open..];
                after_variable = false;
                continue;
            }
            const close = std.mem.indexOfScalar(u8, rest, '}') orelse @compileError(owner ++ "`{` without `}`");
            if (after_variable) @compileError(owner ++ "between two variables there must be something to tell them apart");
            const reserved = rest.len > 1 and rest[1] == '+';
            const name = rest[1 + @as(usize, @intFromBool(reserved)) .. close];
            if (name.len == 0) @compileError(owner ++ "a variable has no name");
            for (name) |c| if (!std.ascii.isAlphanumeric(c) and c != '_')
                @compileError(owner ++ "`{" ++ rest[1..close] ++ "}`: there are `{name}` and `{+name}`, made of letters, digits and `_`");
            parts = parts ++ &[_]Part{.{ .variable = .{ .name = name, .reserved = reserved } }};
            rest = rest[close + 1 ..];
            after_variable = true;
        }
        return parts;
    }
}

/// How many variables the parts have.
pub fn count(comptime parts: []const Part) usize {
    var n: usize = 0;
    for (parts) |part| n += @intFromBool(part == .variable);
    return n;
}

/// The values of the variables, in order; each is as short as what follows it allows. Null: the URI is none of these.
pub fn match(parts: []const Part, uri: []const u8, found: [][]const u8) bool {
    var rest = uri;
    var n: usize = 0;
    for (parts, 0..) |part, i| switch (part) {
        .literal => |literal| {
            if (!std.mem.startsWith(u8, rest, literal)) return false;
            rest = rest[literal.len..];
        },
        .variable => |variable| {
            const end = if (i + 1 == parts.len) rest.len else std.mem.indexOf(u8, rest, parts[i + 1].literal) orelse return false;
            const value = rest[0..end];
            if (value.len == 0) return false;
            if (!variable.reserved and std.mem.findAny(u8, value, "/?#") != null) return false;
            found[n] = decoded(value) orelse return false;
            n += 1;
            rest = rest[end..];
        },
    };
    return rest.len == 0;
}

/// With `%XX` undone; null when what comes out is no text.
fn decoded(value: []const u8) ?[]const u8 {
    if (std.mem.indexOfScalar(u8, value, '%') == null) return value;
    const buffer = memory.allocator.alloc(u8, value.len) catch return null;
    var n: usize = 0;
    var i: usize = 0;
    while (i < value.len) : (n += 1) {
        if (value[i] != '%') {
            buffer[n] = value[i];
            i += 1;
            continue;
        }
        if (i + 3 > value.len) return null;
        // Two digits each: `parseInt` would take a sign, too.
        const high = std.fmt.charToDigit(value[i + 1], 16) catch return null;
        const low = std.fmt.charToDigit(value[i + 2], 16) catch return null;
        buffer[n] = high << 4 | low;
        i += 3;
    }
    return if (std.unicode.utf8ValidateSlice(buffer[0..n])) buffer[0..n] else null;
}
