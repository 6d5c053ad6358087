//! What is answered to whom: the one place that decides it, for lines and for HTTP alike.
//!
//! `Peer` is what the decisions are carried out with, the rest of the server (or a stand-in for it in tests):
//!
//! * `Request`, `Reply`: handles; `Output`: where the events of a request go
//! * `parse(body) Incoming(Request)`, `params(request) []const u8`, `refusal(Fault) []const u8`
//! * `begin(request, Terms, Output) ?Reply` (the answer, when it may not go on), `handle(request) ?Reply`, `finish(request, ?Reply) Answer`
//! * `nowhere`: the `Output` for events that nobody is to see
//! * `raw(json) Reply`, `failure(Fault) Reply`, `metadata() lifecycle.Metadata`
//! * `subscribe(request, filter) Subscription`, `tell(token, kind, json)`

const std = @import("std");
const lib = @import("lib");
const faults = @import("faults.zig");
const http = @import("http.zig");
const lifecycle = @import("lifecycle.zig");
const revisions = @import("revisions.zig");
const sessions = @import("sessions.zig");
const subscriptions = @import("subscriptions.zig");
const Session = @import("Session.zig");
const Settings = @import("Settings.zig");

const Allocator = std.mem.Allocator;
const Error = error{OutOfMemory};

pub const Fault = faults.Fault;

/// What a text turned out to be.
pub fn Incoming(comptime Request: type) type {
    return union(enum) {
        request: Opened(Request),
        notification,
        /// The client's answer to a request of ours: its id.
        response: ?[]const u8,
        invalid: struct { code: i32, body: []const u8 },
    };
}

/// A request that could be read.
pub fn Opened(comptime Request: type) type {
    return struct {
        request: Request,
        method: []const u8,
        target: ?[]const u8 = null,
        version: ?[]const u8 = null,
        fault: ?Fault = null,
    };
}

/// A message to send back.
pub const Answer = struct {
    body: []const u8,
    code: ?i32 = null,
    /// Part of it went out already.
    streamed: bool = false,
    /// The client wants no answer any more.
    cancelled: bool = false,
    /// Set: the client was asked something, and the request goes on when it has answered.
    pending: ?Pending = null,
    /// What has changed meanwhile, and nobody was told of yet: notifications without `jsonrpc`.
    changes: []const []const u8 = &.{},
    /// It begins a stream of notifications; `last`, where there is one, ends the stream at once.
    listening: bool = false,
    last: []const u8 = "",
};

/// What an older client was asked: the ids of our requests, and what the request goes on with.
pub const Pending = struct { ids: []const []const u8, continuation: []const u8 };

/// What wants no answer. `answer`: of the client to the request of ours with this id.
pub const Heard = union(enum) { answer: struct { id: []const u8, message: []const u8 }, notification: []const u8 };

/// The same request again, with the client's responses: a JSON array.
pub const Resumed = struct { continuation: []const u8, answers: []const u8 };

/// What a request is answered by. `level`: of log messages, where the request itself does not say it.
pub const Terms = struct {
    revision: []const u8,
    level: ?Session.Level = null,
    /// What an older client can do.
    capabilities: ?[]const u8 = null,
    head: ?http.Head = null,
    resumed: ?Resumed = null,
    session: ?[]const u8 = null,
};

/// The session over stdio: the connection is one. Specification: 2025-11-25, basic/lifecycle.
const connection = "stdio";

/// The messages around a stream of notifications.
pub const Subscription = struct { id: []const u8, acknowledgement: []const u8, end: []const u8 };

/// Whether a text is a batch, and one that the revision has: an array with something in it. Anything else in brackets is
/// for `parse` to refuse.
fn isBatch(text: []const u8, revision: ?[]const u8) bool {
    if (!std.mem.eql(u8, revision orelse return false, revisions.with_batches)) return false;
    const start = first(text) orelse return false;
    const second = first(text[start + 1 ..]) orelse return false;
    if (text[start] != '[' or text[start + 1 + second] == ']') return false;
    _ = lib.json.validate(text) catch return false;
    return true;
}

