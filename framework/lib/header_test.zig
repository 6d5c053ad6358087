const std = @import("std");
const header = @import("header.zig");
const testing = std.testing;

test "encoded values" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    try testing.expectEqualStrings("add", (try header.decode(arena, "add")).?);
    try testing.expectEqualStrings("Hello, 世界", (try header.decode(arena, "=?base64?SGVsbG8sIOS4lueVjA==?=")).?);
    try testing.expectEqualStrings(
        "=?base64?literal?=",
        (try header.decode(arena, "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=")).?,
    );
    try testing.expectEqualStrings("", (try header.decode(arena, "=?base64??=")).?);
    try testing.expectEqualStrings("=?BASE64?YQ==?=", (try header.decode(arena, "=?BASE64?YQ==?=")).?);
    for ([_][]const u8{
        "=?base64?a?=",    "=?base64?YQ=?=",  "=?base64?YR==?=",
        "=?base64?/w==?=", "=?base64?Y Q=?=",
    }) |bad| {
        try testing.expect(try header.decode(arena, bad) == null);
    }
}

const schema =
    \\{"type":"object","properties":{
    \\  "region":{"type":"string","x-mcp-header":"Region"},
    \\  "count":{"type":"integer","x-mcp-header":"Count"},
    \\  "deep":{"type":"object","properties":{"dry":{"x-mcp-header":"Dry-Run","type":"boolean"}}},
    \\  "ratio":{"type":"number","x-mcp-header":"Ratio"},
    \\  "odd":{"type":"string","x-mcp-header":"not a token"},
    \\  "items":{"type":"array","items":{"properties":{"x":{"type":"string","x-mcp-header":"Item"}}}}
    \\}}
;

test "parameters in headers" {
    const Pair = struct { []const u8, []const u8 };
    const Case = struct { arguments: []const u8, headers: []const Pair = &.{}, fine: bool };
    const cases = [_]Case{
        .{ .arguments = "{}", .fine = true },
        .{ .arguments = "[]", .fine = true },
        .{ .arguments = "{\"region\":null,\"ratio\":0.5,\"odd\":\"x\",\"items\":[{\"x\":\"y\"}]}", .fine = true },
        .{ .arguments = "{\"region\":\"us\"}", .headers = &.{.{ "mcp-param-region", " us " }}, .fine = true },
        .{ .arguments = "{\"region\":\"\\u00e9\"}", .headers = &.{
            .{ "Mcp-Param-REGION", "=?base64?w6k=?=" },
        }, .fine = true },
        .{ .arguments = "{\"region\":\"us\"}", .fine = false },
        .{ .arguments = "{\"region\":\"us\"}", .headers = &.{.{ "mcp-param-region", "US" }}, .fine = false },
        .{ .arguments = "{\"region\":\"us\"}", .headers = &.{.{ "mcp-param-region", "=?base64?dX?=" }}, .fine = false },
        .{ .arguments = "{\"region\":\"é\"}", .headers = &.{.{ "mcp-param-region", "é" }}, .fine = false },
        .{ .arguments = "{\"region\":\"us\"}", .headers = &.{
            .{ "mcp-param-region", "us" },
            .{ "mcp-param-region", "us" },
        }, .fine = false },
        .{ .arguments = "{\"region\":null}", .headers = &.{.{ "mcp-param-region", "us" }}, .fine = false },
        .{ .arguments = "{\"region\":{}}", .headers = &.{.{ "mcp-param-region", "{}" }}, .fine = false },
        .{ .arguments = "{\"count\":42}", .headers = &.{.{ "mcp-param-count", "42" }}, .fine = true },
        .{ .arguments = "{\"count\":42}", .headers = &.{.{ "mcp-param-count", "42.0" }}, .fine = true },
        .{ .arguments = "{\"count\":-42.00}", .headers = &.{.{ "mcp-param-count", "-42" }}, .fine = true },
        .{ .arguments = "{\"count\":42}", .headers = &.{.{ "mcp-param-count", "42.5" }}, .fine = false },
        .{ .arguments = "{\"count\":42}", .headers = &.{.{ "mcp-param-count", "42." }}, .fine = false },
        .{ .arguments = "{\"count\":42}", .headers = &.{.{ "mcp-param-count", "-42" }}, .fine = false },
        .{ .arguments = "{\"count\":\"42\"}", .headers = &.{.{ "mcp-param-count", "42.0" }}, .fine = false },
        .{ .arguments = "{\"deep\":{\"dry\":true}}", .headers = &.{.{ "mcp-param-dry-run", "true" }}, .fine = true },
        .{ .arguments = "{\"deep\":{\"dry\":true}}", .headers = &.{.{ "mcp-param-dry-run", "True" }}, .fine = false },
        .{ .arguments = "{\"deep\":{\"dry\":false}}", .fine = false },
        .{ .arguments = "{\"deep\":3}", .fine = true },
        .{ .arguments = "{}", .headers = &.{.{ "mcp-param-unknown", "x" }}, .fine = true },
    };
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    for (cases) |case| {
        const wrong = try header.checkParams(state.allocator(), schema, case.arguments, case.headers);
        errdefer std.debug.print("{s} {?s}\n", .{ case.arguments, wrong });
        try testing.expectEqual(case.fine, wrong == null);
    }
    const words = try header.checkParams(state.allocator(), schema, "{\"region\":\"us\"}", @as([]const Pair, &.{}));
    try testing.expectEqualStrings(
        "Header mismatch: Mcp-Param-Region is missing, but there is `params.arguments.region`",
        words.?,
    );
}
