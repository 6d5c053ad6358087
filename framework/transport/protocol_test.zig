//! Tests of the protocol.

const std = @import("std");
const lib = @import("lib");
const fake_server = @import("fake_server_test.zig");
const http = @import("http.zig");
const Session = @import("Session.zig");
const Settings = @import("Settings.zig");
const subscriptions = @import("subscriptions.zig");
const testing = std.testing;

const Bench = fake_server.Bench;
const meta = fake_server.meta;
const list = fake_server.list;
const old_list = fake_server.old_list;
const changing = fake_server.changing;

test "lines" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    const supported = "{\"supported\":[\"2026-07-28\"]}";
    const Case = struct { text: []const u8, state: []const u8 = "", body: []const u8, after: []const u8 = "" };
    const cases = [_]Case{
        .{ .text = "", .body = "" },
        .{ .text = " \r", .state = "2025-06-18", .body = "", .after = "2025-06-18" },
        .{ .text = "{", .body = "parse error" },
        .{ .text = "{", .state = "2024-11-05", .body = "parse error", .after = "2024-11-05" },
        .{ .text = "{}", .body = "invalid request" },
        .{ .text = "{\"id\":1,\"result\":{}}", .body = "" },
        .{ .text = "{\"method\":\"notifications/initialized\"}", .body = "" },
        .{ .text = list, .body = "1 2026-07-28 TOOLS" },
        .{ .text = list, .state = "2025-06-18", .body = "1 2026-07-28 TOOLS", .after = "2025-06-18" },
        .{ .text = old_list, .body = "1 -32602 " ++ supported },
        .{ .text = old_list, .state = "nonsense", .body = "1 -32602 " ++ supported },
        .{ .text = old_list, .state = "2025-06-18", .body = "1 2025-06-18 TOOLS", .after = "2025-06-18" },
        .{ .text = "{\"id\":\"a\",\"method\":\"ping\"}", .body = "\"a\" 2025-03-26 {}" },
        .{
            .text = "{\"id\":\"a\",\"method\":\"ping\"}",
            .state = "2024-11-05",
            .body = "\"a\" 2024-11-05 {}",
            .after = "2024-11-05",
        },
        .{ .text = "{\"id\":1,\"method\":\"ping\",\"params\":{" ++ meta ++ "}}", .body = "1 -32601 " },
        .{
            .text = "{\"id\":1,\"method\":\"initialize\",\"params\":{" ++
                meta ++ ",\"protocolVersion\":\"2025-06-18\"}}",
            .body = "1 -32601 " ++ supported,
        },
        .{
            .text = "{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\"}}",
            .body = "1 2025-06-18 {\"protocolVersion\":\"2025-06-18\"," ++
                "\"capabilities\":{},\"serverInfo\":{\"name\":\"n\",\"version\":\"v\"}}",
            .after = "2025-06-18",
        },
        .{
            .text = "{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2026-07-28\"}}",
            .body = "1 2025-11-25 {\"protocolVersion\":\"2025-11-25\"," ++
                "\"capabilities\":{},\"serverInfo\":{\"name\":\"n\",\"version\":\"v\"}}",
            .after = "2025-11-25",
        },
        .{ .text = "{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":3}}", .body = "1 -32602 " },
        .{
            .text = "{\"id\":1,\"method\":\"initialize\"}",
            .state = "2025-03-26",
            .body = "1 -32602 ",
            .after = "2025-03-26",
        },
        .{ .text = "{\"id\":1,\"method\":\"server/discover\"}", .body = "1 -32602 " ++ supported },
        .{
            .text = "{\"id\":1,\"method\":\"server/discover\"}",
            .state = "2025-11-25",
            .body = "1 -32601 ",
            .after = "2025-11-25",
        },
        .{ .text = "{\"id\":1,\"method\":\"nope\",\"params\":{" ++ meta ++ "}}", .body = "1 -32601 " },
        .{
            .text = "{\"id\":1,\"method\":\"tools/list\"," ++
                "\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}",
            .body = "1 -32602 ",
        },
        .{
            .text = "{\"id\":1,\"method\":\"tools/list\"," ++
                "\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"1900-\\\"\"}}}",
            .body = "1 -32022 {\"supported\":[\"2026-07-28\"],\"requested\":\"1900-\\\"\"}",
        },
        .{
            .text = "{\"id\":1,\"method\":\"tools/list\"," ++
                "\"params\":{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2025-11-25\"}}}",
            .body = "1 -32022 {\"supported\":[\"2026-07-28\"],\"requested\":\"2025-11-25\"}",
        },
        .{ .text = &@as([Settings.default_body + 1]u8, @splat('x')), .body = "- -32600 " },
    };
    for (cases) |case| {
        var session: Session = .read(case.state);
        try testing.expectEqualStrings(case.body, try server.line(case.text, &session, {}));
        try testing.expectEqualStrings(case.after, try session.text(bench.state.allocator()));
    }
    var session: Session = .{};
    const discovered =
        try server.line("{\"id\":1,\"method\":\"server/discover\",\"params\":{" ++ meta ++ "}}", &session, {});
    try testing.expect(std.mem.startsWith(
        u8,
        discovered,
        "1 2026-07-28 {\"resultType\":\"complete\",\"supportedVersions\":[\"2026-07-28\"]",
    ));
}

