const std = @import("std");
const envelope = @import("envelope.zig");
const testing = std.testing;

var arena_state: std.heap.ArenaAllocator = .init(std.heap.page_allocator);
const arena = arena_state.allocator();

fn request(text: []const u8) !envelope.Request {
    return switch (try envelope.read(arena, text)) {
        .request => |r| r,
        else => |other| {
            std.debug.print("{any}\n", .{other});
            return error.NotARequest;
        },
    };
}

const meta = "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," ++
    "\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{}}";

test "a call of 2026-07-28" {
    const r = try request("{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0062\",\"method\":\"tools/call\"," ++
        "\"params\":{\"name\":\"add\",\"arguments\":{ \"a\": 1.10 }," ++
        meta ++ ",\"progressToken\":7,\"io.modelcontextprotocol/logLevel\":\"error\"}}}");
    try testing.expectEqualStrings("\"a\\u0062\"", r.id);
    try testing.expectEqual(.@"tools/call", r.method);
    try testing.expectEqualStrings("add", r.target.?);
    try testing.expectEqualStrings("{ \"a\": 1.10 }", r.arguments.?);
    try testing.expectEqualStrings("2026-07-28", r.version.?);
    try testing.expectEqualStrings("{\"elicitation\":{}}", r.capabilities);
    try testing.expectEqualStrings("7", r.progress_token.?);
    try testing.expectEqual(.@"error", r.log_level.?);
    try testing.expectEqual(null, r.fault);
}

test "a list request of a handshake revision" {
    const r = try request("{\"id\":-0,\"method\":\"tools\\/list\",\"params\":{\"cursor\":\"\"},\"jsonrpc\":\"2.0\"}");
    try testing.expectEqual(.@"tools/list", r.method);
    try testing.expectEqualStrings("", r.cursor.?);
    try testing.expectEqual(null, r.version);
    try testing.expectEqual(null, r.fault);
    try testing.expectEqualStrings("{}", (try request("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}")).params);
}

test "the last of duplicate members replaces the others" {
    const r = try request("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"tools/call\"," ++
        "\"params\":{\"name\":\"a\",\"arguments\":{}},\"params\":{\"name\":\"b\",\"n\\u0061me\":\"c\"}}");
    try testing.expectEqualStrings("2", r.id);
    try testing.expectEqualStrings("c", r.target.?);
    try testing.expectEqual(null, r.arguments);
}

test "null counts as absent" {
    const call = try request(
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"arguments\":null}}",
    );
    try testing.expectEqual(null, call.fault);
    try testing.expectEqual(null, call.arguments);
    const list = try request("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":null}}");
    try testing.expectEqual(null, list.fault);
    try testing.expectEqual(null, list.cursor);
}

