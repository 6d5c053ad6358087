//! URI template (RFC 6570) that URIs are matched against: the values of its variables are read back from a URI.
//!
//! A value holds any character but the delimiters of its operator: `/`, `?`, `#` and `,` for `{x}`, and every reserved
//! character (RFC 3986, section 2.2) that the template itself has after its first variable. Inside of a value these are
//! percent-encoded. Values are decoded once, after matching.

const std = @import("std");
const bytes = @import("bytes.zig");

const UriTemplate = @This();
const Allocator = std.mem.Allocator;

variables: []const Variable,
parts: []const Part,
/// Pairs of name and value that the query of each URI has.
fixed: []const Pair,
/// True if the query of a URI is matched apart from the rest: its pairs have no order.
splits_query: bool,

const Variable = struct {
    name: []const u8,
    operator: u8,
    /// True for a list of values (`*`).
    many: bool,
};

const Part = union(enum) {
    text: struct {
        text: []const u8,
        /// Number of bytes at its start that belong to the authority, which is compared case-insensitively.
        folded: usize = 0,

        fn begins(self: @This(), rest: []const u8) bool {
            return rest.len >= self.text.len and bytes.startsLike(rest, self.text[0..self.folded]) and
                bytes.startsWith(rest[self.folded..], self.text[self.folded..]);
        }
    },
    value: struct { variable: usize, class: Class, min: usize },
    /// Start of optional parts: the index of the part after them.
    optional: usize,
};

/// Set of bytes.
const Class = struct {
    words: [4]u64 = @splat(0),

    const full: Class = .{ .words = @splat(std.math.maxInt(u64)) };

    fn put(self: *Class, byte: u8, is_member: bool) void {
        const bit = @as(u64, 1) << @intCast(byte & 63);
        if (is_member) self.words[byte >> 6] |= bit else self.words[byte >> 6] &= ~bit;
    }

    fn has(self: Class, byte: u8) bool {
        return self.words[byte >> 6] >> @intCast(byte & 63) & 1 != 0;
    }

    fn without(self: Class, other: Class) Class {
        var left = self;
        for (&left.words, other.words) |*word, taken| word.* &= ~taken;
        return left;
    }

    fn meets(self: Class, other: Class) bool {
        for (self.words, other.words) |a, b| if (a & b != 0) return true;
        return false;
    }
};

const Pair = struct { name: []const u8, value: []const u8 };

/// Values of one variable in a URI.
pub const Found = struct { name: []const u8, values: []const []const u8 };

/// Limits on a template, and on a URI that is matched.
pub const max_template = 1000;
const max_parts = 63;
const max_uri = 64 << 10;
const max_pairs = 1000;
const max_readings = 20_000;

pub const Outcome = union(enum) {
    template: UriTemplate,
    /// Reason why URIs cannot be matched, for messages.
    problem: []const u8,
};

/// Parse a template in normal form. `authority_end` is the end of its authority. Reasons are empty unless `explained`:
/// a server does not send them.
pub fn parse(
    allocator: Allocator,
    text: []const u8,
    authority_end: usize,
    comptime explained: bool,
) Allocator.Error!Outcome {
    var parser: Parser(explained) = .{ .allocator = allocator, .text = text, .authority_end = authority_end };
    parser.run() catch |reason| switch (reason) {
        error.OutOfMemory => |e| return e,
        error.Invalid => return .{ .problem = parser.problem },
    };
    return .{ .template = .{
        .variables = parser.variables.items,
        .parts = parser.parts.items,
        .fixed = parser.fixed.items,
        .splits_query = parser.in_query,
    } };
}

