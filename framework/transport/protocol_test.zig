//! Tests of the protocol with a fake for the rest of the server, which implements one method, `tools/list`.

const std = @import("std");
const lib = @import("lib");
const http = @import("http.zig");
const lifecycle = @import("lifecycle.zig");
const faults = @import("faults.zig");
const messages = @import("messages.zig");
const protocol = @import("protocol.zig");
const Session = @import("Session.zig");
const Settings = @import("Settings.zig");
const sessions = @import("sessions.zig");
const subscriptions = @import("subscriptions.zig");
const testing = std.testing;

const stored_id = "0123456789abcdef0123456789abcdef";

const Peer = struct {
    arena: std.mem.Allocator,
    capabilities: []const u8 = "{}",
    capabilities_here: ?[]const u8 = null,
    sent: []const u8 = "",
    lasts: bool = true,
    stored: ?[]const u8 = null,

    pub const Request = *Held;
    pub const Reply = union(enum) { raw: []const u8, failure: faults.Fault };
    pub const Output = void;
    pub const nowhere: Output = {};
    const Held = struct {
        id: []const u8,
        method: []const u8,
        params: []const u8,
        revision: []const u8 = "",
        level: []const u8 = "",
        capabilities: []const u8 = "",
        session: []const u8 = "",
    };

    fn print(peer: Peer, comptime format: []const u8, arguments: anytype) []const u8 {
        return std.fmt.allocPrint(peer.arena, format, arguments) catch unreachable;
    }

    pub fn parse(peer: Peer, body: []const u8) messages.Incoming(Request) {
        _ = lib.json.validate(body) catch return .{ .invalid = .{ .code = -32700, .body = "parse error" } };
        const method = lib.json.member(body, "method") orelse
            return if (body[0] == '{' and lib.json.member(body, "result") != null)
                .{ .response = peer.plain(lib.json.member(body, "id")) }
            else
                .{ .invalid = .{ .code = -32600, .body = "invalid request" } };
        const id = lib.json.member(body, "id") orelse return .notification;
        const given = lib.json.member(body, "params") orelse "{}";
        const held = peer.arena.create(Held) catch unreachable;
        held.* = .{ .id = id, .method = peer.plain(method).?, .params = given };
        const envelope = lib.json.member(given, "_meta") orelse "{}";
        const version = peer.plain(lib.json.member(envelope, "io.modelcontextprotocol/protocolVersion"));
        return .{ .request = .{
            .request = held,
            .method = held.method,
            .target = peer.plain(lib.json.member(given, "name")),
            .version = version,
            .fault = if (version != null and lib.json.member(
                envelope,
                "io.modelcontextprotocol/clientCapabilities",
            ) == null) .{ .code = -32602, .message = "capabilities" } else null,
        } };
    }

    fn plain(peer: Peer, raw_text: ?[]const u8) ?[]const u8 {
        const text = raw_text orelse return null;
        return if (text[0] == '"') lib.json.decodeString(peer.arena, text) catch unreachable else null;
    }

    pub fn params(_: Peer, request: Request) []const u8 {
        return request.params;
    }

    pub fn refusal(peer: Peer, fault: faults.Fault) []const u8 {
        return peer.print("- {d} {s}", .{ fault.code, fault.data orelse "" });
    }

    pub fn begin(_: Peer, request: Request, terms: messages.Terms, _: Output) ?Reply {
        request.revision = terms.revision;
        request.level = if (terms.level) |level| @tagName(level) else "none";
        request.capabilities = terms.capabilities orelse "none";
        request.session = terms.session orelse "none";
        return null;
    }

    pub fn check(_: Peer, request: Request) ?messages.Rejection(Reply) {
        if (std.mem.indexOf(u8, request.params, "forbidden") != null)
            return .{ .reply = .{ .failure = .{ .code = -32600, .message = "" } }, .denied = &.{"a:b"} };
        if (std.mem.indexOf(u8, request.params, "hidden") == null) return null;
        return .{ .reply = .{ .failure = .{ .code = -32602, .message = "" } } };
    }

    pub fn isMissing(_: Peer, path: []const u8) bool {
        return lib.bytes.equal(path, "/mcp/missing");
    }

    pub fn capabilitiesAt(peer: Peer, _: Request) ?[]const u8 {
        return peer.capabilities_here;
    }

    pub fn deny(peer: Peer, head: http.Head, scopes: []const []const u8) error{OutOfMemory}!http.Response {
        return .{ .status = 403, .body = peer.print("{s} {s}", .{ head.target, scopes[0] }) };
    }

    pub fn handle(_: Peer, request: Request) ?Reply {
        if (std.mem.eql(u8, request.method, "tools/list") or std.mem.eql(u8, request.method, "tools/call"))
            return .{ .raw = "TOOLS" };
        if (std.mem.eql(u8, request.method, "change")) return .{ .raw = "CHANGED" };
        if (std.mem.eql(u8, request.method, "level")) return .{ .raw = request.level };
        if (std.mem.eql(u8, request.method, "session")) return .{ .raw = request.session };
        if (std.mem.eql(u8, request.method, "capabilities")) return .{ .raw = request.capabilities };
        return null;
    }

    pub fn raw(_: Peer, json: []const u8) Reply {
        return .{ .raw = json };
    }

    pub fn failure(_: Peer, fault: faults.Fault) Reply {
        return .{ .failure = fault };
    }

    pub fn finish(peer: Peer, request: Request, reply: ?Reply) messages.Answer {
        const answer: Reply = reply orelse .{ .failure = .{ .code = -32601, .message = "" } };
        return switch (answer) {
            .raw => |json| .{
                .body = peer.print("{s} {s} {s}", .{ request.id, request.revision, json }),
                .changes = if (std.mem.eql(u8, request.method, "change"))
                    &.{"{\"method\":\"notifications/tools/list_changed\"}"}
                else
                    &.{},
            },
            .failure => |fault| .{
                .body = peer.print("{s} {d} {s}", .{ request.id, fault.code, fault.data orelse "" }),
                .code = fault.code,
            },
        };
    }

    pub fn sealSession(peer: Peer, session_facts: []const u8) ?[]const u8 {
        return peer.print("sealed {s}", .{session_facts});
    }

    pub fn openSession(_: Peer, id: []const u8) ?[]const u8 {
        return if (std.mem.cutPrefix(u8, id, "sealed ")) |session_facts| session_facts else null;
    }

    pub fn beginSession(peer: *Peer, state: []const u8, seconds: u64) ?[]const u8 {
        if (!peer.lasts) return null;
        peer.stored = peer.print("{s} for {d} s", .{ state, seconds });
        return stored_id;
    }

    pub fn findSession(peer: *Peer, id: []const u8) ?struct { []const u8, []const u8 } {
        const stored = peer.stored orelse return null;
        if (!std.mem.eql(u8, id, stored_id)) return null;
        return .{ "named", std.mem.cut(u8, stored, " for ").?[0] };
    }

    pub fn updateSession(peer: *Peer, _: []const u8, state: []const u8) void {
        peer.stored = peer.print("{s} for more", .{state});
    }

    pub fn endSession(peer: *Peer, _: []const u8) void {
        peer.stored = null;
    }

    pub fn subscribe(peer: Peer, request: Request, notifications: []const u8) messages.Subscription {
        return .{
            .id = request.id,
            .acknowledgement = peer.print("ack {s} {s}", .{ request.id, notifications }),
            .end = peer.print("end {s}", .{request.id}),
        };
    }

    pub fn tell(peer: *Peer, token: u32, kind: []const u8, json: []const u8) void {
        peer.sent = peer.print("{s}{d} {s} {s};", .{ peer.sent, token, kind, json });
    }

    pub fn metadata(peer: Peer) lifecycle.Metadata {
        return .{
            .implementation = "{\"name\":\"n\",\"version\":\"v\"}",
            .instructions = null,
            .capabilities = peer.capabilities,
        };
    }
};

const Bench = struct {
    state: std.heap.ArenaAllocator,
    texts: lifecycle.Texts,
    peer: Peer,

    fn init() Bench {
        return .{ .state = .init(testing.allocator), .texts = undefined, .peer = undefined };
    }

    fn server(bench: *Bench) protocol.Protocol(Peer) {
        bench.texts = .{ .allocator = bench.state.allocator() };
        bench.peer = .{ .arena = bench.state.allocator() };
        return .{ .peer = &bench.peer, .arena = bench.state.allocator(), .texts = &bench.texts, .settings = &.{} };
    }
};

const meta = "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," ++
    "\"io.modelcontextprotocol/clientCapabilities\":{}}";
const list = "{\"id\":1,\"method\":\"tools/list\",\"params\":{" ++ meta ++ "}}";
const old_list = "{\"id\":1,\"method\":\"tools/list\"}";

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

const changing = "{\"tools\":{\"listChanged\":true},\"resources\":{\"subscribe\":true}}";
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
