//! Interface of `protocol.zig` to the rest of the server: `server-io` through `wire` and `messages`, the chain through
//! `server-handler`, values baked in at composition through `server-metadata`.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");
const gate = @import("gate.zig");
const http = @import("http.zig");
const lifecycle = @import("lifecycle.zig");
const faults = @import("faults.zig");
const messages = @import("messages.zig");

const memory = bindings.memory;
const wire = bindings.wire;

const Peer = @This();

pub const Request = bindings.messages.Request;
pub const Reply = bindings.messages.Reply;

/// Destination of the events of a request. `response`: the wasi:http response of `outparam`.
pub const Output = union(enum) { none, stdio, messages: u32, exchange: u32, response };
pub const nowhere: Output = .none;

/// The principal that authorization found.
identity: ?bindings.messages.Identity = null,

/// Additional header fields of a streamed response.
fields: []const http.Field = &.{},

/// The wasi:http response, until it is started.
outparam: ?bindings.wasi_http.types.ResponseOutparam = null,

pub fn parse(_: *Peer, body: []const u8) messages.Incoming(Request) {
    return switch (wire.parse(body)) {
        .request => |opened| .{ .request = .{
            .request = opened.request,
            .method = opened.method,
            .target = opened.target,
            .version = opened.version,
            .fault = if (opened.fault) |fault|
                .{ .code = fault.code, .message = fault.message, .data = fault.data }
            else
                null,
        } },
        .notification => .notification,
        .response => |id| .{ .response = id },
        .invalid => |invalid| .{ .invalid = .{ .code = invalid[0], .body = invalid[1] } },
    };
}

pub fn params(_: *Peer, request: Request) []const u8 {
    return request.params();
}

pub fn refusal(_: *Peer, fault: faults.Fault) []const u8 {
    return wire.refusal(.{ .code = fault.code, .message = fault.message, .data = fault.data });
}

pub fn begin(self: *Peer, request: Request, terms: messages.Terms, output: Output) ?Reply {
    const refused = wire.begin(request, .{
        .version = terms.revision,
        .http = if (terms.head) |given| facts(given) else null,
        .identity = self.identity,
        .session = terms.session,
        .log_level = if (terms.level) |level| std.meta.stringToEnum(bindings.types.LogLevel, @tagName(level)) else null,
        .capabilities = terms.capabilities,
        .fields = pairs(self.fields),
        .resumed = if (terms.resumed) |resumed|
            .{ .continuation = resumed.continuation, .answers = resumed.answers }
        else
            null,
        .unsealed = false,
        .output = switch (output) {
            .none => .none,
            .stdio => .stdio,
            .messages => |token| .{ .messages = token },
            .exchange => |token| .{ .exchange = token },
            .response => .{ .http = self.outparam.? },
        },
    });
    if (output == .response) self.outparam = null;
    return refused;
}

/// Return the rejection of a request by the access rules, or null.
pub fn check(_: *Peer, request: Request) ?messages.Rejection(Reply) {
    const rejection = bindings.access.check(request) orelse return null;
    return .{ .reply = rejection.reply, .denied = rejection.denied };
}

/// Return whether the server has no endpoint at a path.
pub fn isMissing(_: *Peer, path: []const u8) bool {
    return bindings.access.isMissing(path);
}

/// Return the capabilities under the path of a request, or null: all of the server.
pub fn capabilitiesAt(_: *Peer, request: Request) ?[]const u8 {
    return bindings.access.capabilities(request);
}

/// Return the response to a request that the policy denies.
pub fn deny(_: *Peer, head: http.Head, scopes: []const []const u8) error{OutOfMemory}!http.Response {
    return gate.deny(head, scopes);
}

pub fn handle(_: *Peer, request: Request) ?Reply {
    return bindings.server_handler.handle(request);
}

