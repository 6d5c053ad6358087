//! Tests of sessions over HTTP, as the protocol keeps them.

const std = @import("std");
const fake_server = @import("fake_server_test.zig");
const http = @import("http.zig");
const sessions = @import("sessions.zig");
const testing = std.testing;

const Bench = fake_server.Bench;
const stored_id = fake_server.stored_id;
const list = fake_server.list;
const old_list = fake_server.old_list;
const changing = fake_server.changing;

test "sessions" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    bench.peer.capabilities = changing;
    server.delivery = .{ .embedded = 5 };
    server.sessions = .{ .on = .{ .fresh = "FRESH" } };
    const head: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{} };
    const first = try server.post(
        head,
        .{ .streams = true },
        "{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\"}}",
        {},
    );
    try testing.expectEqual(200, first.status);
    try testing.expectEqual(2, first.extra.len);
    try testing.expectEqualStrings("FRESH", first.extra[0].value);
    const state = first.extra[1].value;
    // Rejected both with an expired session and without a session.
    try testing.expectEqual(400, (try server.post(head, .{}, old_list, {})).status);
    server.sessions = .{ .on = .{ .fresh = "F", .id = "FRESH" } };
    try testing.expectEqual(404, (try server.post(head, .{}, old_list, {})).status);
    try testing.expectEqual(404, (try server.post(head, .{}, "{\"method\":\"notifications/initialized\"}", {})).status);
    server.sessions = .{ .on = .{ .fresh = "F", .id = "FRESH", .state = state } };
    const second = try server.post(head, .{}, old_list, {});
    try testing.expectEqualStrings("1 2025-06-18 TOOLS", second.body);
    try testing.expectEqual(0, second.extra.len);
    try testing.expectEqual(202, (try server.post(head, .{}, "{\"method\":\"notifications/initialized\"}", {})).status);
    // A request of 2026-07-28 has no session.
    server.sessions = .{ .on = .{ .fresh = "F", .id = "other" } };
    const modern: http.Mirror = .{ .version = .{ .text = "2026-07-28" }, .method = .{ .text = "tools/list" } };
    try testing.expectEqual(200, (try server.post(head, modern, list, {})).status);
}

test "sessions with sealed ids" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    bench.peer.capabilities = changing;
    server.delivery = .{ .embedded = 5 };
    server.sessions = .{ .sealed = .{ .id = "of another server" } };
    const head: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{} };
    const greeting = "{\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\"}}";
    const first = try server.post(head, .{ .streams = true }, greeting, {});
    try testing.expectEqual(1, first.extra.len);
    try testing.expectEqualStrings("mcp-session-id", first.extra[0].name);
    try testing.expectEqualStrings("sealed 2025-06-18", first.extra[0].value);
    // Change notifications cannot be delivered.
    try testing.expectEqual(null, std.mem.find(u8, first.body, "listChanged"));
    try testing.expectEqualStrings("", bench.peer.sent);
    // The revision is that of the id, in spite of the header.
    server.sessions = .{ .sealed = .{ .id = "sealed 2025-06-18" } };
    const mirror: http.Mirror = .{ .version = .{ .text = "2025-11-25" } };
    try testing.expectEqualStrings("1 2025-06-18 TOOLS", (try server.post(head, mirror, old_list, {})).body);
    for ([_][]const u8{ "GET", "DELETE" }) |method| {
        const other: http.Head = .{ .method = method, .target = "/mcp", .fields = &.{} };
        try testing.expectEqual(null, try server.bodiless(other, .{ .streams = true }));
    }
    server.sessions = .{ .sealed = .{ .id = "of another server" } };
    try testing.expectEqual(404, (try server.post(head, .{}, old_list, {})).status);
    // Without an id the revision is that of the header.
    server.sessions = .{ .sealed = .{} };
    try testing.expectEqualStrings("1 2025-11-25 TOOLS", (try server.post(head, mirror, old_list, {})).body);
    const failed = try server.post(head, .{}, "{\"id\":1,\"method\":\"initialize\",\"params\":{}}", {});
    try testing.expectEqual(0, failed.extra.len);
}

test "ids on the list of ended sessions" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    const head: http.Head = .{ .method = "DELETE", .target = "/mcp", .fields = &.{} };
    server.sessions = .{ .sealed = .{ .id = "sealed 2025-06-18", .listed = .open } };
    const ended = (try server.bodiless(head, .{})).?;
    try testing.expectEqual(204, ended.status);
    try testing.expectEqualStrings("end", ended.extra[0].value);
    server.sessions = .{ .sealed = .{ .id = "of another server", .listed = .open } };
    try testing.expectEqual(404, (try server.bodiless(head, .{})).?.status);
    server.sessions = .{ .sealed = .{ .id = "sealed 2025-06-18", .listed = .ended } };
    try testing.expectEqual(404, (try server.bodiless(head, .{})).?.status);
    try testing.expectEqual(404, (try server.post(head, .{}, old_list, {})).status);
}

