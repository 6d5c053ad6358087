//! Messages and what becomes of them, as `protocol.zig` and those who carry out its decisions speak of them.

const std = @import("std");
const http = @import("http.zig");
const Fault = @import("faults.zig").Fault;
const Session = @import("Session.zig");

const mark = "\u{feff}";

/// A message without the byte order mark that some programs begin their output with.
/// RFC 8259, section 8.1: a parser may ignore it.
pub fn withoutMark(text: []const u8) []const u8 {
    return if (std.mem.startsWith(u8, text, mark)) text[mark.len..] else text;
}

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

/// The messages around a stream of notifications.
pub const Subscription = struct { id: []const u8, acknowledgement: []const u8, end: []const u8 };
