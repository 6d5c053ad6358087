const std = @import("std");
const json = @import("json.zig");
const Writer = @import("Writer.zig");
const testing = std.testing;

test "commas and strings" {
    var w = Writer.init(testing.allocator);
    defer w.deinit();
    try w.open('{');
    try w.key("a");
    try w.open('[');
    try w.integer(-3);
    try w.boolean(true);
    try w.string("q\"\\\n\x01\u{e9}");
    try w.close(']');
    try w.key("b");
    try w.open('{');
    try w.close('}');
    try w.keyText("c\n");
    try w.base64("\x00\xff\x10!");
    try w.close('}');
    try testing.expectEqualStrings(
        "{\"a\":[-3,true,\"q\\\"\\\\\\n\\u0001\u{e9}\"],\"b\":{},\"c\\n\":\"AP8QIQ==\"}",
        w.text(),
    );
    _ = try json.validate(w.text());
}

test "comma after a string that ends in a bracket" {
    var w = Writer.init(testing.allocator);
    defer w.deinit();
    try w.open('[');
    for ([_][]const u8{ "{", "[", ":", ",", " " }) |text| try w.string(text);
    try w.close(']');
    try testing.expectEqualStrings("[\"{\",\"[\",\":\",\",\",\" \"]", w.text());
}

test "numbers" {
    const cases = .{
        .{ 0.0, "0" },
        .{ 50.0, "50" },
        .{ 0.1, "0.1" },
        .{ -1.5, "-1.5" },
        .{ 9007199254740991.0, "9007199254740991" },
        .{ 5.1358007003397904e16, "5.13580070033979e16" },
        .{ 1e300, "1e300" },
        .{ 5e-324, "5e-324" },
        .{ 1e-7, "0.0000001" },
    };
    inline for (cases) |case| {
        var w = Writer.init(testing.allocator);
        defer w.deinit();
        try w.float(case[0]);
        try testing.expectEqualStrings(case[1], w.text());
    }
}

test "component JSON is validated and put on one line" {
    var w = Writer.init(testing.allocator);
    defer w.deinit();
    try testing.expectEqual(.object, try w.embed(
        " {\r\n  \"a\\n\": [1.10,\n 2],\"s\":\"\\ud83d\\ude00\\ud800\\udc00\\udc00\\\\ud800\"} ",
    ));
    try testing.expectEqualStrings(
        "{  \"a\\n\": [1.10, 2],\"s\":\"\\ud83d\\ude00\\ud800\\udc00\\ufffd\\\\ud800\"}",
        w.text(),
    );
    for ([_][]const u8{ "", "{", "{} {}", "nope", "\"\n\"" }) |bad|
        try testing.expectError(error.InvalidJson, w.embed(bad));
}
