//! Tests of the decisions from the head of a request.

const std = @import("std");
const http = @import("http.zig");
const Settings = @import("Settings.zig");
const testing = std.testing;

fn verdict(method: []const u8, target: []const u8, fields: []const http.Field) u16 {
    return switch (http.admit(.{ .method = method, .target = target, .fields = fields }, &.{})) {
        .refused => |response| response.status,
        .bodiless => http.not_allowed.status,
        .admitted => 0,
    };
}

const plain = [_]http.Field{
    .{ .name = "Content-Type", .value = "application/json; charset=utf-8" },
    .{ .name = "accept", .value = "application/json, text/event-stream" },
};

test "the endpoint" {
    for ([_][]const u8{ "/mcp", "/mcp/", "/mcp?x=1", "/mcp/below" }) |target|
        try testing.expectEqual(0, verdict("POST", target, &plain));
    for ([_][]const u8{ "/", "", "/mcpx", "/MCP", "/a/mcp", "/?/mcp" }) |target|
        try testing.expectEqual(404, verdict("POST", target, &plain));
    for ([_][]const u8{ "GET", "DELETE", "PUT", "OPTIONS", "post", "" }) |method|
        try testing.expectEqual(405, verdict(method, "/mcp", &plain));
}

test "origins" {
    const good = [_][]const u8{
        "http://localhost",   "http://localhost:8080", "https://127.0.0.1:1",
        "http://[::1]:65535", "HTTP://LOCALHOST:1",
    };
    const bad = [_][]const u8{
        "http://evil.example",           "null",                                  "",
        "http://localhost.evil.example", "http://localhost:80.evil.example",      "http://localhost:",
        "http://localhost:123456",       "file://localhost",                      "http://127.0.0.1@evil.example",
        "localhost",                     "http://evil.example, http://localhost",
    };
    for (good) |origin| try testing.expectEqual(
        0,
        verdict("POST", "/mcp", &(plain ++ [_]http.Field{.{ .name = "Origin", .value = origin }})),
    );
    for (bad) |origin| try testing.expectEqual(
        403,
        verdict("POST", "/mcp", &(plain ++ [_]http.Field{.{ .name = "ORIGIN", .value = origin }})),
    );
}

test "headers of a response" {
    const refused = http.admit(.{ .method = "PUT", .target = "/mcp", .fields = &.{} }, &.{}).refused;
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const given = try refused.headers(state.allocator());
    try testing.expectEqualStrings("text/plain; charset=utf-8", given[0].value);
    try testing.expectEqualStrings("POST", given[1].value);
    const accepted: http.Response = .{ .status = 202 };
    try testing.expectEqual(0, (try accepted.headers(state.allocator())).len);
    const begun: http.Response = .{ .status = 0, .body = "data", .extra = &.{.{ .name = "a", .value = "b" }} };
    try testing.expectEqual(0, (try begun.headers(state.allocator())).len);
}

test "media types" {
    const Case = struct { content_type: []const u8, accept: ?[]const u8, status: u16, streams: bool = false };
    const cases = [_]Case{
        .{ .content_type = "application/json", .accept = null, .status = 0 },
        .{ .content_type = "Application/JSON ;charset=utf-8", .accept = "*/*", .status = 0, .streams = true },
        .{ .content_type = "application/json", .accept = "application/json", .status = 0 },
        .{ .content_type = "application/json", .accept = "application/*;q=0.5, text/*", .status = 0, .streams = true },
        .{ .content_type = "application/json", .accept = "text/event-stream", .status = 406 },
        .{ .content_type = "application/json", .accept = "text/html", .status = 406 },
        .{ .content_type = "application/json", .accept = "*/*, application/json;q=0.0", .status = 406 },
        .{ .content_type = "application/json", .accept = "text/event-stream;q=0,*/*", .status = 0 },
        .{ .content_type = "application/json", .accept = "", .status = 406 },
        .{ .content_type = "text/plain", .accept = "*/*", .status = 415 },
        .{ .content_type = "application/jsonx", .accept = "*/*", .status = 415 },
        .{ .content_type = "", .accept = "*/*", .status = 415 },
    };
    for (cases) |case| {
        var fields =
            [_]http.Field{ .{ .name = "content-type", .value = case.content_type }, .{ .name = "x", .value = "" } };
        if (case.accept) |value| fields[1] = .{ .name = "Accept", .value = value };
        switch (http.admit(.{ .method = "POST", .target = "/mcp", .fields = &fields }, &.{})) {
            .refused => |response| try testing.expectEqual(case.status, response.status),
            .bodiless => unreachable,
            .admitted => |mirror| {
                try testing.expectEqual(case.status, 0);
                try testing.expectEqual(case.streams, mirror.streams);
            },
        }
    }
    try testing.expectEqual(415, verdict("POST", "/mcp", &.{}));
    for ([_][]const u8{ "application/json", "text/plain" }) |again| {
        const twice = [_]http.Field{
            .{ .name = "Content-Type", .value = "application/json" },
            .{ .name = "content-type", .value = again },
        };
        try testing.expectEqual(415, verdict("POST", "/mcp", &twice));
    }
}

