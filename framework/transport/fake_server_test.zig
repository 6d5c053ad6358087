//! Fake for the rest of the server in tests of the transport. It implements one method, `tools/list`.

const std = @import("std");
const lib = @import("lib");
const http = @import("http.zig");
const lifecycle = @import("lifecycle.zig");
const faults = @import("faults.zig");
const messages = @import("messages.zig");
const protocol = @import("protocol.zig");
const testing = std.testing;

pub const stored_id = "0123456789abcdef0123456789abcdef";

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

    pub fn print(peer: Peer, comptime format: []const u8, arguments: anytype) []const u8 {
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
        if (std.mem.eql(u8, request.method, "subscriptions/listen")) return .{ .raw = "[\"a\"]" };
        if (std.mem.eql(u8, request.method, "change")) return .{ .raw = "CHANGED" };
        if (std.mem.eql(u8, request.method, "level")) return .{ .raw = request.level };
        if (std.mem.eql(u8, request.method, "session")) return .{ .raw = request.session };
        if (std.mem.eql(u8, request.method, "capabilities")) return .{ .raw = request.capabilities };
        return null;
    }

    pub fn taskIds(_: Peer, reply: Reply) ?[]const u8 {
        return reply.raw;
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

pub const Bench = struct {
    state: std.heap.ArenaAllocator,
    texts: lifecycle.Texts,
    peer: Peer,

    pub fn init() Bench {
        return .{ .state = .init(testing.allocator), .texts = undefined, .peer = undefined };
    }

    pub fn server(bench: *Bench) protocol.Protocol(Peer) {
        bench.texts = .{ .allocator = bench.state.allocator() };
        bench.peer = .{ .arena = bench.state.allocator() };
        return .{ .peer = &bench.peer, .arena = bench.state.allocator(), .texts = &bench.texts, .settings = &.{} };
    }
};

pub const meta = "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," ++
    "\"io.modelcontextprotocol/clientCapabilities\":{}}";
pub const list = "{\"id\":1,\"method\":\"tools/list\",\"params\":{" ++ meta ++ "}}";
pub const old_list = "{\"id\":1,\"method\":\"tools/list\"}";
pub const changing = "{\"tools\":{\"listChanged\":true},\"resources\":{\"subscribe\":true}}";
