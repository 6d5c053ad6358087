//! Types of messages and their outcomes, shared by `protocol.zig` and the code that carries out its decisions.

const lib = @import("lib");
const http = @import("http.zig");
const Fault = @import("faults.zig").Fault;
const Session = @import("Session.zig");

const mark = "\u{feff}";

/// Strip a leading byte order mark, which some programs write. RFC 8259, section 8.1: a parser may ignore it.
pub fn withoutMark(text: []const u8) []const u8 {
    return if (lib.bytes.startsWith(text, mark)) text[mark.len..] else text;
}

/// Parsed message.
pub fn Incoming(comptime Request: type) type {
    return union(enum) {
        request: Opened(Request),
        notification,
        /// Response of the client to a server-to-client request: its id.
        response: ?[]const u8,
        invalid: struct { code: i32, body: []const u8 },
    };
}

/// Parsed request.
pub fn Opened(comptime Request: type) type {
    return struct {
        request: Request,
        method: []const u8,
        target: ?[]const u8 = null,
        version: ?[]const u8 = null,
        fault: ?Fault = null,
    };
}

/// Rejection of a request by the access rules. `denied`: the policy denies it; the scopes that would permit it.
pub fn Rejection(comptime Reply: type) type {
    return struct { reply: Reply, denied: ?[]const []const u8 = null };
}

/// Message to send back.
pub const Answer = struct {
    body: []const u8,
    code: ?i32 = null,
    /// Part of it was already sent.
    streamed: bool = false,
    /// The client cancelled the request.
    cancelled: bool = false,
    /// Set: the request is suspended until the client answers server-to-client requests.
    pending: ?Pending = null,
    /// Change notifications, without `jsonrpc`, that have not been sent yet.
    changes: []const []const u8 = &.{},
    /// The answer opens a subscription stream; `last`, if not empty, ends the stream immediately.
    listening: bool = false,
    last: []const u8 = "",
};

/// Pending input: the ids of the server-to-client requests, and the state to resume the request with.
pub const Pending = struct { ids: []const []const u8, continuation: []const u8 };

/// Message without an answer. `answer`: the client's response to the server-to-client request with this id.
pub const Received = union(enum) { answer: struct { id: []const u8, message: []const u8 }, notification: []const u8 };

/// Responses of the client, a JSON array, with which a suspended request is resumed.
pub const Resumed = struct { continuation: []const u8, answers: []const u8 };

/// Context in which a request is answered. `level`: log level, where the request itself does not carry one.
pub const Terms = struct {
    revision: []const u8,
    level: ?Session.Level = null,
    /// Capabilities of a client of a handshake revision.
    capabilities: ?[]const u8 = null,
    head: ?http.Head = null,
    resumed: ?Resumed = null,
    session: ?[]const u8 = null,
};

/// First and last messages of a subscription stream.
pub const Subscription = struct { id: []const u8, acknowledgement: []const u8, end: []const u8 };