test "capabilities under the path of a request" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    bench.peer.capabilities = "{\"tools\":{\"listChanged\":true},\"prompts\":{\"listChanged\":true}}";
    const discover = "{\"id\":1,\"method\":\"server/discover\",\"params\":{" ++ meta ++ "}}";
    const start = "{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\"}}";
    const subscribe = "{\"id\":2,\"method\":\"subscriptions/listen\",\"params\":{\"notifications\":" ++
        "{\"toolsListChanged\":true,\"promptsListChanged\":true}," ++ meta ++ "}}";
    server.delivery = .{ .embedded = 7 };
    const prompts = "\"capabilities\":{\"prompts\":{\"listChanged\":true}}";
    for ([_]?[]const u8{ null, "{\"prompts\":{\"listChanged\":true}}", null }) |own| {
        bench.peer.capabilities_here = own;
        for ([_][]const u8{ discover, start, subscribe }) |text| {
            var session: Session = .{};
            bench.peer.sent = "";
            const answer = try server.line(text, &session, {});
            if (text.ptr == subscribe.ptr) {
                try testing.expectEqual(own == null, std.mem.indexOf(u8, answer, "toolsListChanged") != null);
                try testing.expect(std.mem.indexOf(u8, answer, "promptsListChanged") != null);
                continue;
            }
            try testing.expectEqual(own == null, std.mem.indexOf(u8, answer, "\"tools\"") != null);
            if (own != null) try testing.expect(std.mem.indexOf(u8, answer, prompts) != null);
            const told = std.mem.indexOf(u8, bench.peer.sent, "toolsListChanged") != null;
            try testing.expectEqual(own == null and text.ptr == start.ptr, told);
        }
    }
}

test "log levels of handshake revisions" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    const choose = "{\"id\":1,\"method\":\"logging/setLevel\",\"params\":{\"level\":\"alert\"}}";
    const nonsense = "{\"id\":1,\"method\":\"logging/setLevel\",\"params\":{\"level\":\"loud\"}}";
    const level = "{\"id\":1,\"method\":\"level\"}";
    var session: Session = .{ .revision = "2025-06-18" };
    try testing.expectEqualStrings("1 -32601 ", try server.line(choose, &session, {}));
    try testing.expectEqualStrings("1 2025-06-18 info", try server.line(level, &session, {}));
    bench.texts.offering = .initFill(null);
    bench.peer.capabilities = "{\"logging\":{}}";
    try testing.expectEqualStrings("1 2025-06-18 {}", try server.line(choose, &session, {}));
    try testing.expectEqualStrings("1 -32602 ", try server.line(nonsense, &session, {}));
    try testing.expectEqualStrings("1 2025-06-18 alert", try server.line(level, &session, {}));
    try testing.expectEqualStrings("2025-06-18 alert", try session.text(bench.state.allocator()));
    // 2026-07-28 carries the log level on each request.
    try testing.expectEqualStrings(
        "1 2026-07-28 none",
        try server.line("{\"id\":1,\"method\":\"level\",\"params\":{" ++ meta ++ "}}", &session, {}),
    );
    _ = try server.line(
        "{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\"}}",
        &session,
        {},
    );
    try testing.expectEqualStrings("1 2025-11-25 info", try server.line(level, &session, {}));
}

