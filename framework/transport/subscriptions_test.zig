//! Tests of subscriptions, as the protocol opens them.

const std = @import("std");
const fake_server = @import("fake_server_test.zig");
const http = @import("http.zig");
const Session = @import("Session.zig");
const subscriptions = @import("subscriptions.zig");
const testing = std.testing;

const Bench = fake_server.Bench;
const meta = fake_server.meta;
const list = fake_server.list;
const changing = fake_server.changing;

const listen = "{\"id\":7,\"method\":\"subscriptions/listen\"," ++
    "\"params\":{\"notifications\":{\"toolsListChanged\":true,\"promptsListChanged\":true}," ++ meta ++ "}}";
const change = "{\"id\":8,\"method\":\"change\",\"params\":{" ++ meta ++ "}}";

test "subscriptions on stdio" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    bench.peer.capabilities = changing;
    var subscribers: subscriptions.Subscribers = .{ .gpa = bench.state.allocator() };
    server.delivery = .{ .lines = &subscribers };
    var session: Session = .{};
    try testing.expectEqualStrings("ack 7 {\"taskIds\":[\"a\"]}", try server.line(
        "{\"id\":7,\"method\":\"subscriptions/listen\",\"params\":{" ++ meta ++
            ",\"notifications\":{\"taskIds\":[\"a\",\"b\"]}}}",
        &session,
        {},
    ));
    try testing.expectEqualStrings("ack 7 {\"toolsListChanged\":true}", try server.line(listen, &session, {}));
    try testing.expectEqualStrings("8 2026-07-28 CHANGED", try server.line(change, &session, {}));
    try testing.expectEqual(1, server.following.items.len);
    try testing.expect(std.mem.indexOf(u8, server.following.items[0], "subscriptionId\":7") != null);
    try testing.expectEqualStrings(
        "",
        try server.line("{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7}}", &session, {}),
    );
    try testing.expectEqual(0, subscribers.all.items.len);
    // A client of a handshake revision gets list changes without a request.
    _ = try server.line(
        "{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\"}}",
        &session,
        {},
    );
    try testing.expectEqualStrings(
        "2 2025-06-18 {}",
        try server.line("{\"id\":2,\"method\":\"resources/subscribe\",\"params\":{\"uri\":\"a:b\"}}", &session, {}),
    );
    try testing.expectEqualStrings("a:b", subscribers.all.items[0].keys.items[0]);
    _ = try server.line("{\"id\":3,\"method\":\"change\"}", &session, {});
    try testing.expectEqualStrings(
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}",
        server.following.items[1],
    );
    try testing.expectEqualStrings(
        "2 2025-06-18 {}",
        try server.line("{\"id\":2,\"method\":\"resources/unsubscribe\",\"params\":{\"uri\":\"a:b\"}}", &session, {}),
    );
    try testing.expectEqual(0, subscribers.all.items[0].keys.items.len);
    try testing.expectEqualStrings(
        "4 -32602 ",
        try server.line("{\"id\":4,\"method\":\"resources/subscribe\",\"params\":{}}", &session, {}),
    );
}

test "subscriptions through an embedding host" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    bench.peer.capabilities = changing;
    server.delivery = .{ .embedded = 5 };
    var session: Session = .{};
    _ = try server.line(listen, &session, {});
    _ = try server.line(change, &session, {});
    try testing.expectEqualStrings(
        "5 subscribe {\"id\":7,\"notifications\":{\"toolsListChanged\":true}," ++
            "\"end\":\"end 7\"};5 changed {\"method\":\"notifications/tools/list_changed\"};",
        bench.peer.sent,
    );
}

test "subscriptions where streams cannot be kept open" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    bench.peer.capabilities = changing;
    const head: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{} };
    var mirror: http.Mirror = .{
        .version = .{ .text = "2026-07-28" },
        .method = .{ .text = "subscriptions/listen" },
        .streams = true,
    };
    const response = try server.post(head, mirror, listen, {});
    try testing.expectEqual(200, response.status);
    try testing.expectEqual(.events, response.kind);
    try testing.expectEqualStrings("data: ack 7 {}\n\ndata: end 7\n\n", response.body);
    mirror.streams = false;
    try testing.expectEqual(400, (try server.post(head, mirror, listen, {})).status);
}
