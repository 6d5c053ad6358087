//! Events of a request before its answer, written at once to the transport that the request came by. Specification:
//! basic/transports; package wasmcp:embedding, `exchange`.

const std = @import("std");
const lib = @import("lib");
const wit = @import("wit.zig");
const console = @import("console.zig");

const Output = @This();
const Writer = lib.Writer;
const OutgoingBody = wit.http.OutgoingBody;

const head = .{
    .{ "content-type", "text/event-stream" },
    .{ "cache-control", "no-cache" },
    // Prevents proxies from buffering events. Specification: basic/transports/streamable-http, "Receiving Messages".
    .{ "x-accel-buffering", "no" },
};

sink: Sink = .none,
/// Header fields of the response in addition to those of every event stream.
fields: []const Field = &.{},
/// True if the response head was sent.
streamed: bool = false,
/// True if writing failed: the client has disconnected.
lost: bool = false,

const Sink = union(enum) {
    none,
    stdio,
    messages: u32,
    exchange: u32,
    http: wit.http.ResponseOutparam,
    http_open: struct { body: OutgoingBody, stream: wit.streams.OutputStream },
};

const Field = std.meta.Child(@FieldType(wit.wire.Circumstances, "fields"));

pub fn init(to: wit.wire.Output, fields: []const Field) Output {
    return .{ .fields = fields, .sink = switch (to) {
        .none => .none,
        .stdio => .stdio,
        .messages => |number| .{ .messages = number },
        .exchange => |number| .{ .exchange = number },
        .http => |outparam| .{ .http = outparam },
        // The call passes its events on.
        .same => .none,
    } };
}

/// Return true if a client could receive an event.
pub fn listens(self: *const Output) bool {
    return self.sink != .none and !self.lost;
}

/// Return the token of the embedding host's call.
pub fn token(self: *const Output) ?u32 {
    return switch (self.sink) {
        .messages, .exchange => |number| number,
        else => null,
    };
}

/// Return true if the client's answer to a server-to-client request can be routed back to the call.
pub fn canReceiveAnswers(self: *const Output) bool {
    return switch (self.sink) {
        .stdio, .messages, .exchange => !self.lost,
        // The answer is another HTTP request, and can reach another instance, which has no state of this call.
        .none, .http, .http_open => false,
    };
}

/// Report to the embedding host that the call resumes once the client has answered the requests with these ids.
pub fn reportPending(self: *Output, ids: []const []const u8, continuation: []const u8) Writer.Error!void {
    const number = self.token() orelse return;
    var w = Writer.init(wit.memory.allocator);
    try frame(&w, number, "ask");
    try w.open('{');
    try w.key("ids");
    try w.open('[');
    for (ids) |id| try w.string(id);
    try w.close(']');
    try w.key("continuation");
    try w.value(continuation);
    try w.close('}');
    try w.raw("\n");
    self.lost = !console.write(w.text());
}

/// Send one JSON-RPC notification, or a server-to-client request of a handshake revision.
pub fn event(self: *Output, json: []const u8) Writer.Error!void {
    if (self.lost) return;
    var w = Writer.init(wit.memory.allocator);
    switch (self.sink) {
        .none => return,
        .stdio => {
            try w.raw(json);
            try w.raw("\n");
            self.lost = !console.write(w.text());
        },
        .messages => |number| {
            try frame(&w, number, "message");
            try w.raw(json);
            try w.raw("\n");
            self.lost = !console.write(w.text());
        },
        .exchange => |number| {
            if (!self.streamed) try self.headFrame(&w, number);
            self.streamed = true;
            try frame(&w, number, "chunk");
            try w.string(try sse(json));
            try w.raw("\n");
            self.lost = !console.write(w.text());
        },
        .http => {
            self.openHttp();
            if (!self.lost) try self.event(json);
        },
        .http_open => |response| self.lost = !console.writeTo(response.stream, try sse(json)),
    }
}

/// Write a line for the embedding host.
pub fn tell(number: u32, kind: []const u8, json: []const u8) Writer.Error!void {
    var w = Writer.init(wit.memory.allocator);
    try frame(&w, number, kind);
    try w.raw(json);
    try w.raw("\n");
    _ = console.write(w.text());
}

/// End the output with the answer. Return the body that the transport has to send itself.
pub fn end(self: *Output, answer: []const u8) Writer.Error![]const u8 {
    // An unused response outparam is returned: see `giveBack`.
    defer if (self.sink != .http) {
        self.sink = .none;
    };
    switch (self.sink) {
        .exchange => return if (self.streamed) sse(answer) else answer,
        .http_open => |response| {
            if (!self.lost) _ = console.writeTo(response.stream, try sse(answer));
            response.stream.drop();
            _ = OutgoingBody.finish(response.body, null);
            return "";
        },
        else => return answer,
    }
}

/// End the output of this call only: the response continues.
pub fn suspend_(self: *Output) void {
    self.sink = .none;
}

/// Return the response outparam, if it was not used.
pub fn giveBack(self: *Output) ?wit.http.ResponseOutparam {
    switch (self.sink) {
        .http => |outparam| {
            self.sink = .none;
            return outparam;
        },
        else => return null,
    }
}

fn openHttp(self: *Output) void {
    const outparam = self.sink.http;
    self.streamed = true;
    const fields = wit.http.Fields.init();
    inline for (head) |field| _ = fields.append(field[0], field[1]);
    for (self.fields) |field| _ = fields.append(field[0], field[1]);
    const response = wit.http.OutgoingResponse.init(fields);
    const body = response.body().get() catch unreachable; // taken only once
    wit.http.ResponseOutparam.set(outparam, .{ .ok = response });
    const stream = body.write().get() catch unreachable;
    self.sink = .{ .http_open = .{ .body = body, .stream = stream } };
}

fn sse(json: []const u8) Writer.Error![]const u8 {
    return std.mem.concat(wit.memory.allocator, u8, &.{ "data: ", json, "\n\n" });
}

fn frame(w: *Writer, number: u32, kind: []const u8) Writer.Error!void {
    try w.digits(number);
    try w.raw(" ");
    try w.raw(kind);
    try w.raw(" ");
}

fn headFrame(self: *const Output, w: *Writer, number: u32) Writer.Error!void {
    try frame(w, number, "head");
    try w.open('{');
    try w.key("status");
    try w.integer(200);
    try w.key("headers");
    try w.open('[');
    inline for (head) |field| {
        try w.open('[');
        try w.string(field[0]);
        try w.string(field[1]);
        try w.close(']');
    }
    for (self.fields) |field| {
        try w.open('[');
        try w.string(field[0]);
        try w.string(field[1]);
        try w.close(']');
    }
    try w.close(']');
    try w.close('}');
    try w.raw("\n");
}
