//! What a tool knows about the call it answers, and what it can tell the client meanwhile. Valid during the call.
const std = @import("std");
const bindings = @import("bindings");

const Context = @This();

/// The request itself: identity, session, HTTP facts, answers of the client and whatever is not wrapped here.
request: bindings.messages.Request,

pub const Level = bindings.types.LogLevel;

// One call runs at a time, and its memory is gone after it.
var worded: ?[]const u8 = null;

/// Word the tool error that the client gets: `return context.fail("no city called {s}", .{name});`.
pub fn fail(_: Context, comptime format: []const u8, values: anytype) error{ToolFailed} {
    worded = std.fmt.allocPrint(bindings.memory.allocator, format, values) catch null;
    return error.ToolFailed;
}

/// What `fail` said in this call, once.
pub fn failureMessage(_: Context) ?[]const u8 {
    defer worded = null;
    return worded;
}

/// Tell how far the tool is. Dropped when the client didn't ask. Specification: basic/patterns/progress.
pub fn progress(self: Context, done: f64, total: ?f64, message: ?[]const u8) void {
    self.request.progress(done, total, message);
}

/// Tell clients that listen that the list of tools is another now. Specification: basic/patterns/subscriptions.
pub fn notifyToolsChanged(self: Context) void {
    self.request.notifyToolsChanged();
}

/// Tell clients that listen that the list of prompts is another now.
pub fn notifyPromptsChanged(self: Context) void {
    self.request.notifyPromptsChanged();
}

/// Tell clients that listen that the lists of resources and of resource templates are others now.
pub fn notifyResourcesChanged(self: Context) void {
    self.request.notifyResourcesChanged();
}

/// Tell clients that have subscribed to a resource that its contents are others now.
pub fn notifyResourceUpdated(self: Context, uri: []const u8) void {
    self.request.notifyResourceUpdated(uri);
}

/// Send a log message, if the client wants this level. Specification: server/utilities/logging.
pub fn log(self: Context, level: Level, comptime format: []const u8, values: anytype) void {
    const results = @import("results.zig");
    const text = std.fmt.allocPrint(bindings.memory.allocator, format, values) catch return;
    self.request.log(level, null, results.json([]const u8, text) catch return);
}

/// Whether the client has taken the request back: a long tool looks now and then, and stops.
pub fn cancelled(self: Context) bool {
    return self.request.cancelled();
}

/// The id that the client gave the request, as JSON text: a string or an integer.
pub fn requestId(self: Context) []const u8 {
    return self.request.id();
}

/// The `_meta` object of the request, as JSON text.
pub fn meta(self: Context) ?[]const u8 {
    return self.request.meta();
}
