//! Protocol decisions: the one place that decides how messages are answered, on stdio and over HTTP.
//!
//! `Peer` carries out the decisions: it is the rest of the server, or a fake in tests.
//!
//! * `Request`, `Reply`: handles; `Output`: destination of the events of a request
//! * `parse(body) Incoming(Request)`, `params(request) []const u8`, `refusal(Fault) []const u8`
//! * `begin(request, Terms, Output) ?Reply` (an error reply if the request is rejected), `check(request)
//!   ?Rejection(Reply)` (by the access rules), `isMissing(path) bool`, `capabilitiesAt(request) ?[]const u8` (those
//!   under its path, if they are not all), `deny(head, scopes) http.Response` (the response to a denied request),
//!   `handle(request) ?Reply`, `taskIds(reply) ?[]const u8`, `finish(request, ?Reply) Answer`
//! * `nowhere`: the `Output` that discards events
//! * `raw(json) Reply`, `failure(Fault) Reply`, `metadata() lifecycle.Metadata`
//! * `sealSession(facts) ?id`, `openSession(id) ?facts`
//! * `beginSession(state, seconds) ?id`, `findSession(id) ?{ name, state }`, `updateSession(id, state)`,
//!   `endSession(id)`
//! * `subscribe(request, filter) Subscription`, `tell(token, kind, json)`

const std = @import("std");
const lib = @import("lib");
const batching = @import("batching.zig");
const faults = @import("faults.zig");
const http = @import("http.zig");
const lifecycle = @import("lifecycle.zig");
const listening = @import("listening.zig");
const messages = @import("messages.zig");
const posting = @import("posting.zig");
const revisions = @import("revisions.zig");
const sessions = @import("sessions.zig");
const subscriptions = @import("subscriptions.zig");
const Session = @import("Session.zig");
const Settings = @import("Settings.zig");

const Allocator = std.mem.Allocator;
const Error = error{OutOfMemory};

const Fault = faults.Fault;
const Answer = messages.Answer;
const Received = messages.Received;
const Pending = messages.Pending;
const Resumed = messages.Resumed;
const Terms = messages.Terms;
const isBatch = batching.isBatch;

/// Name of the session on stdio: the connection is the session. Specification: 2025-11-25, basic/lifecycle.
const connection = "stdio";

