//! HTTP side of the protocol: from a request with its head to a response.

const std = @import("std");
const lib = @import("lib");
const batching = @import("batching.zig");
const faults = @import("faults.zig");
const http = @import("http.zig");
const messages = @import("messages.zig");
const revisions = @import("revisions.zig");
const sessions = @import("sessions.zig");
const Session = @import("Session.zig");

const Answer = messages.Answer;
const Error = error{OutOfMemory};

pub fn Posting(comptime Peer: type) type {
    return struct {
        const Self = @import("protocol.zig").Protocol(Peer);

        /// Answer the body of an admitted HTTP request. Specification: basic/transports/streamable-http.
        pub fn post(
            self: *Self,
            head: http.Head,
            mirror: http.Mirror,
            given: []const u8,
            output: Peer.Output,
        ) Error!http.Response {
            const body = messages.withoutMark(given);
            if (mirror.too_large or given.len > self.settings.max_body)
                return .{ .status = 413, .body = self.peer.refusal(try faults.tooLarge(self.arena)) };
            if (!std.unicode.utf8ValidateSlice(body))
                return .{ .status = 400, .body = self.peer.refusal(faults.not_utf8) };
            // Without the header: the last revision that did not have it. A known handshake revision: that one. Any
            // other value: the request is treated as one of 2026-07-28.
            const older_revision: ?[]const u8 = switch (mirror.version) {
                .absent => revisions.without_header,
                .bad => null,
                .text => |version| revisions.known(version),
            };
            // Without sessions no state is kept over HTTP.
            var session: Session = .{ .revision = older_revision };
            if (batching.isBatch(body, older_revision)) {
                if (try resumed(self, &session)) |refused| return refused;
                const answers = try self.batch(body, &session, head, Peer.nowhere);
                return kept(self, session, if (answers.len == 0)
                    .{ .status = 202 }
                else
                    .{ .status = 200, .body = answers });
            }
            const opened = switch (self.peer.parse(body)) {
                .request => |opened| opened,
                .invalid => |invalid| return .{ .status = 400, .body = invalid.body },
                .notification => {
                    if (older_revision != null) return try resumed(self, &session) orelse .{ .status = 202 };
                    const fault = try faults.ofVersionHeader(self.arena, mirror.version);
                    return if (fault) |found|
                        .{ .status = 400, .body = self.peer.refusal(found) }
                    else
                        .{ .status = 202 };
                },
                .response => {
                    // 2026-07-28 has no server-to-client requests that a client could answer.
                    if (older_revision == null)
                        return .{ .status = 400, .body = self.peer.refusal(faults.unexpected_response) };
                    return try resumed(self, &session) orelse .{ .status = 202 };
                },
            };
            if (older_revision == null or opened.version != null) {
                const answer = try self.modern(opened, .{ .head = head, .mirror = mirror }, output);
                return respond(self, head, answer, if (answer.code) |number| http.statusOf(number) else 200);
            }
            // Clients of handshake revisions take 404 for the end of a session, and get no HTTP codes for JSON-RPC
            // errors.
            if (Self.is(opened, "initialize")) {
                // `initialize` begins a new session, even if sent in a session.
                switch (self.sessions) {
                    .off => {},
                    .on => |*on| {
                        session = .{};
                        on.id = null;
                        on.state = null;
                    },
                    .sealed => |*sealed| {
                        session = .{};
                        sealed.id = null;
                        const answer = try self.older(opened, &session, head, output);
                        return issued(self, session, try respond(self, head, answer, 200));
                    },
                    .stored => |*stored| {
                        session = .{};
                        stored.* = .{ .seals = stored.seals };
                        const answer = try self.older(opened, &session, head, output);
                        return begun(self, session, try respond(self, head, answer, 200));
                    },
                }
            } else if (try resumed(self, &session)) |refused| {
                _ = try self.finish(opened, null);
                return refused;
            }
            const answer = try self.older(opened, &session, head, output);
            return kept(self, session, try respond(self, head, answer, 200));
        }

        /// Answer a request without a body: a client of a handshake revision opens a stream for notifications, or ends
        /// its session. Null: the method is not allowed.
        /// Specification: 2025-11-25, basic/transports, "Listening for Messages from the Server", "Session Management".
        pub fn bodiless(self: *Self, head: http.Head, mirror: http.Mirror) Error!?http.Response {
            if (mirror.version == .text and revisions.known(mirror.version.text) == null) return null;
            const get = lib.bytes.equal(head.method, "GET");
            if (!get and !lib.bytes.equal(head.method, "DELETE")) return null;
            if (self.peer.isMissing(head.target)) return http.not_found;
            // No session: the client uses 2026-07-28, or did not send `initialize`. A session that the host does not
            // keep has no streams; without a list of ended sessions it ends when the id expires.
            switch (self.sessions) {
                .off => return null,
                .on => |on| if (on.id == null) return null,
                .sealed => |sealed| if (get or sealed.id == null or sealed.listed == .unlisted) return null,
                .stored => |stored| if (get or stored.key() == null) return null,
            }
            var session: Session = .{};
            if (try resumed(self, &session)) |refused| return refused;
            if (self.sessions == .stored) {
                self.peer.endSession(self.sessions.stored.id.?);
                return .{ .status = 204 };
            }
            if (!get) return .{
                .status = 204,
                .extra = try fields(self, &.{.{ .name = sessions.field, .value = sessions.end }}),
            };
            if (!mirror.streams)
                return .{ .status = 406, .kind = .text, .body = "Not acceptable: the answer is text/event-stream\n" };
            if (self.delivery == .embedded) self.peer.tell(self.delivery.embedded, "attach", "{}");
            return .{ .status = 200, .kind = .events, .body = ":\n\n" };
        }

        /// Read the session of a request, where there are sessions. Returns the error response if the request is
        /// rejected.
        fn resumed(self: *Self, session: *Session) Error!?http.Response {
            switch (self.sessions) {
                .off => return null,
                .on => |on| switch (sessions.Given.session(on, self.principal)) {
                    .session => |known| session.* = known,
                    .refused => |refused| return refusal(self, refused),
                },
                .sealed => |sealed| {
                    // A request without an id needs no facts of a session.
                    const id = sealed.id orelse return null;
                    if (sealed.listed == .ended) return refusal(self, sessions.unknown);
                    session.* = .read(self.peer.openSession(id) orelse return refusal(self, sessions.unknown));
                },
                .stored => |*stored| {
                    const id = stored.id orelse return null;
                    const key = stored.key() orelse {
                        const opened = if (stored.seals) self.peer.openSession(id) else null;
                        session.* = .read(opened orelse return refusal(self, sessions.unknown));
                        return null;
                    };
                    const name, const state =
                        self.peer.findSession(key) orelse return refusal(self, sessions.unknown);
                    session.* = .read(state);
                    if (!session.belongsTo(self.principal)) return refusal(self, sessions.unknown);
                    stored.name = name;
                    stored.state = state;
                },
            }
            return null;
        }

        fn refusal(self: *Self, refused: sessions.Refusal) http.Response {
            return .{ .status = refused.status, .body = self.peer.refusal(refused.fault) };
        }

        /// Add a sealed id to the response to `initialize`. It carries the revision: without the capabilities of the
        /// client, because no server-to-client request could be answered in another request.
        fn issued(self: *Self, session: Session, response: http.Response) Error!http.Response {
            if (response.status != 200) return response;
            const revision = session.revision orelse return response;
            var with = response;
            const id = self.peer.sealSession(revision) orelse return response;
            with.extra = try fields(self, &.{.{ .name = sessions.id_field, .value = id }});
            return with;
        }

        /// Store a session, and add its id to the response to `initialize`; a sealed id, if it cannot be stored.
        fn begun(self: *Self, session: Session, response: http.Response) Error!http.Response {
            if (response.status != 200 or session.revision == null) return response;
            var owned = session;
            owned.principal = self.principal;
            // Without them, components send no server-to-client requests: another request cannot answer those here.
            owned.capabilities = null;
            const id = self.peer.beginSession(try owned.text(self.arena), self.settings.session_ttl) orelse
                return if (self.sessions.stored.seals) issued(self, session, response) else response;
            var with = response;
            with.extra = try fields(self, &.{.{ .name = sessions.id_field, .value = id }});
            return with;
        }

        /// Keep the state of a session: in the storage of the runtime, or by a field of the response for the host.
        fn kept(self: *Self, session: Session, response: http.Response) Error!http.Response {
            if (self.sessions == .stored) {
                const stored = self.sessions.stored;
                if (stored.name == null) return response;
                const state = try session.text(self.arena);
                if (!lib.bytes.equal(stored.state, state)) self.peer.updateSession(stored.id.?, state);
                return response;
            }
            const on = if (self.sessions == .on) self.sessions.on else return response;
            var owned = session;
            owned.principal = self.principal;
            const state = try owned.text(self.arena);
            if (response.status == 0 or state.len == 0) return response;
            if (on.state) |before| if (lib.bytes.equal(before, state)) return response;
            var changed = response;
            const keep: http.Field = .{ .name = sessions.field, .value = state };
            changed.extra = try fields(self, if (on.state == null)
                &.{ .{ .name = sessions.id_field, .value = on.fresh }, keep }
            else
                &.{keep});
            return changed;
        }

        fn fields(self: *Self, of: []const http.Field) Error![]const http.Field {
            return self.arena.dupe(http.Field, of);
        }

        fn respond(self: *Self, head: http.Head, answer: Answer, status: u16) Error!http.Response {
            if (self.denied) |scopes| return self.peer.deny(head, scopes);
            if (answer.listening) {
                const parts = [_][]const u8{ "data: ", answer.body, "\n\n", "data: ", answer.last, "\n\n" };
                return .{
                    .status = 200,
                    .kind = .events,
                    .body = try std.mem.concat(self.arena, u8, parts[0..if (answer.last.len > 0) 6 else 3]),
                };
            }
            if (answer.streamed) return .{ .status = 0, .body = answer.body };
            return .{ .status = status, .body = answer.body };
        }
    };
}