fn Parser(comptime explained: bool) type {
    return struct {
        const Self = @This();

        allocator: Allocator,
        text: []const u8,
        authority_end: usize,
        variables: std.ArrayList(Variable) = .empty,
        parts: std.ArrayList(Part) = .empty,
        fixed: std.ArrayList(Pair) = .empty,
        in_query: bool = false,
        /// Reserved characters that delimit values.
        delimiters: Class = .{},
        problem: []const u8 = "",

        const Error = Allocator.Error || error{Invalid};

        fn refuse(self: *Self, words: []const []const u8) Error {
            if (explained) self.problem = try std.mem.concat(self.allocator, u8, words);
            return error.Invalid;
        }

        fn run(self: *Self) Error!void {
            self.delimiters = delimitersOf(self.text);
            var at: usize = 0;
            while (at < self.text.len) {
                const open = indexOf(self.text, at, '{');
                if (indexOf(self.text[0..open], at, '}') < open) return self.unpaired();
                if (open > at) try self.addLiteral(at, open);
                if (open == self.text.len) break;
                const close = indexOf(self.text, open, '}');
                const is_closed = close < self.text.len and indexOf(self.text[0..close], open + 1, '{') == close;
                if (!is_closed) return self.unpaired();
                try self.addExpression(self.text[open + 1 .. close]);
                at = close + 1;
            }
            if (self.parts.items.len > max_parts) return self.refuse(&.{"it has too many variables"});
        }

        fn unpaired(self: *Self) Error {
            return self.refuse(&.{"it has a brace without a partner"});
        }

        fn addLiteral(self: *Self, start: usize, end: usize) Error!void {
            var rest = self.text[start..end];
            if (!self.in_query) {
                const mark = indexOf(rest, 0, '?');
                if (indexOf(rest[0..mark], 0, '#') < mark or mark == rest.len) return self.addPlain(start, rest);
                if (mark > 0) try self.addPlain(start, rest[0..mark]);
                self.in_query = true;
                rest = rest[mark + 1 ..];
            }
            const hash = indexOf(rest, 0, '#');
            try pairs(self.allocator, rest[0..hash], &self.fixed) orelse
                return self.refuse(&.{"its query is not UTF-8"});
            if (hash < rest.len) try self.addPlain(end, rest[hash..]);
        }

        fn addPlain(self: *Self, start: usize, text: []const u8) Error!void {
            const folded = @min(text.len, self.authority_end -| start);
            try self.parts.append(self.allocator, .{ .text = .{ .text = text, .folded = folded } });
        }

        fn addExpression(self: *Self, inside: []const u8) Error!void {
            const operator: u8 = if (inside.len > 0 and isOperator(inside[0])) inside[0] else 0;
            const is_query = operator == '?' or operator == '&';
            if (is_query) self.in_query = true else if (self.in_query and operator != '#')
                return self.refuse(&.{ "`{", inside, "}`: variables of a query are written `{?name}` or `{&name}`" });
            var rest = inside[@intFromBool(operator != 0)..];
            var is_first = true;
            while (true) : (is_first = false) {
                const comma = indexOf(rest, 0, ',');
                const variable = try self.addVariable(rest[0..comma], operator);
                if (!is_query) try self.addValue(variable, is_first);
                if (comma == rest.len) return;
                rest = rest[comma + 1 ..];
            }
        }

        /// Add a variable; return its index.
        fn addVariable(self: *Self, written: []const u8, operator: u8) Error!usize {
            const many = written.len > 0 and written[written.len - 1] == '*';
            const name = written[0 .. written.len - @intFromBool(many)];
            if (indexOf(name, 0, ':') < name.len)
                return self.refuse(&.{ "`", written, "`: the prefix of a value cannot be matched back to it" });
            var after: u8 = '.';
            for (name) |c| {
                if (!(std.ascii.isAlphanumeric(c) or c == '_' or (c == '.' and after != '.'))) break;
                after = c;
            } else if (after != '.') {
                for (self.variables.items) |other| if (bytes.equal(other.name, name))
                    return self.refuse(&.{ "it has the variable `", name, "` twice" });
                if (many and operator == ';')
                    return self.refuse(&.{ "`{;", name, "*}` cannot be matched: use `{?", name, "*}`" });
                try self.variables.append(self.allocator, .{ .name = name, .operator = operator, .many = many });
                return self.variables.items.len - 1;
            }
            return self.refuse(&.{ "`", written, "`: the name of a variable has letters, digits, `_` and `.`" });
        }

        /// Add the parts of a variable that is not in the query.
        fn addValue(self: *Self, index: usize, is_first: bool) Error!void {
            const one = self.variables.items[index];
            var class: Class = .full;
            for (switch (one.operator) {
                '+' => "?#",
                '#' => "",
                else => "/?#",
            }) |c| class.put(c, false);
            if (one.operator != '+' and one.operator != '#') class = class.without(self.delimiters);
            const separator = separatorOf(one.operator);
            class.put(separator, one.many or one.operator == '+' or one.operator == '#');
            const optional = one.operator == ';' or one.operator == '#';
            const start = self.parts.items.len;
            if (optional) try self.parts.append(self.allocator, .{ .optional = 0 });
            switch (one.operator) {
                ';' => {
                    try self.addText(&.{ ";", one.name });
                    try self.parts.append(self.allocator, .{ .optional = 0 });
                    try self.addText(&.{"="});
                },
                '#', '.', '/' => try self.addText(&.{if (is_first) &.{one.operator} else &.{separator}}),
                else => if (!is_first) try self.addText(&.{","}),
            }
            const min: usize = @intFromBool(one.operator != ';' and one.operator != '#');
            try self.parts.append(self.allocator, .{ .value = .{ .variable = index, .class = class, .min = min } });
            if (optional) self.parts.items[start].optional = self.parts.items.len;
            if (one.operator == ';') self.parts.items[start + 2].optional = self.parts.items.len;
        }

        fn addText(self: *Self, words: []const []const u8) Error!void {
            try self.parts.append(self.allocator, .{ .text = .{
                .text = try std.mem.concat(self.allocator, u8, words),
            } });
        }
    };
}