/// Where the first character lies that is no white space.
fn first(text: []const u8) ?usize {
    for (text, 0..) |character, at| switch (character) {
        ' ', '\t', '\r', '\n' => {},
        else => return at,
    };
    return null;
}

pub fn Protocol(comptime Peer: type) type {
    return struct {
        peer: *Peer,
        /// Memory for one message.
        arena: Allocator,
        texts: *lifecycle.Texts,
        settings: *const Settings,
        /// The message was read before, and goes on with this.
        again: ?Resumed = null,
        /// After a message: what it waits for.
        pending: ?Pending = null,
        /// After a line: what in it is for whoever keeps the requests that wait for the client, in its order.
        heard: std.ArrayList(Heard) = .empty,
        /// Where changes go.
        delivery: subscriptions.Delivery = .none,
        /// What this request has to do with sessions over HTTP.
        sessions: sessions.Given = .off,
        /// Lines of the stdio transport that follow the answer.
        following: std.ArrayList([]const u8) = .empty,

        const Self = @This();
        const Request = Opened(Peer.Request);

        /// Answer one line of the stdio transport; an empty answer is none. Specification: basic/transports/stdio;
        /// basic/versioning, "Backward Compatibility".
        pub fn line(self: *Self, text: []const u8, session: *Session, output: Peer.Output) Error![]const u8 {
            if (first(text) == null) return "";
            if (text.len > self.settings.max_body) return self.peer.refusal(try faults.tooLarge(self.arena));
            if (isBatch(text, session.revision)) return self.batch(text, session, null, output);
            const opened = switch (self.peer.parse(text)) {
                .request => |opened| opened,
                .notification => {
                    try self.notified(text);
                    return "";
                },
                .response => |id| {
                    try self.answered(id, text);
                    return "";
                },
                .invalid => |invalid| return invalid.body,
            };
            const answer = if (opened.version != null)
                try self.modern(opened, null, output)
            else if (session.revision != null or isHandshake(opened.method))
                try self.older(opened, session, null, output)
            else
                try self.refuse(opened, opened.fault orelse faults.unversioned);
            return if (answer.cancelled) "" else answer.body;
        }

        fn notified(self: *Self, text: []const u8) Error!void {
            if (self.delivery == .lines) self.delivery.lines.heed(text);
            try self.heard.append(self.arena, .{ .notification = text });
        }

        fn answered(self: *Self, id: ?[]const u8, text: []const u8) Error!void {
            if (id) |known| try self.heard.append(self.arena, .{ .answer = .{ .id = known, .message = text } });
        }

        /// Answer the body of an admitted HTTP request. Specification: basic/transports/streamable-http.
        pub fn post(self: *Self, head: http.Head, mirror: http.Mirror, body: []const u8, output: Peer.Output) Error!http.Response {
            if (mirror.too_large or body.len > self.settings.max_body) return .{ .status = 413, .body = self.peer.refusal(try faults.tooLarge(self.arena)) };
            if (!std.unicode.utf8ValidateSlice(body)) return .{ .status = 400, .body = self.peer.refusal(faults.not_utf8) };
            // No header: a revision that did not have it yet. One we know: that. Another: this is about 2026-07-28.
            const older_revision: ?[]const u8 = switch (mirror.version) {
                .absent => revisions.without_header,
                .bad => null,
                .text => |version| revisions.known(version),
            };
            // Without sessions nothing is remembered over HTTP.
            var session: Session = .{ .revision = older_revision };
            if (isBatch(body, older_revision)) {
                if (try self.resumed(&session)) |refused| return refused;
                const answers = try self.batch(body, &session, head, Peer.nowhere);
                return self.kept(session, if (answers.len == 0) .{ .status = 202 } else .{ .status = 200, .body = answers });
            }
            const opened = switch (self.peer.parse(body)) {
                .request => |opened| opened,
                .invalid => |invalid| return .{ .status = 400, .body = invalid.body },
                .notification => {
                    if (older_revision != null) return try self.resumed(&session) orelse .{ .status = 202 };
                    const fault = try faults.ofVersionHeader(self.arena, mirror.version);
                    return if (fault) |found| .{ .status = 400, .body = self.peer.refusal(found) } else .{ .status = 202 };
                },
                .response => {
                    // 2026-07-28 has no requests of servers, so nothing that a client could answer.
                    if (older_revision == null) return .{ .status = 400, .body = self.peer.refusal(faults.unasked) };
                    return try self.resumed(&session) orelse .{ .status = 202 };
                },
            };
            if (older_revision == null or opened.version != null) {
                const answer = try self.modern(opened, .{ .head = head, .mirror = mirror }, output);
                return self.respond(answer, if (answer.code) |number| http.statusOf(number) else 200);
            }
            // Older clients take 404 for the end of a session, and know no codes of HTTP for what is wrong inside a message.
            if (is(opened, "initialize")) {
                // It begins a session, also in one.
                if (self.sessions == .on) {
                    session = .{};
                    self.sessions.on.id = null;
                    self.sessions.on.state = null;
                }
            } else if (try self.resumed(&session)) |refused| {
                _ = try self.finish(opened, null);
                return refused;
            }
            const answer = try self.older(opened, &session, head, output);
            return self.kept(session, try self.respond(answer, 200));
        }

        /// Answer a request that has no body: a client of an older revision opens a stream for what it is not an answer
        /// to, or ends its session. Null: there is no such thing here.
        /// Specification: 2025-11-25, basic/transports, "Listening for Messages from the Server", "Session Management".
        pub fn bodiless(self: *Self, head: http.Head, mirror: http.Mirror) Error!?http.Response {
            if (self.sessions == .off or mirror.version == .text and revisions.known(mirror.version.text) == null) return null;
            const get = std.mem.eql(u8, head.method, "GET");
            if (!get and !std.mem.eql(u8, head.method, "DELETE")) return null;
            // Of 2026-07-28, where there is none, or not begun with `initialize`.
            if (self.sessions.on.id == null) return null;
            var session: Session = .{};
            if (try self.resumed(&session)) |refused| return refused;
            if (!get) return .{ .status = 204, .extra = try self.fields(&.{.{ .name = sessions.field, .value = sessions.end }}) };
            if (!mirror.streams) return .{ .status = 406, .kind = .text, .body = "Not acceptable: the answer is text/event-stream\n" };
            if (self.delivery == .embedded) self.peer.tell(self.delivery.embedded, "attach", "{}");
            return .{ .status = 200, .kind = .events, .body = ":\n\n" };
        }

        /// Read the session that a request belongs to, where there are sessions. Not null: it is refused.
        fn resumed(self: *Self, session: *Session) Error!?http.Response {
            switch (self.sessions) {
                .off => return null,
                .on => |on| switch (sessions.Given.session(on)) {
                    .session => |known| session.* = known,
                    .refused => |refused| return .{ .status = refused.status, .body = self.peer.refusal(refused.fault) },
                },
            }
            return null;
        }

        /// A response with what is to be kept of a session.
        fn kept(self: *Self, session: Session, response: http.Response) Error!http.Response {
            const on = if (self.sessions == .on) self.sessions.on else return response;
            const state = try session.text(self.arena);
            if (response.status == 0 or state.len == 0) return response;
            if (on.state) |before| if (std.mem.eql(u8, before, state)) return response;
            var changed = response;
            const keep: http.Field = .{ .name = sessions.field, .value = state };
            changed.extra = try self.fields(if (on.state == null) &.{ .{ .name = sessions.id_field, .value = on.fresh }, keep } else &.{keep});
            return changed;
        }

        fn fields(self: *Self, of: []const http.Field) Error![]const http.Field {
            return self.arena.dupe(http.Field, of);
        }

        fn respond(self: *Self, answer: Answer, status: u16) Error!http.Response {
            if (answer.listening) {
                const parts = [_][]const u8{ "data: ", answer.body, "\n\n", "data: ", answer.last, "\n\n" };
                return .{ .status = 200, .kind = .events, .body = try std.mem.concat(self.arena, u8, parts[0..if (answer.last.len > 0) 6 else 3]) };
            }
            if (answer.streamed) return .{ .status = 0, .body = answer.body };
            return .{ .status = status, .body = answer.body };
        }

        const Post = struct { head: http.Head, mirror: http.Mirror };

        /// Answer a request of 2026-07-28, or refuse one that would have to be.
        fn modern(self: *Self, opened: Request, posted: ?Post, output: Peer.Output) Error!Answer {
            if (try self.modernFault(opened, if (posted) |post_| post_.mirror else null)) |fault| return self.refuse(opened, fault);
            if (is(opened, "subscriptions/listen")) return self.listen(opened, posted);
            const terms: Terms = .{ .revision = revisions.modern, .head = if (posted) |post_| post_.head else null };
            if (self.peer.begin(opened.request, terms, output)) |refused| return self.finish(opened, refused);
            if (is(opened, "server/discover")) return self.finish(opened, self.peer.raw(try self.texts.discovery(self.peer, self.delivery != .none)));
            if (is(opened, "initialize")) return self.finish(opened, self.peer.failure(faults.no_handshake));
            return self.finish(opened, self.handle(opened));
        }

        /// Begin a stream of notifications. Where nobody could keep it open it says that it honours nothing, and ends.
        fn listen(self: *Self, opened: Request, posted: ?Post) Error!Answer {
            if (posted) |post_| if (!post_.mirror.streams) return self.refuse(opened, faults.no_stream);
            const offers: subscriptions.Offers = if (self.delivery == .none) .{} else self.texts.offers(self.peer);
            const filter = switch (try subscriptions.Filter.read(self.arena, self.peer.params(opened.request), offers)) {
                .filter => |filter| filter,
                .fault => |fault| return self.refuse(opened, fault),
            };
            const honoured = try filter.json(self.arena);
            const subscription = self.peer.subscribe(opened.request, honoured);
            var answer: Answer = .{ .body = subscription.acknowledgement, .listening = true };
            switch (self.delivery) {
                .none => answer.last = subscription.end,
                .embedded => |token| try self.tellSubscription(token, subscription, honoured),
                .lines => |listeners| if (!try listeners.add(subscription.id, filter, subscription.end)) {
                    answer.last = subscription.end;
                    try self.following.append(self.arena, subscription.end);
                },
            }
            return answer;
        }

        fn tellSubscription(self: *Self, token: u32, subscription: Subscription, honoured: []const u8) Error!void {
            var w: lib.Writer = .init(self.arena);
            try w.open('{');
            try w.key("id");
            try w.raw(subscription.id);
            try w.key("notifications");
            try w.raw(honoured);
            try w.key("end");
            try w.string(subscription.end);
            try w.close('}');
            self.peer.tell(token, "subscribe", w.text());
        }

        /// Have a client of an older revision hear of lists that change: it need not ask.
        fn greet(self: *Self) Error!void {
            const filter = self.texts.offers(self.peer).unasked();
            switch (self.delivery) {
                .none => {},
                .embedded => |token| try self.tellSubscription(token, .{ .id = "null", .acknowledgement = "", .end = "" }, try filter.json(self.arena)),
                .lines => |listeners| _ = try listeners.add("", filter, ""),
            }
        }

        /// `resources/subscribe` and `resources/unsubscribe`. Specification: 2025-11-25, server/resources.
        fn watch(self: *Self, opened: Request, on: bool) Error!Answer {
            const uri = try self.textParam(opened, "uri") orelse return self.refuse(opened, faults.no_uri);
            if (uri.len > subscriptions.uri_length) return self.refuse(opened, .{ .code = faults.code.invalid_params, .message = subscriptions.Filter.too_long });
            switch (self.delivery) {
                .none => unreachable,
                .embedded => |token| {
                    var w: lib.Writer = .init(self.arena);
                    try w.raw(if (on) "{\"on\":true" else "{\"on\":false");
                    try w.key("uri");
                    try w.string(uri);
                    try w.raw("}");
                    self.peer.tell(token, "watch", w.text());
                },
                .lines => |listeners| if (!try listeners.watch(uri, on)) return self.refuse(opened, faults.too_many_uris),
            }
            return self.finish(opened, self.peer.raw("{}"));
        }

        /// The first thing wrong with a request of 2026-07-28.
        fn modernFault(self: *Self, opened: Request, mirrored: ?http.Mirror) Error!?Fault {
            const version = opened.version orelse {
                if (mirrored) |mirror| if (try faults.ofVersionHeader(self.arena, mirror.version)) |fault| return fault;
                return opened.fault orelse faults.unversioned;
            };
            if (mirrored) |mirror| if (faults.mismatch(mirror.version, version, "MCP-Protocol-Version", "the revision in params._meta", self.arena)) |fault| return fault;
            if (!std.mem.eql(u8, version, revisions.modern)) return try faults.unsupported(self.arena, version);
            if (mirrored) |mirror| if (faults.mismatch(mirror.method, opened.method, "Mcp-Method", "the method", self.arena)) |fault| return fault;
            if (opened.fault) |fault| return fault;
            const mirror = mirrored orelse return null;
            if (!hasName(opened)) return null;
            const name = opened.target orelse return null;
            const value = switch (mirror.name) {
                .text => |text| if (try lib.header.decode(self.arena, text)) |decoded| http.Mirror.Value{ .text = decoded } else .bad,
                else => mirror.name,
            };
            return faults.mismatch(value, name, "Mcp-Name", if (is(opened, "resources/read")) "params.uri" else "params.name", self.arena);
        }

        /// Answer a request of a handshake revision. `session`: what was agreed on, or is to be.
        fn older(self: *Self, opened: Request, session: *Session, head: ?http.Head, output: Peer.Output) Error!Answer {
            if (is(opened, "initialize")) {
                const asked = try self.textParam(opened, "protocolVersion") orelse return self.refuse(opened, faults.no_version_asked);
                session.* = .{ .revision = revisions.negotiate(asked), .capabilities = self.capabilities(opened) };
            }
            const revision = session.revision orelse revisions.without_header;
            const terms: Terms = .{
                .revision = revision,
                .level = session.level orelse Session.default_level,
                .capabilities = session.capabilities,
                .head = head,
                .resumed = self.again,
                .session = if (head == null) connection else if (self.sessions == .on) self.sessions.on.id else null,
            };
            if (self.peer.begin(opened.request, terms, output)) |refused| return self.finish(opened, refused);
            // Over HTTP an older client hears of changes in its session only.
            const delivers = self.delivery != .none and (head == null or self.sessions == .on);
            if (is(opened, "initialize")) {
                if (delivers) try self.greet();
                return self.finish(opened, self.peer.raw(try self.texts.initialization(self.peer, revision, delivers)));
            }
            if (delivers and self.texts.offers(self.peer).subscribe) {
                if (is(opened, "resources/subscribe")) return self.watch(opened, true);
                if (is(opened, "resources/unsubscribe")) return self.watch(opened, false);
            }
            if (is(opened, "ping")) return self.finish(opened, self.peer.raw("{}"));
            if (is(opened, "logging/setLevel") and self.texts.has(self.peer, .logging)) {
                const name = try self.textParam(opened, "level") orelse "";
                session.level = std.meta.stringToEnum(Session.Level, name) orelse return self.refuse(opened, faults.no_level);
                return self.finish(opened, self.peer.raw("{}"));
            }
            if (opened.fault) |fault| return self.refuse(opened, fault);
            return self.finish(opened, self.handle(opened));
        }

        /// Ask the chain. Null: the method is not known.
        fn handle(self: *Self, opened: Request) ?Peer.Reply {
            if (self.peer.handle(opened.request)) |reply| return reply;
            // Whoever completes anything has looked at the params.
            return if (is(opened, "completion/complete") and self.texts.has(self.peer, .completions)) self.peer.failure(faults.unknown_reference) else null;
        }

        /// Answer the messages of an array, in order; empty when none wants an answer.
        /// Specification: 2025-03-26, basic, "Batching".
        fn batch(self: *Self, text: []const u8, session: *Session, head: ?http.Head, output: Peer.Output) Error![]const u8 {
            // A message of a batch has no stream of its own on which the client could be asked.
            const able = session.capabilities;
            session.capabilities = null;
            defer session.capabilities = able;
            var answers: lib.Writer = .init(self.arena);
            var scanner: lib.json.Scanner = .init(text);
            var items = scanner.items() catch unreachable;
            var count: usize = 0;
            while (items.next() catch unreachable) : (count += 1) {
                const item = scanner.value() catch unreachable;
                if (count == faults.batch_limit) return self.peer.refusal(faults.batch_too_long);
                const body = switch (self.peer.parse(item)) {
                    .notification => {
                        try self.notified(item);
                        continue;
                    },
                    .response => |id| {
                        try self.answered(id, item);
                        continue;
                    },
                    .invalid => |invalid| invalid.body,
                    .request => |opened| answered: {
                        const single = opened.version != null or is(opened, "initialize");
                        const answer = if (single) try self.refuse(opened, faults.alone) else try self.older(opened, session, head, output);
                        if (answer.cancelled) continue;
                        break :answered answer.body;
                    },
                };
                try answers.raw(if (answers.text().len == 0) "[" else ",");
                try answers.raw(body);
            }
            if (answers.text().len > 0) try answers.raw("]");
            return answers.text();
        }

        /// A member of the params that is a string.
        fn textParam(self: *Self, opened: Request, name: []const u8) Error!?[]const u8 {
            const value = lib.json.member(self.peer.params(opened.request), name) orelse return null;
            return if (value[0] == '"') try lib.json.decodeString(self.arena, value) else null;
        }

        fn refuse(self: *Self, opened: Request, fault: Fault) Error!Answer {
            return self.finish(opened, self.peer.failure(fault));
        }

        /// What an older client says it can do.
        fn capabilities(self: *Self, opened: Request) ?[]const u8 {
            const value = lib.json.member(self.peer.params(opened.request), "capabilities") orelse return null;
            return if (value[0] == '{' and value.len > 2 and value.len <= Session.max_capabilities) value else null;
        }

        fn finish(self: *Self, opened: Request, reply: ?Peer.Reply) Error!Answer {
            const answer = self.peer.finish(opened.request, reply);
            self.pending = answer.pending;
            for (answer.changes) |change| switch (self.delivery) {
                .none => {},
                .embedded => |token| self.peer.tell(token, "changed", change),
                .lines => |listeners| try self.following.appendSlice(self.arena, try listeners.messages(self.arena, change)),
            };
            return answer;
        }

        fn is(opened: Request, method: []const u8) bool {
            return std.mem.eql(u8, opened.method, method);
        }

        /// What an older client may send before anything is agreed on. Specification: 2025-11-25, basic/lifecycle.
        fn isHandshake(method: []const u8) bool {
            return std.mem.eql(u8, method, "initialize") or std.mem.eql(u8, method, "ping");
        }

        /// Whether the request must have `Mcp-Name`.
        fn hasName(opened: Request) bool {
            return is(opened, "tools/call") or is(opened, "prompts/get") or is(opened, "resources/read");
        }
    };
}

test {
    _ = @import("protocol_test.zig");
    _ = http;
    _ = lifecycle;
    _ = revisions;
    _ = Session;
    _ = Settings;
    _ = @import("Waiting.zig");
    _ = @import("Origin.zig");
    _ = sessions;
    _ = subscriptions;
}