test "batches of 2025-03-26" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    const ping = "{\"id\":2,\"method\":\"ping\"}";
    const Case = struct { text: []const u8, body: []const u8 };
    const cases = [_]Case{
        .{ .text = "[" ++ old_list ++ ", " ++ ping ++ "]", .body = "[1 2025-03-26 TOOLS,2 2025-03-26 {}]" },
        .{ .text = "[{\"method\":\"notifications/x\"},{\"id\":1,\"result\":{}}]", .body = "" },
        .{ .text = "[{\"method\":\"notifications/x\"}," ++ ping ++ "]", .body = "[2 2025-03-26 {}]" },
        .{ .text = "[1," ++ list ++ "]", .body = "[invalid request,1 -32600 ]" },
        .{
            .text = "[{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-03-26\"}}]",
            .body = "[1 -32600 ]",
        },
        .{ .text = " [ ] ", .body = "invalid request" },
        .{ .text = "[" ++ ping ++ ",]", .body = "parse error" },
        .{ .text = "[" ++ ping, .body = "parse error" },
        .{ .text = "[" ++ @as([200]u8, @bitCast(@as([100][2]u8, @splat("1,".*)))) ++ "1]", .body = "- -32600 " },
    };
    const fields = [_]http.Field{.{ .name = "content-type", .value = "application/json" }};
    const head: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &fields };
    for (cases) |case| {
        var session: Session = .{ .revision = "2025-03-26" };
        try testing.expectEqualStrings(case.body, try server.line(case.text, &session, {}));
        const response = try server.post(head, http.admit(head, &.{}).admitted, case.text, {});
        try testing.expectEqualStrings(case.body, response.body);
        if (case.body.len == 0) try testing.expectEqual(202, response.status);
    }
    var later: Session = .{ .revision = "2025-06-18" };
    try testing.expectEqualStrings("invalid request", try server.line("[" ++ ping ++ "]", &later, {}));
}

const call = "{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"\u{e9}\"," ++ meta ++ "}}";

test "posts" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    const modern = "mcp-protocol-version: 2026-07-28\n";
    const listed = modern ++ "mcp-method: tools/list\n";
    const called = modern ++ "mcp-method: tools/call\n";
    const Case = struct { fields: []const u8 = "", body: []const u8, status: u16, answer: []const u8 };
    const cases = [_]Case{
        .{ .body = "{", .status = 400, .answer = "parse error" },
        .{ .body = "", .status = 400, .answer = "parse error" },
        .{ .body = "\"\xff\"", .status = 400, .answer = "- -32700 " },
        .{ .body = "{\"method\":\"notifications/initialized\"}", .status = 202, .answer = "" },
        .{ .fields = modern, .body = "{\"method\":\"notifications/cancelled\"}", .status = 202, .answer = "" },
        .{
            .fields = "mcp-protocol-version: 1\n",
            .body = "{\"method\":\"notifications/cancelled\"}",
            .status = 400,
            .answer = "- -32022 {\"supported\":[\"2026-07-28\"],\"requested\":\"1\"}",
        },
        .{ .body = "{\"id\":1,\"result\":{}}", .status = 202, .answer = "" },
        .{ .fields = modern, .body = "{\"id\":1,\"result\":{}}", .status = 400, .answer = "- -32600 " },
        // 2026-07-28
        .{ .fields = listed, .body = list, .status = 200, .answer = "1 2026-07-28 TOOLS" },
        .{
            .fields = "MCP-Method:  tools/list \nMCP-PROTOCOL-VERSION: 2026-07-28\n",
            .body = list,
            .status = 200,
            .answer = "1 2026-07-28 TOOLS",
        },
        .{ .fields = modern, .body = list, .status = 400, .answer = "1 -32020 " },
        .{ .fields = "", .body = list, .status = 400, .answer = "1 -32020 " },
        .{ .fields = listed ++ "mcp-method: tools/list\n", .body = list, .status = 400, .answer = "1 -32020 " },
        .{ .fields = modern ++ "mcp-method: tools/List\n", .body = list, .status = 400, .answer = "1 -32020 " },
        .{
            .fields = "mcp-protocol-version: 2025-11-25\nmcp-method: tools/list\n",
            .body = list,
            .status = 400,
            .answer = "1 -32020 ",
        },
        .{ .fields = listed, .body = old_list, .status = 400, .answer = "1 -32602 {\"supported\":[\"2026-07-28\"]}" },
        .{
            .fields = "mcp-protocol-version: 1\n",
            .body = old_list,
            .status = 400,
            .answer = "1 -32022 {\"supported\":[\"2026-07-28\"],\"requested\":\"1\"}",
        },
        .{
            .fields = modern ++ "mcp-protocol-version: 2025-03-26\n",
            .body = old_list,
            .status = 400,
            .answer = "1 -32020 ",
        },
        .{
            .fields = modern ++ "mcp-method: ping\n",
            .body = "{\"id\":1,\"method\":\"ping\",\"params\":{" ++ meta ++ "}}",
            .status = 404,
            .answer = "1 -32601 ",
        },
        .{
            .fields = called ++ "mcp-name: =?base64?w6k=?=\n",
            .body = call,
            .status = 200,
            .answer = "1 2026-07-28 TOOLS",
        },
        .{ .fields = called ++ "mcp-name: \u{e9}\n", .body = call, .status = 400, .answer = "1 -32020 " },
        .{ .fields = called ++ "mcp-name: =?base64?w6k?=\n", .body = call, .status = 400, .answer = "1 -32020 " },
        .{ .fields = called ++ "mcp-name: e\n", .body = call, .status = 400, .answer = "1 -32020 " },
        .{ .fields = called, .body = call, .status = 400, .answer = "1 -32020 " },
        // Handshake revisions
        .{ .body = old_list, .status = 200, .answer = "1 2025-03-26 TOOLS" },
        .{
            .fields = "mcp-protocol-version: 2024-11-05\n",
            .body = old_list,
            .status = 200,
            .answer = "1 2024-11-05 TOOLS",
        },
        .{
            .fields = "mcp-protocol-version: 2025-11-25\n",
            .body = "{\"id\":1,\"method\":\"nope\"}",
            .status = 200,
            .answer = "1 -32601 ",
        },
        .{
            .body = "{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2024-11-05\"}}",
            .status = 200,
            .answer = "1 2024-11-05 {\"protocolVersion\":\"2024-11-05\"," ++
                "\"capabilities\":{},\"serverInfo\":{\"name\":\"n\",\"version\":\"v\"}}",
        },
        .{ .body = "{\"id\":1,\"method\":\"ping\"}", .status = 200, .answer = "1 2025-03-26 {}" },
    };
    const common = [_]http.Field{.{ .name = "content-type", .value = "application/json" }};
    for (cases) |case| {
        var fields: lib.List(http.Field) = .empty;
        defer fields.deinit(testing.allocator);
        try fields.appendSlice(testing.allocator, &common);
        try http.readFields(testing.allocator, &fields, case.fields);
        const head: http.Head = .{ .method = "POST", .target = "/mcp", .fields = fields.items };
        const response = try server.post(head, http.admit(head, &.{}).admitted, case.body, {});
        errdefer std.debug.print("{s}{s}\n", .{ case.fields, case.body });
        try testing.expectEqualStrings(case.answer, response.body);
        try testing.expectEqual(case.status, response.status);
    }
}

