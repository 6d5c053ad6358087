//! Ambiguity of a URI template: whether a URI can match it in more than one way.

const std = @import("std");
const List = @import("../list.zig").List;
const UriTemplate = @import("../UriTemplate.zig");

const Allocator = std.mem.Allocator;
const Class = UriTemplate.Class;
const Part = UriTemplate.Part;

/// Limit on the pairs of positions that are compared.
const max_readings = 20_000;

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
    var queue: List([2]usize) = .empty;
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
            nameAt(self, graph.positions[a].part),
            "` can contain what follows it; put a character between them that values cannot contain, such as `/`",
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
        var positions: List(Position) = .empty;
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
            var list: List(usize) = .empty;
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
        var first: List(usize) = .empty;
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
        list: *List(usize),
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
        queue: *List([2]usize),
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
