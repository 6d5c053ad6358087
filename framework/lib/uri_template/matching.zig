//! Matching of URIs against a URI template.

const std = @import("std");
const List = @import("../list.zig").List;
const bytes = @import("../bytes.zig");
const UriTemplate = @import("../UriTemplate.zig");
const texts = @import("text.zig");

const Allocator = std.mem.Allocator;
const Found = UriTemplate.Found;
const Pair = texts.Pair;
const decoded = texts.decoded;
const indexOf = texts.indexOf;
const pairs = texts.pairs;
const separatorOf = @import("parsing.zig").separatorOf;

/// Limits on a URI that is matched.
const max_uri = 64 << 10;
const max_pairs = 1000;

/// Return the decoded values of the variables in a URI in normal form with `.` and `..` segments kept; null if it does
/// not match. Variables that the URI omits are absent.
///
/// Values that lead out of a folder, and encoded slashes in expressions that end at `/`, do not match, except in
/// variables that are `unchecked`.
pub fn match(
    self: UriTemplate,
    allocator: Allocator,
    uri: []const u8,
    unchecked: []const []const u8,
) Allocator.Error!?[]const Found {
    if (uri.len > max_uri) return null;
    var found: List(Found) = .empty;
    var rest = uri;
    var query: []const u8 = "";
    if (self.splits_query) {
        const hash = indexOf(uri, 0, '#');
        const mark = indexOf(uri[0..hash], 0, '?');
        if (mark < hash) {
            query = uri[mark + 1 .. hash];
            rest = try std.mem.concat(allocator, u8, &.{ uri[0..mark], uri[hash..] });
        }
    }
    if (!try matchParts(self, allocator, rest, &found)) return null;
    if (!try matchQuery(self, allocator, query, &found)) return null;
    for (found.items) |one| {
        const is_unchecked = for (unchecked) |name| {
            if (bytes.equal(name, one.name)) break true;
        } else false;
        if (is_unchecked) continue;
        const ends_at_slash = for (self.variables) |variable| {
            if (bytes.equal(variable.name, one.name)) break indexOf("+#?&", 0, variable.operator) == 4;
        } else true;
        for (one.values) |value| {
            if (leadsOut(value) or (ends_at_slash and indexOf(value, 0, '/') < value.len)) return null;
        }
    }
    return found.items;
}

/// For each position: the parts that can match from there to the end, as bits; and the values that can go on there.
const Reach = struct { start: u64 = 0, inside: u64 = 0 };

fn matchParts(self: UriTemplate, allocator: Allocator, uri: []const u8, found: *List(Found)) !bool {
    const parts = self.parts;
    const end = @as(u64, 1) << @intCast(parts.len);
    // The time is bounded by parts x bytes, whatever the URI.
    const reach = try allocator.alloc(Reach, uri.len + 1);
    defer allocator.free(reach);
    var i = uri.len + 1;
    while (i > 0) {
        i -= 1;
        var here: Reach = .{ .start = if (i == uri.len) end else 0 };
        var p = parts.len;
        while (p > 0) {
            p -= 1;
            const bit = @as(u64, 1) << @intCast(p);
            const after = here.start & (bit << 1) != 0;
            const starts = switch (parts[p]) {
                .text => |text| text.begins(uri[i..]) and reach[i + text.text.len].start & (bit << 1) != 0,
                .optional => |target| after or here.start & (@as(u64, 1) << @intCast(target)) != 0,
                .value => |value| starts: {
                    const ends = after and !isInEscape(uri, i);
                    const more = i < uri.len and value.class.has(uri[i]) and reach[i + 1].inside & bit != 0;
                    if (ends or more) here.inside |= bit;
                    break :starts more or (ends and value.min == 0);
                },
            };
            if (starts) here.start |= bit;
        }
        reach[i] = here;
    }
    if (reach[0].start & 1 == 0) return false;
    var at: usize = 0;
    var p: usize = 0;
    while (p < parts.len) switch (parts[p]) {
        .text => |text| {
            at += text.text.len;
            p += 1;
        },
        .optional => |target| p = if (reach[at].start & (@as(u64, 2) << @intCast(p)) != 0) p + 1 else target,
        .value => |value| {
            var stop = at + value.min;
            while (reach[stop].start & (@as(u64, 2) << @intCast(p)) == 0 or isInEscape(uri, stop)) stop += 1;
            if (!try add(self, allocator, value.variable, uri[at..stop], found)) return false;
            at = stop;
            p += 1;
        },
    };
    return true;
}