test "client capabilities of a handshake revision are kept" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    var session: Session = .{};
    _ = try server.line("{\"id\":1,\"method\":\"initialize\"," ++
        "\"params\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"roots\":{}}}}", &session, {});
    try testing.expectEqualStrings("{\"roots\":{}}", session.capabilities.?);
    try testing.expectEqualStrings(
        "2 2025-11-25 {\"roots\":{}}",
        try server.line("{\"id\":2,\"method\":\"capabilities\"}", &session, {}),
    );
    // The connection is a session.
    try testing.expectEqualStrings(
        "3 2025-11-25 stdio",
        try server.line("{\"id\":3,\"method\":\"session\"}", &session, {}),
    );
    _ = try server.line("{\"id\":\"ours\",\"result\":{}}", &session, {});
    try testing.expectEqualStrings("ours", server.received.items[0].answer.id);
}

test "responses and cancellations for suspended requests, also in a batch" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    var session: Session = .{ .revision = "2025-03-26" };
    const response = "{\"id\":\"ours\",\"result\":{}}";
    const notification = "{\"method\":\"notifications/cancelled\"}";
    try testing.expectEqualStrings(
        "",
        try server.line("[" ++ response ++ " , " ++ notification ++ ",{\"id\":1,\"result\":{}}]", &session, {}),
    );
    try testing.expectEqual(2, server.received.items.len);
    try testing.expectEqualStrings("ours", server.received.items[0].answer.id);
    try testing.expectEqualStrings(response, server.received.items[0].answer.message);
    try testing.expectEqualStrings(notification, server.received.items[1].notification);
    try testing.expectEqualStrings("", try server.line(notification, &session, {}));
    try testing.expectEqualStrings(notification, server.received.items[2].notification);
}

test "requests that the access rules reject" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    bench.peer.capabilities = changing;
    var subscribers: subscriptions.Subscribers = .{ .gpa = bench.state.allocator() };
    server.delivery = .{ .lines = &subscribers };
    var session: Session = .{};
    const hidden = "{\"notifications\":{\"toolsListChanged\":true},\"name\":\"hidden\"," ++ meta ++ "}}";
    for ([_][]const u8{ "subscriptions/listen", "tools/call", "server/discover" }) |method| {
        const line = bench.peer.print("{{\"id\":7,\"method\":\"{s}\",\"params\":{s}", .{ method, hidden });
        try testing.expectEqualStrings("7 -32602 ", try server.line(line, &session, {}));
    }
    try testing.expectEqual(0, subscribers.all.items.len);
    const older = "{\"id\":9,\"method\":\"ping\",\"params\":{\"name\":\"hidden\"}}";
    try testing.expectEqualStrings("9 -32602 ", try server.line(older, &session, {}));
}