pub fn Protocol(comptime Peer: type) type {
    return struct {
        peer: *Peer,
        /// Memory for one message.
        arena: Allocator,
        texts: *lifecycle.Texts,
        settings: *const Settings,
        /// Set: the message is a suspended request that is resumed with these responses.
        again: ?Resumed = null,
        /// Pending input of the message, after it was handled.
        pending: ?Pending = null,
        /// Responses and notifications of a line, in order, for the code that keeps the suspended requests.
        received: lib.List(Received) = .empty,
        /// Destination of change notifications.
        delivery: subscriptions.Delivery = .none,
        /// Session of the request over HTTP.
        sessions: sessions.Given = .off,
        /// Principal of the request over HTTP, in the form of `Session.principal`.
        principal: ?[]const u8 = null,
        /// Set: the policy denies the message, and these scopes would permit it.
        denied: ?[]const []const u8 = null,
        /// Lines of the stdio transport to write after the answer.
        following: lib.List([]const u8) = .empty,

        const Self = @This();
        const Request = messages.Opened(Peer.Request);

        pub const post = posting.Posting(Peer).post;
        pub const bodiless = posting.Posting(Peer).bodiless;
        pub const batch = batching.Batching(Peer).batch;
        pub const listen = listening.Listening(Peer).listen;
        pub const greet = listening.Listening(Peer).greet;
        pub const watch = listening.Listening(Peer).watch;

        /// Answer one line of the stdio transport; the result is empty for messages without an answer. Specification:
        /// basic/transports/stdio; basic/versioning, "Backward Compatibility".
        pub fn line(self: *Self, given: []const u8, session: *Session, output: Peer.Output) Error![]const u8 {
            const text = messages.withoutMark(given);
            if (batching.first(text) == null) return "";
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

        pub fn notified(self: *Self, text: []const u8) Error!void {
            if (self.delivery == .lines) self.delivery.lines.handleNotification(text);
            try self.received.append(self.arena, .{ .notification = text });
        }

        pub fn answered(self: *Self, id: ?[]const u8, text: []const u8) Error!void {
            if (id) |known| try self.received.append(self.arena, .{ .answer = .{ .id = known, .message = text } });
        }

        pub const Post = struct { head: http.Head, mirror: http.Mirror };

        /// Answer a request of 2026-07-28, or reject one without a revision.
        pub fn modern(self: *Self, opened: Request, posted: ?Post, output: Peer.Output) Error!Answer {
            if (try self.modernFault(opened, if (posted) |post_| post_.mirror else null)) |fault|
                return self.refuse(opened, fault);
            const terms: Terms = .{ .revision = revisions.modern, .head = if (posted) |post_| post_.head else null };
            const listens = is(opened, "subscriptions/listen");
            const events = if (listens) Peer.nowhere else output;
            if (self.peer.begin(opened.request, terms, events)) |refused| return self.finish(opened, refused);
            if (self.peer.check(opened.request)) |rejection| return self.rejected(opened, rejection);
            if (listens) return self.listen(opened, posted);
            if (is(opened, "server/discover"))
                return self.finish(
                    opened,
                    self.peer.raw(try (try self.textsAt(opened)).discovery(self.peer, self.delivery != .none)),
                );
            if (is(opened, "initialize")) return self.finish(opened, self.peer.failure(faults.no_handshake));
            return self.finish(opened, self.handle(opened));
        }

        /// Return the first error of a request of 2026-07-28.
        fn modernFault(self: *Self, opened: Request, mirrored: ?http.Mirror) Error!?Fault {
            const version = opened.version orelse {
                if (mirrored) |mirror| if (try faults.ofVersionHeader(self.arena, mirror.version)) |fault| return fault;
                return opened.fault orelse faults.unversioned;
            };
            if (mirrored) |mirror| if (faults.mismatch(
                mirror.version,
                version,
                "MCP-Protocol-Version",
                "the revision in params._meta",
                self.arena,
            )) |fault| return fault;
            if (!lib.bytes.equal(version, revisions.modern)) return try faults.unsupported(self.arena, version);
            if (mirrored) |mirror| if (faults.mismatch(
                mirror.method,
                opened.method,
                "Mcp-Method",
                "the method",
                self.arena,
            )) |fault| return fault;
            if (opened.fault) |fault| return fault;
            const mirror = mirrored orelse return null;
            // SEP-2243 does not list the methods of tasks, and clients leave the header out.
            const of_task = lib.bytes.startsWith(opened.method, "tasks/");
            if (!hasName(opened) and !(of_task and mirror.name != .absent)) return null;
            const name = opened.target orelse return null;
            const value = switch (mirror.name) {
                .text => |text| if (try lib.header.decode(self.arena, text)) |decoded|
                    http.Mirror.Value{ .text = decoded }
                else
                    .bad,
                else => mirror.name,
            };
            // Of these methods only `resources/read` begins with this letter.
            return faults.mismatch(value, name, "Mcp-Name", if (opened.method[0] == 'r')
                "params.uri"
            else if (of_task)
                "params.taskId"
            else
                "params.name", self.arena);
        }

        /// Answer a request of a handshake revision. `session`: the negotiated state, updated by `initialize`.
        pub fn older(
            self: *Self,
            opened: Request,
            session: *Session,
            head: ?http.Head,
            output: Peer.Output,
        ) Error!Answer {
            if (is(opened, "initialize")) {
                const requested = try self.textParam(opened, "protocolVersion") orelse
                    return self.refuse(opened, faults.no_protocol_version);
                session.* = .{ .revision = revisions.negotiate(requested), .capabilities = self.capabilities(opened) };
            }
            const revision = session.revision orelse revisions.without_header;
            const terms: Terms = .{
                .revision = revision,
                .level = session.level orelse Session.default_level,
                .capabilities = session.capabilities,
                .head = head,
                .resumed = self.again,
                .session = if (head == null) connection else switch (self.sessions) {
                    .off => null,
                    .on => |on| on.id,
                    .sealed => |sealed| if (sealed.keeps_values) sealed.id else null,
                    .stored => |stored| stored.name,
                },
            };
            if (self.peer.begin(opened.request, terms, output)) |refused| return self.finish(opened, refused);
            if (self.peer.check(opened.request)) |rejection| return self.rejected(opened, rejection);
            // Over HTTP a client of a handshake revision gets change notifications only in a session.
            const delivers = self.delivery != .none and (head == null or self.sessions == .on);
            if (is(opened, "initialize")) {
                const texts = try self.textsAt(opened);
                if (delivers) try self.greet(texts.offers(self.peer));
                return self.finish(opened, self.peer.raw(try texts.initialization(self.peer, revision, delivers)));
            }
            if (delivers and self.texts.offers(self.peer).subscribe) {
                if (is(opened, "resources/subscribe")) return self.watch(opened, true);
                if (is(opened, "resources/unsubscribe")) return self.watch(opened, false);
            }
            if (is(opened, "ping")) return self.finish(opened, self.peer.raw("{}"));
            if (is(opened, "logging/setLevel") and self.texts.has(self.peer, .logging)) {
                const name = try self.textParam(opened, "level") orelse "";
                session.level =
                    std.meta.stringToEnum(Session.Level, name) orelse return self.refuse(opened, faults.no_level);
                return self.finish(opened, self.peer.raw("{}"));
            }
            if (opened.fault) |fault| return self.refuse(opened, fault);
            return self.finish(opened, self.handle(opened));
        }

        /// Return the lifecycle results and the capabilities under the path of a request.
        pub fn textsAt(self: *Self, opened: Request) Error!*lifecycle.Texts {
            const own = self.peer.capabilitiesAt(opened.request) orelse return self.texts;
            const texts = try self.arena.create(lifecycle.Texts);
            texts.* = .{ .allocator = self.arena, .capabilities = own };
            return texts;
        }

        /// Pass the request to the chain. Null: the method is not found.
        fn handle(self: *Self, opened: Request) ?Peer.Reply {
            if (self.peer.handle(opened.request)) |reply| return reply;
            // The completion middleware has already validated the params.
            return if (is(opened, "completion/complete") and self.texts.has(self.peer, .completions))
                self.peer.failure(faults.unknown_reference)
            else
                null;
        }

        /// Return a string member of the params.
        pub fn textParam(self: *Self, opened: Request, name: []const u8) Error!?[]const u8 {
            const value = lib.json.member(self.peer.params(opened.request), name) orelse return null;
            return if (value[0] == '"') try lib.json.decodeString(self.arena, value) else null;
        }

        pub fn refuse(self: *Self, opened: Request, fault: Fault) Error!Answer {
            return self.finish(opened, self.peer.failure(fault));
        }

        fn rejected(self: *Self, opened: Request, rejection: messages.Rejection(Peer.Reply)) Error!Answer {
            self.denied = rejection.denied;
            return self.finish(opened, rejection.reply);
        }

        /// Return the capabilities that a client of a handshake revision declares.
        fn capabilities(self: *Self, opened: Request) ?[]const u8 {
            const value = lib.json.member(self.peer.params(opened.request), "capabilities") orelse return null;
            return if (value[0] == '{' and value.len > 2 and value.len <= Session.max_capabilities) value else null;
        }

        pub fn finish(self: *Self, opened: Request, reply: ?Peer.Reply) Error!Answer {
            const answer = self.peer.finish(opened.request, reply);
            self.pending = answer.pending;
            for (answer.changes) |change| switch (self.delivery) {
                .none => {},
                .embedded => |token| self.peer.tell(token, "changed", change),
                .lines => |subscribers| try self.following.appendSlice(
                    self.arena,
                    try subscribers.messages(self.arena, change),
                ),
            };
            return answer;
        }

        pub fn is(opened: Request, method: []const u8) bool {
            return lib.bytes.equal(opened.method, method);
        }

        /// Return whether a method can be sent before `initialize`. Specification: 2025-11-25, basic/lifecycle.
        fn isHandshake(method: []const u8) bool {
            return lib.bytes.equal(method, "initialize") or lib.bytes.equal(method, "ping");
        }

        /// Return whether the request must have the header `Mcp-Name`.
        fn hasName(opened: Request) bool {
            return is(opened, "tools/call") or is(opened, "prompts/get") or is(opened, "resources/read");
        }
    };
}

test {
    _ = @import("protocol_test.zig");
    _ = @import("sessions_test.zig");
    _ = @import("subscriptions_test.zig");
    _ = http;
    _ = lifecycle;
    _ = revisions;
    _ = Session;
    _ = Settings;
    _ = @import("PendingInputs.zig");
    _ = @import("Origin.zig");
    _ = sessions;
    _ = subscriptions;
}