/// Return whether a position is after the first byte of `%XX`.
fn isInEscape(uri: []const u8, at: usize) bool {
    return (at >= 1 and uri[at - 1] == '%') or (at >= 2 and uri[at - 2] == '%');
}

/// Add the values of a variable; return false if they are not UTF-8.
fn add(self: UriTemplate, allocator: Allocator, index: usize, text: []const u8, found: *List(Found)) !bool {
    const variable = self.variables[index];
    var values: List([]const u8) = .empty;
    if (!variable.many) {
        try values.append(allocator, try decoded(allocator, text) orelse return false);
    } else if (!try split(allocator, text, separatorOf(variable.operator), &values)) return false;
    try found.append(allocator, .{ .name = variable.name, .values = values.items });
    return true;
}

fn split(allocator: Allocator, text: []const u8, separator: u8, values: *List([]const u8)) !bool {
    var at: usize = 0;
    while (true) {
        const end = indexOf(text, at, separator);
        try values.append(allocator, try decoded(allocator, text[at..end]) orelse return false);
        if (end == text.len) return true;
        at = end + 1;
    }
}

/// Match the pairs of a query: each is a fixed one, or gives a variable. A list is `a=1&a=2` or `a=1,2`.
fn matchQuery(self: UriTemplate, allocator: Allocator, query: []const u8, found: *List(Found)) !bool {
    var given: List(Pair) = .empty;
    if (try pairs(allocator, query, &given) == null) return false;
    if (given.items.len > max_pairs) return false;
    const lists = try allocator.alloc(List([]const u8), self.variables.len);
    @memset(lists, .empty);
    const open = try allocator.dupe(Pair, self.fixed);
    var left = open.len;
    for (given.items) |pair| {
        const value = try decoded(allocator, pair.value) orelse return false;
        const is_fixed = for (open[0..left], 0..) |fixed, place| {
            const expected = try decoded(allocator, fixed.value) orelse return false;
            if (!bytes.equal(fixed.name, pair.name) or !bytes.equal(expected, value)) continue;
            left -= 1;
            open[place] = open[left];
            break true;
        } else false;
        if (is_fixed) continue;
        const index = for (self.variables, 0..) |variable, index| {
            const is_query = variable.operator == '?' or variable.operator == '&';
            if (is_query and bytes.equal(variable.name, pair.name)) break index;
        } else return false;
        if (self.variables[index].many) {
            if (!try split(allocator, pair.value, ',', &lists[index])) return false;
        } else {
            if (lists[index].items.len > 0) return false;
            try lists[index].append(allocator, value);
        }
    }
    for (self.variables, lists) |variable, list| {
        if (list.items.len > 0) try found.append(allocator, .{ .name = variable.name, .values = list.items });
    }
    return left == 0;
}

/// Return whether a value, used as a path below a folder, leaves it: a `..` segment, an absolute path, or NUL.
fn leadsOut(value: []const u8) bool {
    if (value.len > 0 and isSeparator(value[0])) return true;
    if (value.len > 2 and std.ascii.isAlphabetic(value[0]) and value[1] == ':' and isSeparator(value[2])) return true;
    var start: usize = 0;
    for (value, 0..) |c, i| {
        if (c == 0) return true;
        if (!isSeparator(c)) continue;
        if (bytes.equal(value[start..i], "..")) return true;
        start = i + 1;
    }
    return bytes.equal(value[start..], "..");
}

fn isSeparator(c: u8) bool {
    return c == '/' or c == '\\';
}
