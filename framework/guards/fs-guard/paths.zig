//! Paths of directories and files, compared by their parts.

const std = @import("std");
const lib = @import("lib");

pub fn isAbsolute(path: []const u8) bool {
    return path.len > 0 and path[0] == '/';
}

/// Return whether a relative path stays in its directory: it does not begin with `/`, and no `..` leads out. The host
/// confines links.
pub fn isInside(path: []const u8) bool {
    if (isAbsolute(path)) return false;
    var depth: i32 = 0;
    var rest = path;
    while (rest.len > 0) {
        const name = first(rest);
        rest = rest[@min(name.len + 1, rest.len)..];
        if (lib.bytes.equal(name, "..")) depth -= 1 else if (name.len > 0 and !lib.bytes.equal(name, ".")) depth += 1;
        if (depth < 0) return false;
    }
    return true;
}

/// Return the part before the first `/`.
pub fn first(path: []const u8) []const u8 {
    for (path, 0..) |byte, at| if (byte == '/') return path[0..at];
    return path;
}

/// Return a path without `/` at its end; `/` itself becomes the empty path.
pub fn trimmed(path: []const u8) []const u8 {
    var end = path.len;
    while (end > 0 and path[end - 1] == '/') end -= 1;
    return path[0..end];
}

/// Return the rest of a path below a directory, without `/` at its beginning; null if it is not at or below it.
pub fn below(path: []const u8, directory: []const u8) ?[]const u8 {
    const parent = trimmed(directory);
    const whole = trimmed(path);
    if (!lib.bytes.startsWith(whole, parent)) return null;
    const rest = whole[parent.len..];
    if (rest.len == 0) return rest;
    return if (rest[0] == '/') rest[1..] else null;
}

test "paths inside a directory" {
    for ([_][]const u8{ "", ".", "a", "a/b", "a//b", "./a", "a/..", "a/../b", "a/b/../..", "...", "..a" }) |path|
        try std.testing.expect(isInside(path));
    for ([_][]const u8{ "/", "/a", "..", "../a", "a/../..", "./..", "a/../../a", "a//../.." }) |path|
        try std.testing.expect(!isInside(path));
}

fn expectBelow(expected: ?[]const u8, path: []const u8, directory: []const u8) !void {
    const found = below(path, directory) orelse return std.testing.expectEqual(expected, null);
    try std.testing.expectEqualStrings(expected orelse "nothing", found);
}

test "paths below another" {
    try expectBelow("", "/data", "/data");
    try expectBelow("", "/data/", "/data");
    try expectBelow("a/b", "/data/a/b", "/data");
    try expectBelow("a/b", "/data/a/b", "/data/");
    try expectBelow("data", "/data", "/");
    try expectBelow("", "/", "/");
    try expectBelow(null, "/database", "/data");
    try expectBelow(null, "/dat", "/data");
    try expectBelow(null, "/other", "/data");
    try expectBelow(null, ".", "/data");
    try expectBelow("data", "/data", "");
}