test "faults" {
    const prefix = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":";
    const cases = [_][2][]const u8{
        .{ "\"tools/call\"}", "`params.name`" },
        .{ "\"tools/call\",\"params\":[]}", "`params`" },
        .{ "\"x\",\"params\":null}", "`params`" },
        .{ "\"tools/call\",\"params\":{\"name\":3}}", "`params.name`" },
        .{ "\"tools/call\",\"params\":{\"name\":\"a\",\"arguments\":[]}}", "`params.arguments`" },
        .{ "\"resources/read\",\"params\":{}}", "`params.uri`" },
        .{ "\"tools/list\",\"params\":{\"cursor\":1}}", "`params.cursor`" },
        .{ "\"tools/list\",\"params\":{\"_meta\":1}}", "`params._meta`" },
        .{ "\"tools/list\",\"params\":{\"_meta\":{\"progressToken\":1.5}}}", "progressToken" },
        .{
            "\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":1}}}",
            "protocolVersion",
        },
        .{
            "\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"x\"}}}",
            "clientCapabilities\"]` is missing",
        },
        .{
            "\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"x\"," ++
                "\"io.modelcontextprotocol/clientCapabilities\":[]}}}",
            "clientCapabilities\"]` must",
        },
        .{ "\"tools/list\",\"params\":{" ++ meta ++ ",\"io.modelcontextprotocol/clientInfo\":0}}}", "clientInfo" },
        .{ "\"tools/list\",\"params\":{" ++ meta ++ ",\"io.modelcontextprotocol/logLevel\":\"loud\"}}}", "logLevel" },
        .{ "\"tools/call\",\"params\":{\"name\":\"a\",\"requestState\":1," ++ meta ++ "}}}", "requestState" },
        .{ "\"tools/call\",\"params\":{\"name\":\"a\",\"inputResponses\":1," ++ meta ++ "}}}", "inputResponses" },
    };
    for (cases) |case| {
        const r = try request(try std.mem.concat(arena, u8, &.{ prefix, case[0] }));
        const words = r.fault orelse return error.NoFault;
        testing.expect(std.mem.find(u8, words, case[1]) != null) catch |e| {
            std.debug.print("{s}: {s}\n", .{ case[0], words });
            return e;
        };
    }
    // Clients of handshake revisions do not need the members that 2026-07-28 requires.
    try testing.expectEqual(null, (try request(prefix ++ "\"tools/list\",\"params\":{\"_meta\":{}}}")).fault);
}

test "invalid messages" {
    const cases = [_]struct { []const u8, i32, ?[]const u8 }{
        .{ "", -32700, null },
        .{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"", -32700, null },
        .{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\ud800\"}", -32700, null },
        .{ "[]", -32600, null },
        .{ "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}]", -32600, null },
        .{ "3", -32600, null },
        .{ "{\"id\":1,\"method\":\"x\"}", -32600, "1" },
        .{ "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"x\"}", -32600, "1" },
        .{ "{\"jsonrpc\":\"2.0\",\"id\":1}", -32600, "1" },
        .{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":3}", -32600, "1" },
        .{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", -32600, null },
        .{ "{\"jsonrpc\":\"2.0\",\"id\":1.0,\"method\":\"x\"}", -32600, null },
        .{ "{\"jsonrpc\":\"2.0\",\"id\":1e2,\"method\":\"x\"}", -32600, null },
        .{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}", -32600, null },
        .{ "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"x\"}", -32600, null },
    };
    for (cases) |case| switch (try envelope.read(arena, case[0])) {
        .invalid => |wrong| {
            try testing.expectEqual(case[1], wrong.code);
            try testing.expectEqualDeep(case[2], wrong.id);
        },
        else => {
            std.debug.print("{s}\n", .{case[0]});
            return error.Accepted;
        },
    };
    const deep: [200]u8 = @splat('[');
    try testing.expectEqual(-32600, (try envelope.read(arena, &deep)).invalid.code);
    const long = try arena.alloc(u8, envelope.max_body + 1);
    try testing.expectEqual(-32600, (try envelope.read(arena, long)).invalid.code);
}

test "notifications and responses" {
    try testing.expectEqualStrings(
        "a/b",
        (try envelope.read(arena, "{\"jsonrpc\":\"2.0\",\"method\":\"a/b\"}")).notification.method,
    );
    try testing.expect(try envelope.read(arena, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}") == .response);
    try testing.expect(try envelope.read(arena, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{}}") == .response);
}

test "cancellation" {
    const line = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"\\u0061\"}}";
    const id = (try envelope.cancelledId(arena, line)).?;
    try testing.expect(try envelope.sameId(arena, id, "\"a\""));
    try testing.expect(!try envelope.sameId(arena, "1", "\"1\""));
    try testing.expectEqual(
        null,
        try envelope.cancelledId(arena, "{\"jsonrpc\":\"2.0\",\"method\":\"tools/list\",\"id\":1}"),
    );
    try testing.expectEqual(null, try envelope.cancelledId(arena, "\"notifications/cancelled"));
}
