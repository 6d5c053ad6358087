//! Tests of UriTemplate.zig.

const std = @import("std");
const UriTemplate = @import("UriTemplate.zig");

const Allocator = std.mem.Allocator;
const indexOf = @import("uri_template/text.zig").indexOf;
const parse = UriTemplate.parse;

fn testParse(allocator: Allocator, text: []const u8) !UriTemplate.Outcome {
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
