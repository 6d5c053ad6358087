const std = @import("std");
const json = @import("json.zig");
const testing = std.testing;

test "valid texts" {
    const texts = [_][]const u8{
        "0",           "-0",                 "1.10",              "1e5",                     "-1.5E-7",
        "true",        "null",               "\"\"",              "[]",                      "{}",
        " [ 1 , 2 ] ", "{\"a\":{\"b\":[]}}", "\"\\u0041\\n\\/\"", "\"\\ud83d\\ude00\"",      "[[],{},\"\",0]",
        "{\"\":{}}",   "\t{\r\n\"a\":1}",    "\"12345678901\"",   "\"\x7f\u{e9}\u{1f600}\"",
    };
    for (texts) |text| _ = json.validate(text) catch |e| {
        std.debug.print("{s}\n", .{text});
        return e;
    };
}

test "invalid texts" {
    const texts = [_][]const u8{
        "",        " ",           "01",         "-",           "1.",               "1e",
        ".5",      "+1",          "tru",        "nul",         "True",             "\"",
        "\"\\x\"", "\"\\u12g4\"", "\"\n\"",     "\"\\ud800\"", "\"\\udc00\"",      "\"\\ud800\\u0041\"",
        "\"\\u12", "[1,]",        "[,1]",       "{,}",         "{\"a\"}",          "{\"a\":}",
        "{a:1}",   "[1 2]",       "{\"a\":1,}", "[",           "{",                "]",
        "}",       "[}",          "{]",         "1 2",         "{} x",             "\xef\xbb\xbf{}",
        "NaN",     "Infinity",    "'a'",        "[1]]",        "\"12345678\x01\"",
    };
    for (texts) |text| testing.expectError(error.Syntax, json.validate(text)) catch |e| {
        std.debug.print("{s}\n", .{text});
        return e;
    };
}

test "depth is bounded" {
    const open: [json.max_depth + 1]u8 = @splat('[');
    const close: [json.max_depth + 1]u8 = @splat(']');
    try testing.expectEqual(.array, try json.validate(open[1..] ++ close[1..]));
    try testing.expectError(error.TooDeep, json.validate(&open ++ &close));
    const many: [100_000]u8 = @splat('[');
    try testing.expectError(error.TooDeep, json.validate(&many));
}

test "members are slices of the text; the last duplicate counts; escaped names match" {
    const object = "{\"a\":1.10, \"b\":{\"a\":2}, \"\\u0061\" : [ 3 ]}";
    try testing.expectEqualStrings("[ 3 ]", json.member(object, "a").?);
    try testing.expectEqualStrings("{\"a\":2}", json.member(object, "b").?);
    try testing.expectEqual(null, json.member(object, "c"));
    try testing.expectEqual(null, json.member("[]", "c"));
    var found: [3]?[]const u8 = undefined;
    for ([_][]const u8{ object, "[]", "{\"a\":", "{\"c\":1,\"b\":[2]}" }) |text| {
        json.pick(text, &.{ "b", "a", "c" }, &found);
        for ([_][]const u8{ "b", "a", "c" }, found) |name, one| {
            const wanted = json.member(text, name);
            try testing.expectEqual(wanted == null, one == null);
            if (wanted) |value| try testing.expectEqualStrings(value, one.?);
        }
    }
}

test "strings are decoded" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    const cases = [_][2][]const u8{
        .{ "\"plain\"", "plain" },
        .{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\x08\x0c\n\r\t" },
        .{ "\"\\u00e9\\ud83d\\ude00!\"", "\u{e9}\u{1f600}!" },
        .{ "\"\\ud800x\\udc00\"", "\u{fffd}x\u{fffd}" },
    };
    for (cases) |case| try testing.expectEqualStrings(case[1], try json.decodeString(arena.allocator(), case[0]));
}

test "items" {
    var scanner = json.Scanner.init("[1, [2], 3]");
    var items = try scanner.items();
    var count: usize = 0;
    while (try items.next()) : (count += 1) _ = try scanner.value();
    try scanner.end();
    try testing.expectEqual(3, count);
}

test "names of members" {
    const object = "{ \"a\" : {\"b\":1}, \"c\\\"\":\"d\", \"e\":[\"f\",{\"g\":0}],\"h\":{}}";
    for ([_][]const u8{ "a", "e", "h" }) |name| try testing.expect(json.hasName(object, name));
    for ([_][]const u8{ "b", "c", "d", "f", "g", "" }) |name| try testing.expect(!json.hasName(object, name));
    for (0..object.len) |end| _ = json.hasName(object[0..end], "h");
}

test "random bytes and cut documents never crash" {
    var prng: std.Random.DefaultPrng = .init(7);
    const random = prng.random();
    const alphabet = "{}[]\",:\\u0123456789abcdefdD8truenlsE+-. \n";
    var buffer: [64]u8 = undefined;
    for (0..200_000) |_| {
        const text = buffer[0..random.uintLessThan(usize, buffer.len)];
        for (text) |*c| c.* = alphabet[random.uintLessThan(usize, alphabet.len)];
        const verdict = json.validate(text);
        const tree = std.json.parseFromSlice(std.json.Value, testing.allocator, text, .{
            .duplicate_field_behavior = .use_last,
            .parse_numbers = false,
        });
        if (tree) |parsed| {
            parsed.deinit();
            _ = try verdict;
        } else |_| if (verdict) |_| return error.AcceptedWhatStdRefuses else |_| {}
    }
}