test "sessions in the storage of the runtime" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    const head: http.Head = .{ .method = "POST", .target = "/mcp", .fields = &.{} };
    const delete: http.Head = .{ .method = "DELETE", .target = "/mcp", .fields = &.{} };
    const greeting = "{\"id\":1,\"method\":\"initialize\",\"params\":" ++
        "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"roots\":{}}}}";
    server.principal = "ab";
    // An id that the client chose is not adopted.
    server.sessions = .{ .stored = .{ .id = "ffffffffffffffffffffffffffffffff" } };
    try testing.expectEqual(404, (try server.post(head, .{}, old_list, {})).status);
    try testing.expectEqual(404, (try server.bodiless(delete, .{})).?.status);
    const first = try server.post(head, .{}, greeting, {});
    try testing.expectEqualStrings("mcp-session-id", first.extra[0].name);
    try testing.expectEqualStrings(stored_id, first.extra[0].value);
    try testing.expectEqualStrings("2025-06-18 - @ab for 86400 s", bench.peer.stored.?);
    const same: sessions.Given = .{ .stored = .{ .id = stored_id } };
    server.sessions = same;
    try testing.expectEqualStrings("1 2025-06-18 TOOLS", (try server.post(head, .{}, old_list, {})).body);
    try testing.expectEqualStrings("named", server.sessions.stored.name.?);
    bench.peer.capabilities = "{\"logging\":{}}";
    server.sessions = same;
    const level = "{\"id\":1,\"method\":\"logging/setLevel\",\"params\":{\"level\":\"error\"}}";
    try testing.expectEqual(200, (try server.post(head, .{}, level, {})).status);
    try testing.expectEqualStrings("2025-06-18 error @ab for more", bench.peer.stored.?);
    for ([_]?[]const u8{ "cd", null }) |other| {
        server.principal = other;
        server.sessions = same;
        try testing.expectEqual(404, (try server.post(head, .{}, old_list, {})).status);
        try testing.expectEqual(404, (try server.bodiless(delete, .{})).?.status);
    }
    server.principal = "ab";
    try testing.expectEqual(null, try server.bodiless(.{ .method = "GET", .target = "/mcp", .fields = &.{} }, .{}));
    try testing.expectEqual(204, (try server.bodiless(delete, .{})).?.status);
    server.sessions = same;
    try testing.expectEqual(404, (try server.post(head, .{}, old_list, {})).status);
    try testing.expectEqual(404, (try server.bodiless(delete, .{})).?.status);
    // Storage that does not last: sealed ids with keys, else no session.
    bench.peer.lasts = false;
    server.sessions = .{ .stored = .{ .seals = true } };
    try testing.expectEqualStrings("sealed 2025-06-18", (try server.post(head, .{}, greeting, {})).extra[0].value);
    server.sessions = .{ .stored = .{ .seals = true, .id = "sealed 2025-06-18" } };
    try testing.expectEqualStrings("1 2025-06-18 TOOLS", (try server.post(head, .{}, old_list, {})).body);
    server.sessions = .{ .stored = .{ .id = "sealed 2025-06-18" } };
    try testing.expectEqual(404, (try server.post(head, .{}, old_list, {})).status);
    server.sessions = .{ .stored = .{} };
    try testing.expectEqual(0, (try server.post(head, .{}, greeting, {})).extra.len);
    try testing.expectEqual(200, (try server.post(head, .{}, old_list, {})).status);
}

test "streams and ends of sessions" {
    var bench: Bench = .init();
    defer bench.state.deinit();
    var server = bench.server();
    server.delivery = .{ .embedded = 5 };
    const get: http.Head = .{ .method = "GET", .target = "/mcp", .fields = &.{} };
    const delete: http.Head = .{ .method = "DELETE", .target = "/mcp", .fields = &.{} };
    try testing.expectEqual(null, try server.bodiless(get, .{ .streams = true }));
    server.sessions = .{ .on = .{ .fresh = "F", .id = "S", .state = "2025-11-25" } };
    const opened = (try server.bodiless(get, .{ .streams = true })).?;
    try testing.expectEqual(.events, opened.kind);
    try testing.expectEqualStrings("5 attach {};", bench.peer.sent);
    try testing.expectEqual(406, (try server.bodiless(get, .{})).?.status);
    try testing.expectEqual(null, try server.bodiless(get, .{ .streams = true, .version = .{ .text = "2026-07-28" } }));
    for ([_][]const u8{ "GET", "DELETE" }) |method| {
        const missing: http.Head = .{ .method = method, .target = "/mcp/missing", .fields = &.{} };
        try testing.expectEqual(404, (try server.bodiless(missing, .{ .streams = true })).?.status);
    }
    const ended = (try server.bodiless(delete, .{})).?;
    try testing.expectEqual(204, ended.status);
    try testing.expectEqualStrings("end", ended.extra[0].value);
    server.sessions = .{ .on = .{ .fresh = "F", .id = "S" } };
    try testing.expectEqual(404, (try server.bodiless(delete, .{})).?.status);
    server.sessions = .{ .on = .{ .fresh = "F" } };
    try testing.expectEqual(null, try server.bodiless(get, .{ .streams = true }));
}