fn isOperator(c: u8) bool {
    return indexOf("+#./;?&", 0, c) < 7;
}

fn separatorOf(operator: u8) u8 {
    return switch (operator) {
        '.', '/', ';' => operator,
        else => ',',
    };
}

/// Return the reserved characters that the template has after its first variable: in text, and by its operators.
fn delimitersOf(text: []const u8) Class {
    var found: Class = .{};
    var inside = false;
    for (text[indexOf(text, 0, '{')..], indexOf(text, 0, '{')..) |c, i| {
        if (c == '{') {
            inside = true;
            if (i + 1 < text.len and text[i + 1] == ';') found.put(';', true);
            if (i + 1 < text.len and text[i + 1] == '?') break;
        } else if (c == '}') {
            inside = false;
        } else if (!inside) {
            if (c == '?') break;
            if (indexOf(":@[]!$&'()*+,;=", 0, c) < 15) found.put(c, true);
        }
    }
    return found;
}

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
    var found: std.ArrayList(Found) = .empty;
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
    if (!try self.matchParts(allocator, rest, &found)) return null;
    if (!try self.matchQuery(allocator, query, &found)) return null;
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

fn matchParts(self: UriTemplate, allocator: Allocator, uri: []const u8, found: *std.ArrayList(Found)) !bool {
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
            if (!try self.add(allocator, value.variable, uri[at..stop], found)) return false;
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
fn add(self: UriTemplate, allocator: Allocator, index: usize, text: []const u8, found: *std.ArrayList(Found)) !bool {
    const variable = self.variables[index];
    var values: std.ArrayList([]const u8) = .empty;
    if (!variable.many) {
        try values.append(allocator, try decoded(allocator, text) orelse return false);
    } else if (!try split(allocator, text, separatorOf(variable.operator), &values)) return false;
    try found.append(allocator, .{ .name = variable.name, .values = values.items });
    return true;
}

fn split(allocator: Allocator, text: []const u8, separator: u8, values: *std.ArrayList([]const u8)) !bool {
    var at: usize = 0;
    while (true) {
        const end = indexOf(text, at, separator);
        try values.append(allocator, try decoded(allocator, text[at..end]) orelse return false);
        if (end == text.len) return true;
        at = end + 1;
    }
}

/// Match the pairs of a query: each is a fixed one, or gives a variable. A list is `a=1&a=2` or `a=1,2`.
fn matchQuery(self: UriTemplate, allocator: Allocator, query: []const u8, found: *std.ArrayList(Found)) !bool {
    var given: std.ArrayList(Pair) = .empty;
    if (try pairs(allocator, query, &given) == null) return false;
    if (given.items.len > max_pairs) return false;
    const lists = try allocator.alloc(std.ArrayList([]const u8), self.variables.len);
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

/// Add the pairs of a query, with decoded names; null if one is not UTF-8.
fn pairs(allocator: Allocator, query: []const u8, list: *std.ArrayList(Pair)) !?void {
    var at: usize = 0;
    while (at < query.len) {
        const end = indexOf(query, at, '&');
        const pair = query[at..end];
        at = end + 1;
        if (pair.len == 0) continue;
        const equals = indexOf(pair, 0, '=');
        try list.append(allocator, .{
            .name = try decoded(allocator, pair[0..equals]) orelse return null,
            .value = if (equals < pair.len) pair[equals + 1 ..] else "",
        });
    }
    return {};
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

/// Decode `%XX` once; null if the result is not UTF-8.
fn decoded(allocator: Allocator, value: []const u8) Allocator.Error!?[]const u8 {
    if (indexOf(value, 0, '%') == value.len) return value;
    const buffer = try allocator.alloc(u8, value.len);
    var n: usize = 0;
    var i: usize = 0;
    while (i < value.len) : (n += 1) {
        buffer[n] = value[i];
        i += 1;
        if (buffer[n] != '%' or i + 2 > value.len) continue;
        const high = std.fmt.charToDigit(value[i], 16) catch continue;
        const low = std.fmt.charToDigit(value[i + 1], 16) catch continue;
        buffer[n] = high << 4 | low;
        i += 2;
    }
    return if (std.unicode.utf8ValidateSlice(buffer[0..n])) buffer[0..n] else null;
}

/// Return the position of a byte, or the length.
fn indexOf(text: []const u8, start: usize, byte: u8) usize {
    var i = start;
    while (i < text.len and text[i] != byte) i += 1;
    return i;
}

/// Return the reason why a URI can match in more than one way, for messages; null if none can.
///
/// Two readings of one text are followed at once, position by position; a pair of different positions that can be
/// reached and that both lead to the end is a URI with two readings.
pub fn ambiguity(self: UriTemplate, allocator: Allocator) Allocator.Error!?[]const u8 {
    const graph: Graph = try .init(allocator, self.parts);
    const size = graph.positions.len;
    const marks = try allocator.alloc(u8, size * size);
    defer allocator.free(marks);
    @memset(marks, 0);
    var queue: std.ArrayList([2]usize) = .empty;
    for (graph.first) |a| for (graph.first) |b| try graph.visit(allocator, marks, &queue, a, b);
    var n: usize = 0;
    while (n < queue.items.len) : (n += 1) {
        if (n == max_readings) return "it is too long to be matched";
        const a, const b = queue.items[n];
        for (graph.follow[a]) |c| for (graph.follow[b]) |d| try graph.visit(allocator, marks, &queue, c, d);
    }
    // Positions grow along a template, so a pair comes after all that lead to it.
    std.mem.sort([2]usize, queue.items, {}, isBefore);
    n = queue.items.len;
    while (n > 0) {
        n -= 1;
        const a, const b = queue.items[n];
        const leads = (graph.last[a] and graph.last[b]) or for (graph.follow[a]) |c| {
            const found = for (graph.follow[b]) |d| {
                if (marks[c * size + d] & 2 != 0) break true;
            } else false;
            if (found) break true;
        } else false;
        if (leads) marks[a * size + b] |= 2;
    }
    for (queue.items) |pair| {
        const a, const b = pair;
        if (a >= b or marks[a * size + b] & 2 == 0) continue;
        return try std.mem.concat(allocator, u8, &.{
            "a URI can match it in more than one way: `",
            self.nameAt(graph.positions[a].part),
            "` can contain what follows it; put a character between that values cannot contain, such as `/`",
        });
    }
    return null;
}

fn isBefore(_: void, a: [2]usize, b: [2]usize) bool {
    return a[0] + a[1] < b[0] + b[1];
}

/// Return the name of the last variable that begins at or before a part.
fn nameAt(self: UriTemplate, part: usize) []const u8 {
    var at = part + 1;
    while (at > 0) {
        at -= 1;
        switch (self.parts[at]) {
            .value => |value| return self.variables[value.variable].name,
            else => {},
        }
    }
    return if (self.variables.len > 0) self.variables[0].name else "";
}

/// Positions of a template at which one byte is read, and those that can follow each.
const Graph = struct {
    parts: []const Part,
    positions: []const Position,
    first: []const usize,
    follow: []const []const usize,
    last: []const bool,

    const Position = struct { part: usize, offset: usize };

    fn init(allocator: Allocator, parts: []const Part) Allocator.Error!Graph {
        var positions: std.ArrayList(Position) = .empty;
        const starts = try allocator.alloc(usize, parts.len);
        for (parts, starts, 0..) |part, *start, p| {
            start.* = positions.items.len;
            const count = switch (part) {
                .text => |text| text.text.len,
                .value => 1,
                .optional => 0,
            };
            for (0..count) |offset| try positions.append(allocator, .{ .part = p, .offset = offset });
        }
        const follow = try allocator.alloc([]const usize, positions.items.len);
        const last = try allocator.alloc(bool, positions.items.len);
        @memset(last, false);
        for (positions.items, follow, last, 0..) |position, *next, *is_last, index| {
            var list: std.ArrayList(usize) = .empty;
            switch (parts[position.part]) {
                .text => |text| if (position.offset + 1 < text.text.len) {
                    try list.append(allocator, index + 1);
                    next.* = list.items;
                    continue;
                },
                .value => try list.append(allocator, index),
                .optional => unreachable,
            }
            is_last.* = try reachable(allocator, parts, starts, position.part + 1, &list);
            next.* = list.items;
        }
        var first: std.ArrayList(usize) = .empty;
        _ = try reachable(allocator, parts, starts, 0, &first);
        return .{
            .parts = parts,
            .positions = positions.items,
            .first = first.items,
            .follow = follow,
            .last = last,
        };
    }

    /// Add the positions that can be read next before a part; return whether the template can end there.
    fn reachable(
        allocator: Allocator,
        parts: []const Part,
        starts: []const usize,
        from: usize,
        list: *std.ArrayList(usize),
    ) Allocator.Error!bool {
        var open: u64 = @as(u64, 1) << @intCast(from);
        var p = from;
        while (p < parts.len) : (p += 1) {
            if (open & @as(u64, 1) << @intCast(p) == 0) continue;
            const goes_on = switch (parts[p]) {
                .text => false,
                .value => |value| value.min == 0,
                .optional => |target| goes_on: {
                    open |= @as(u64, 1) << @intCast(target);
                    break :goes_on true;
                },
            };
            if (parts[p] != .optional) try list.append(allocator, starts[p]);
            if (goes_on) open |= @as(u64, 2) << @intCast(p);
        }
        return open & @as(u64, 1) << @intCast(parts.len) != 0;
    }

    fn classAt(self: Graph, position: usize) Class {
        const found = self.positions[position];
        switch (self.parts[found.part]) {
            .value => |value| return value.class,
            .text => |text| {
                var class: Class = .{};
                class.put(text.text[found.offset], true);
                return class;
            },
            .optional => unreachable,
        }
    }

    fn visit(
        self: Graph,
        allocator: Allocator,
        marks: []u8,
        queue: *std.ArrayList([2]usize),
        a: usize,
        b: usize,
    ) Allocator.Error!void {
        const place = &marks[a * self.positions.len + b];
        if (place.* != 0) return;
        if (a != b and !self.classAt(a).meets(self.classAt(b))) return;
        place.* = 1;
        try queue.append(allocator, .{ a, b });
    }
};

fn testParse(allocator: Allocator, text: []const u8) !Outcome {
    const authority = std.mem.indexOf(u8, text, "://");
    const start = if (authority) |at| at + 3 else 0;
    var end = start;
    while (authority != null and end < text.len and indexOf("/?#{", 0, text[end]) == 4) end += 1;
    return parse(allocator, text, end, true);
}

fn testMatch(text: []const u8, uri: []const u8, expected: ?[]const u8) !void {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const template = (try testParse(arena.allocator(), text)).template;
    try std.testing.expectEqual(null, try template.ambiguity(arena.allocator()));
    const found = try template.match(arena.allocator(), uri, &.{}) orelse
        return std.testing.expectEqual(null, expected);
    var written: std.ArrayList(u8) = .empty;
    for (found) |one| {
        for (one.values, 0..) |value, i| try written.appendSlice(arena.allocator(), try std.mem.concat(
            arena.allocator(),
            u8,
            &.{ if (i == 0) one.name else "", if (i == 0) "=" else "|", value },
        ));
        try written.append(arena.allocator(), ' ');
    }
    try std.testing.expectEqualStrings(expected orelse return error.TestUnexpectedResult, written.items);
}

test "values are read back" {
    try testMatch("a://{x,y}", "a://1,2", "x=1 y=2 ");
    try testMatch("a://B/{x}.txt", "a://b/c.d.txt", "x=c.d ");
    try testMatch("a://h{/x*}{?q,r*}{#f}", "a://h/1/2?r=3&q=4&r=5,6#7/8", "x=1|2 f=7/8 q=4 r=3|5|6 ");
    try testMatch("a://h{;v,w}", "a://h;w=2", "w=2 ");
    try testMatch("a://h{;v,w}", "a://h;v;w=", "w= ");
    try testMatch("a://{+path}/{name}", "a://x/y/z", "path=x/y name=z ");
    try testMatch("a://{x}0/y", "a://%C3%A90/y", "x=\xc3\xa9 ");
    try testMatch("a://{x}", "a://%C3", null);
    try testMatch("a://{x}", "a://b%2Fc", null);
    try testMatch("a://{+x}", "a://b/%2E%2E/c", null);
    try testMatch("a://b?f=1{&q}", "a://b?q=2", null);
    try testMatch("a://b?f=1{&q}", "a://b?q=2&f=1", "q=2 ");
}

fn testAmbiguous(text: []const u8) !void {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const template = (try testParse(arena.allocator(), text)).template;
    try std.testing.expect(try template.ambiguity(arena.allocator()) != null);
}

test "templates that match in more than one way" {
    for ([_][]const u8{ "a://{x}{y}", "a://{x}-{y}", "a://{+x}/{+y}", "a://{+x,y}", "a://{x}a{y}b" }) |text|
        try testAmbiguous(text);
}

test "templates that match in one way" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    for ([_][]const u8{
        "a://{x}:{y}",
        "a://{x}{.y}",
        "a://{x}{;y}",
        "a://{+x}/{y}/{z}",
        "a://{x}{/y*}",
        "a://{x*},{y}",
    }) |text| {
        const template = (try testParse(arena.allocator(), text)).template;
        try std.testing.expectEqual(null, try template.ambiguity(arena.allocator()));
    }
}

test "no text of a client or an author traps" {
    var random = std.Random.DefaultPrng.init(1);
    const letters = "a{}?&#/;.+,*=:%41\x00\xff-";
    for (0..20_000) |_| {
        var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
        defer arena.deinit();
        var text: [24]u8 = undefined;
        var uri: [24]u8 = undefined;
        for (&text) |*c| c.* = letters[random.random().uintLessThan(usize, letters.len)];
        for (&uri) |*c| c.* = letters[random.random().uintLessThan(usize, letters.len)];
        const length = random.random().uintLessThan(usize, text.len);
        switch (try parse(arena.allocator(), text[0..length], length / 3, true)) {
            .template => |template| {
                _ = try template.ambiguity(arena.allocator());
                _ = try template.match(arena.allocator(), uri[0..random.random().uintLessThan(usize, uri.len)], &.{});
            },
            .problem => |words| try std.testing.expect(words.len > 0),
        }
    }
}