/// Return the ids of tasks in the reply to `subscriptions/listen`; null: it is an error.
pub fn taskIds(_: *Peer, reply: Reply) ?[]const u8 {
    const ids = lib.json.member(reply.asJson(), "taskIds") orelse return null;
    reply.drop();
    return ids;
}

pub fn finish(self: *Peer, request: Request, reply: ?Reply) messages.Answer {
    const answer = wire.finish(request, reply);
    if (answer.outparam) |outparam| self.outparam = outparam;
    return .{
        .body = answer.body,
        .code = answer.code,
        .streamed = answer.streamed,
        .cancelled = answer.cancelled,
        .pending = if (answer.pending) |pending|
            .{ .ids = pending.ids, .continuation = pending.continuation }
        else
            null,
        .changes = answer.changes,
    };
}

/// Return the id of a session that carries these facts, or null: no keys are set.
pub fn sealSession(self: *Peer, session_facts: []const u8) ?[]const u8 {
    return wire.sealSession(session_facts, self.identity);
}

/// Return the facts that the id of a session carries, or null: this server did not issue it to this principal, or it
/// has expired.
pub fn openSession(self: *Peer, id: []const u8) ?[]const u8 {
    return wire.openSession(id, self.identity);
}

/// Return the id of a new session in the storage of the runtime. Null: the storage does not last or has failed.
pub fn beginSession(_: *Peer, state: []const u8, seconds: u64) ?[]const u8 {
    return bindings.session_states.begin(state, seconds);
}

/// Return name and state of the session in the storage of the runtime that has this id.
pub fn findSession(_: *Peer, id: []const u8) ?struct { []const u8, []const u8 } {
    return bindings.session_states.find(id);
}

pub fn updateSession(_: *Peer, id: []const u8, state: []const u8) void {
    bindings.session_states.update(id, state);
}

pub fn endSession(_: *Peer, id: []const u8) void {
    bindings.session_states.end(id);
}

pub fn subscribe(_: *Peer, request: Request, notifications: []const u8) messages.Subscription {
    const subscription = wire.subscribe(request, notifications);
    return .{ .id = subscription.id, .acknowledgement = subscription.acknowledgement, .end = subscription.end };
}

pub fn tell(_: *Peer, token: u32, kind: []const u8, json: []const u8) void {
    wire.tell(token, kind, json);
}

pub fn raw(_: *Peer, json: []const u8) Reply {
    return Reply.raw(json);
}

pub fn failure(_: *Peer, fault: faults.Fault) Reply {
    return Reply.failure(.{ .code = fault.code, .message = fault.message, .data = fault.data });
}

pub fn metadata(_: *Peer) lifecycle.Metadata {
    const baked = bindings.server_metadata;
    return .{
        .implementation = baked.implementation_(),
        .instructions = baked.instructions(),
        .capabilities = baked.capabilities(),
    };
}

const Pair = std.meta.Child(@FieldType(bindings.messages.HttpFacts, "headers"));

/// Return the HTTP facts for the chain. Values that are not UTF-8 are decoded as Latin-1 (RFC 9110, section 5.5).
fn facts(head: http.Head) bindings.messages.HttpFacts {
    const headers = memory.alloc(Pair, head.fields.len);
    for (head.fields, headers) |field, *pair| {
        const name = memory.alloc(u8, field.name.len);
        pair.* = .{ std.ascii.lowerString(name, field.name), text(field.value) };
    }
    return .{ .method = head.method, .path = head.target, .headers = headers };
}

pub fn pairs(fields: []const http.Field) []const Pair {
    const list = memory.alloc(Pair, fields.len);
    for (fields, list) |field, *pair| pair.* = .{ field.name, text(field.value) };
    return list;
}

fn text(value: []const u8) []const u8 {
    if (std.unicode.utf8ValidateSlice(value)) return value;
    const out = memory.alloc(u8, 2 * value.len);
    var n: usize = 0;
    for (value) |byte| n += lib.utf8.encode(byte, out[n..]);
    return out[0..n];
}