test "announced length" {
    const just = plain ++ [_]http.Field{.{ .name = "Content-Length", .value = "4194304" }};
    const over = plain ++ [_]http.Field{.{ .name = "Content-Length", .value = "4194305" }};
    try testing.expect(!http.admit(.{ .method = "POST", .target = "/mcp", .fields = &just }, &.{}).admitted.too_large);
    try testing.expect(http.admit(.{ .method = "POST", .target = "/mcp", .fields = &over }, &.{}).admitted.too_large);
}

test "mirrored headers" {
    const fields = plain ++ [_]http.Field{
        .{ .name = "mcp-protocol-version", .value = " 2026-07-28\t" },
        .{ .name = "MCP-METHOD", .value = "tools/call" },
        .{ .name = "Mcp-Name", .value = "a" },
        .{ .name = "mcp-name", .value = "b" },
    };
    const mirror = http.admit(.{ .method = "POST", .target = "/mcp", .fields = &fields }, &.{}).admitted;
    try testing.expectEqualStrings("2026-07-28", mirror.version.text);
    try testing.expectEqualStrings("tools/call", mirror.method.text);
    try testing.expect(mirror.name == .bad);
    const odd = http.admit(.{ .method = "POST", .target = "/mcp", .fields = &(plain ++ [_]http.Field{
        .{ .name = "mcp-name", .value = "\xc3\xa9" },
    }) }, &.{}).admitted;
    try testing.expect(odd.name == .bad);
}

test "origins that the operator allows" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    var settings: Settings = .{ .require_origin = true };
    try testing.expectEqual(null, try settings.configure(state.allocator(), &[_]struct { []const u8, []const u8 }{
        .{ "WASMCP_ALLOWED_ORIGINS", "https://a.test" },
    }, .all));
    const from = struct {
        fn from(origin: []const u8) [4]http.Field {
            return plain ++ [_]http.Field{
                .{ .name = "Origin", .value = origin },
                .{ .name = "Access-Control-Request-Headers", .value = "mcp-param-x" },
            };
        }
    }.from;
    const preflight: http.Head = .{ .method = "OPTIONS", .target = "/mcp", .fields = &from("https://a.test") };
    try testing.expectEqual(204, http.admit(preflight, &settings).refused.status);
    const fields = try http.crossOrigin(state.allocator(), preflight, &settings);
    try testing.expectEqualStrings("https://a.test", fields[0].value);
    try testing.expectEqualStrings("mcp-param-x", fields[fields.len - 1].value);
    const posted: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &from("https://a.test") };
    try testing.expect(http.admit(posted, &settings) == .admitted);
    try testing.expectEqual(3, (try http.crossOrigin(state.allocator(), posted, &settings)).len);
    const foreign: http.Head = .{ .method = "OPTIONS", .target = "/mcp", .fields = &from("http://localhost") };
    try testing.expectEqual(403, http.admit(foreign, &settings).refused.status);
    try testing.expectEqual(0, (try http.crossOrigin(state.allocator(), foreign, &settings)).len);
    const nowhere: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &plain };
    try testing.expectEqual(403, http.admit(nowhere, &settings).refused.status);
}

test "GET and DELETE of handshake revisions" {
    for ([_][]const u8{ "GET", "DELETE" }) |method| {
        const head: http.Head = .{ .method = method, .target = "/mcp", .fields = &.{
            .{ .name = "Accept", .value = "text/event-stream" },
        } };
        try testing.expect(http.admit(head, &.{}).bodiless.streams);
        const foreign: http.Head = .{ .method = method, .target = "/mcp", .fields = &.{
            .{ .name = "Origin", .value = "http://example.com" },
        } };
        try testing.expectEqual(403, http.admit(foreign, &.{}).refused.status);
    }
}
