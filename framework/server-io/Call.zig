//! One request from parsing to its answer: the state that the requests derived from it share.

const std = @import("std");
const lib = @import("lib");
const envelope = @import("envelope.zig");
const wit = @import("wit.zig");
const console = @import("console.zig");
const Changes = @import("Changes.zig");
const ClientRequests = @import("ClientRequests.zig");
const Input = @import("Input.zig");
const Output = @import("Output.zig");
const Revision = @import("revision.zig").Revision;

const Call = @This();
const Writer = lib.Writer;

/// The call that is being answered: replies are built for it.
pub var current: ?*Call = null;
var calls: u64 = 0;

/// Identifies this call among all calls of this instance.
number: u64,
/// The call that this one is a part of.
outer: ?*Call,
/// The call that sends the events of this one and detects its cancellation: this one, or the outer one.
speaker: *Call,
/// The number of request resources that refer to it.
references: usize = 0,
/// True between `begin` and `finish`: events can be sent.
open: bool = false,
/// Owns the text of the message, and the values passed to `begin`.
memory: wit.memory.Arena = .{},
message: envelope.Request,
revision: Revision = Revision.latest,
circumstances: ?wit.wire.Circumstances = null,
log_level: ?envelope.Level,
output: Output = .{},
cancelled: bool = false,
last_progress: f64 = -std.math.inf(f64),
/// The request state, once verified.
input_state: ?[]const u8 = null,
client_requests: ClientRequests = .{},
/// The number of rounds of server-to-client requests during this request (handshake revisions).
round: u32 = 0,
changes: Changes = .{},

/// Start a call for a message. The call takes over its text, which lies in the memory of the running export.
pub fn init(message: envelope.Request) std.mem.Allocator.Error!*Call {
    const self = try wit.memory.gpa.create(Call);
    calls += 1;
    self.* = .{
        .number = calls,
        .outer = current,
        .speaker = self,
        .message = message,
        .log_level = message.log_level,
    };
    current = self;
    return self;
}

pub fn retain(self: *Call) *Call {
    self.references += 1;
    return self;
}

pub fn release(self: *Call) void {
    self.references -= 1;
    if (self.references > 0) return;
    self.leave();
    self.changes.deinit();
    self.client_requests.deinit();
    self.memory.free();
    wit.memory.gpa.destroy(self);
}

/// Set the circumstances, which lie in the memory of the running export.
pub fn begin(self: *Call, circumstances: wit.wire.Circumstances) void {
    current = self;
    self.open = true;
    self.revision = .named(circumstances.version);
    self.circumstances = circumstances;
    self.output = .init(circumstances.output, circumstances.fields);
    if (circumstances.output == .same) self.speaker = self.outer orelse self;
    if (self.revision != Revision.latest) {
        const level = circumstances.log_level;
        self.log_level = if (level) |known| @fromBackingInt(@intCast(@backingInt(known))) else null;
    }
    if (self.output.sink == .stdio) Input.standard.rewind();
}

/// Extend the life of the running export's memory to that of the call.
pub fn keep(self: *Call) void {
    var taken = wit.memory.take();
    self.memory.absorb(&taken);
}

/// End the call: nothing more is sent for it. `finish` has many exits, each of which would have a copy of its code.
pub noinline fn close(self: *Call) void {
    self.open = false;
    // A component can keep a request for longer than the outer call lives.
    self.speaker = self;
    self.leave();
}

fn leave(self: *Call) void {
    if (current == self) current = self.outer;
}

/// Return true if the client has cancelled the request or disconnected. Does not block.
pub fn isCancelled(call: *Call) bool {
    const self = call.speaker;
    if (self.cancelled or !self.open) return self.cancelled;
    if (self.output.lost) {
        self.cancelled = true;
    } else if (self.output.token()) |token| {
        self.cancelled = Input.standard.cancelledBy(token);
    } else if (self.output.sink == .stdio) {
        self.cancelled = Input.standard.isCancelled(self.message.id);
    }
    return self.cancelled;
}

/// Send a progress notification. Specification: basic/patterns/progress.
pub fn progress(call: *Call, value: f64, total: ?f64, words: ?[]const u8) Writer.Error!void {
    const self = call.speaker;
    const token = self.message.progress_token orelse return;
    if (!std.math.isFinite(value) or value <= self.last_progress) return;
    if (!self.maySend()) return;
    self.last_progress = value;
    var w = Writer.init(wit.memory.allocator);
    try w.raw("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":");
    try w.raw(token);
    try w.key("progress");
    try w.float(value);
    if (total) |number| if (std.math.isFinite(number)) {
        try w.key("total");
        try w.float(number);
    };
    if (words) |text| if (self.revision.since(.@"2025-03-26")) {
        try w.key("message");
        try w.string(text);
    };
    try w.raw("}}");
    try self.output.event(w.text());
}

/// Send a log notification. Specification: server/utilities/logging.
pub fn log(call: *Call, level: envelope.Level, logger: ?[]const u8, data: []const u8) Writer.Error!void {
    const self = call.speaker;
    const threshold = self.log_level orelse return;
    if (@backingInt(level) < @backingInt(threshold) or !self.maySend()) return;
    var w = Writer.init(wit.memory.allocator);
    try w.raw("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{");
    try w.key("level");
    try w.string(@tagName(level));
    if (logger) |name| {
        try w.key("logger");
        try w.string(name);
    }
    try w.key("data");
    _ = w.embed(data) catch |problem| switch (problem) {
        error.OutOfMemory => |e| return e,
        error.InvalidJson => return console.log(
            &.{ "a log notification was dropped: its data is not JSON: ", data[0..@min(data.len, 200)] },
        ),
    };
    try w.raw("}}");
    try self.output.event(w.text());
}

/// Record that a list or a resource (that of the URI) has changed. The transport or the embedding host selects the
/// subscribers. Changes count even if the request was cancelled.
pub fn changed(call: *Call, what: Changes.Kind, uri: ?[]const u8) Writer.Error!void {
    const self = call.speaker;
    if (!self.open) return;
    const text = try Changes.notification(wit.memory.allocator, what, uri);
    if (self.output.token()) |token| return Output.tell(token, "changed", text);
    try self.changes.add(text);
}

fn maySend(self: *Call) bool {
    return self.open and self.output.listens() and !self.isCancelled();
}
