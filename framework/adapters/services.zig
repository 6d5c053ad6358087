//! Services for a component of another tool: sending to its client, session values, and the identity of the request.
//! Built once for each of its contracts (`contract.zig`).
//!
//! Nothing is written to the stream that a component names: its notifications go to the request that it is answering.
//! Server-to-client requests are rejected, because its contract has no way to return the client's answer.

const std = @import("std");
const bindings = @import("bindings");
const claims_of = @import("claims.zig");
const contract = @import("contract.zig");
const data = @import("data.zig");
const lib = @import("lib");
const values = @import("values.zig");

const allocator = bindings.memory.allocator;
const mcp = contract.mcp;
const memory = bindings.memory;
const messages = bindings.messages;
const theirs = contract.theirs;
const types = bindings.types;

const Result = bindings.abi.Result;

/// The request that is being answered.
var answered: ?messages.Request = null;

const io = struct {
    const Error = theirs.server_io.IoError;

    /// Components receive messages through their exports only.
    pub fn parseMessage(
        _: anytype,
        _: theirs.server_io.ReadLimit,
        _: theirs.server_io.MessageFrame,
    ) Result(mcp.ClientMessage, Error) {
        return .{ .err = .{ .unexpected = "a component reads no messages here" } };
    }

    pub fn sendMessage(_: anytype, message: mcp.ServerMessage, _: theirs.server_io.MessageFrame) Result(void, Error) {
        const notification = switch (message) {
            .notification => |found| found,
            .request => return .{
                .err = .{ .unexpected = "client input cannot be requested: this contract does not return it" },
            },
            .result, .@"error" => return .{
                .err = .{ .unexpected = "a component answers with the result of its function" },
            },
        };
        const request = answered orelse return .{ .err = .{ .unexpected = "no request is being answered" } };
        switch (notification) {
            .tools_list_changed => request.notifyToolsChanged(),
            .resources_list_changed => request.notifyResourcesChanged(),
            .prompts_list_changed => request.notifyPromptsChanged(),
            .resources_updated => |found| request.notifyResourceUpdated(found.uri),
            .log => |found| request.log(data.same(types.LogLevel, found.level), found.logger, json(found.data)),
            .progress => |found| request.progress(found.progress, found.total, found.message),
            // Cancellations and completed elicitations: no server-to-client request was ever sent.
            else => {},
        }
        return .{ .ok = {} };
    }

    /// No-op: nothing is buffered.
    pub fn flushBuffer(_: anytype) Result(void, Error) {
        return .{ .ok = {} };
    }
};

const auth = struct {
    /// Return the claims of the request's own token. Other tokens cannot be verified here.
    pub fn decode(jwt: []const u8) Result(mcp.JwtClaims, void) {
        const request = answered orelse return .{ .err = {} };
        const known = request.identity() orelse return .{ .err = {} };
        const own = claims_of.token(request) orelse return .{ .err = {} };
        return if (lib.bytes.equal(own, jwt)) .{ .ok = claims_of.claims(known) } else .{ .err = {} };
    }

    /// Return true if the claims are those of the request's principal. A request that reaches a component has passed
    /// the server's authorization; there is no other policy.
    pub fn authorize(
        _: mcp.ClientMessage,
        claims: mcp.JwtClaims,
        _: ?mcp.Session,
        _: ?theirs.server_auth.HttpContext,
    ) bool {
        const known = (answered orelse return false).identity() orelse return false;
        const issuer = known.issuer orelse
            return claims.issuer == null and lib.bytes.equal(known.subject, claims.subject);
        return lib.bytes.equal(known.subject, claims.subject) and
            lib.bytes.equal(issuer, claims.issuer orelse return false);
    }
};

const kept = struct {
    const Error = theirs.sessions.SessionError;
    const TypedValue = bindings.wasmcp_keyvalue.store.TypedValue;

    pub const FutureElicitResult = struct {
        pub fn subscribe(_: *FutureElicitResult) bindings.wasi_io.poll.Pollable {
            unreachable; // never returned
        }

        pub fn elicitResult(_: *FutureElicitResult) mcp.ElicitResult {
            unreachable;
        }

        pub fn deinit(_: *FutureElicitResult) void {
            unreachable;
        }
    };

    /// The session of the request that is being answered, and no other.
    pub const Session = struct {
        name: []const u8,

        pub fn open(session_id: []const u8, _: []const u8) Result(theirs.sessions.Session, Error) {
            const request = answered orelse return .{ .err = .no_such_session };
            const known = request.session() orelse return .{ .err = .no_such_session };
            if (!lib.bytes.equal(known, session_id)) return .{ .err = .no_such_session };
            const session = memory.gpa.create(Session) catch @trap();
            session.* = .{ .name = memory.gpa.dupe(u8, session_id) catch @trap() };
            return .{ .ok = .new(session) };
        }

        pub fn id(self: *Session) []const u8 {
            return self.name;
        }

        pub fn get(self: *Session, key: []const u8) Result(?TypedValue, Error) {
            const request = self.owner() orelse return .{ .err = .no_such_session };
            return switch (bindings.sessions.get(request, key)) {
                .ok => |found| .{ .ok = if (found) |value| values.theirs(value) else null },
                .err => |problem| .{ .err = failure(problem) },
            };
        }

        pub fn set(self: *Session, key: []const u8, value: TypedValue) Result(void, Error) {
            const request = self.owner() orelse return .{ .err = .no_such_session };
            return switch (bindings.sessions.set(request, key, values.ours(value))) {
                .ok => .{ .ok = {} },
                .err => |problem| .{ .err = failure(problem) },
            };
        }

        pub fn elicit(_: *Session, _: anytype, _: mcp.ElicitRequest) Result(theirs.sessions.FutureElicitResult, Error) {
            return .{
                .err = .{ .unexpected = "client input cannot be requested: this contract does not return it" },
            };
        }

        pub fn terminate(_: *Session, _: ?[]const u8) Result(void, Error) {
            return .{ .err = .{ .unexpected = "sessions are ended by the client or the operator" } };
        }

        pub fn deinit(self: *Session) void {
            memory.gpa.free(self.name);
            memory.gpa.destroy(self);
        }

        /// Return the request of this session; null if a request of another session is being answered by now.
        fn owner(self: *Session) ?messages.Request {
            const request = answered orelse return null;
            return if (lib.bytes.equal(request.session() orelse return null, self.name)) request else null;
        }

        fn failure(problem: bindings.key_value_types.Error) Error {
            return if (problem == .no_session) .no_such_session else .{ .store = values.words(problem) };
        }
    };
};

const its = struct {
    pub const server_io = io;
    pub const server_auth = auth;
    pub const sessions = kept;
};

pub const exports = struct {
    pub const wasmcp_mcp_v20251125 = its;
    pub const wasmcp_mcp_v20250618 = its;

    pub const current = struct {
        pub fn wanted() bool {
            return true;
        }

        pub fn begin(request: messages.Request) void {
            end();
            answered = request;
        }

        pub fn end() void {
            if (answered) |request| request.drop();
            answered = null;
        }
    };
};

/// Return valid JSON: components pass plain text where their contract expects JSON.
fn json(text: []const u8) []const u8 {
    _ = lib.json.validate(text) catch return quoted(text) catch @trap();
    return text;
}

fn quoted(text: []const u8) lib.Writer.Error![]const u8 {
    var w = lib.Writer.init(allocator);
    try w.string(text);
    return w.text();
}
