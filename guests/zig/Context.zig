//! What a tool knows about the call it answers, and what it can tell the client meanwhile. Valid during the call.
const std = @import("std");
const bindings = @import("bindings");
const asking = @import("asking.zig");
const questions = @import("questions.zig");

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

/// Tell clients that have subscribed to a resource that its contents are others now. The URI is sent in normal form, as
/// lists have it.
pub fn notifyResourceUpdated(self: Context, uri: []const u8) void {
    self.request.notifyResourceUpdated(@import("uris.zig").sendable(uri));
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

pub const Session = @import("kv.zig").Session;

/// The values that this component keeps for the session of the client: the grant `sessions`.
pub fn session(self: Context) Session {
    return .{ .request = self.request };
}

/// Ask the user to fill in a form, a struct of strings, numbers, bools and enums; optional fields may stay empty. The
/// function runs again from its start when the answer is there; until then this is `error.InputRequired`, to be handed
/// on with `try`.
pub fn elicit(_: Context, message: []const u8, comptime Form: type) questions.Error!questions.Elicited(Form) {
    return questions.elicit(message, Form);
}

/// Ask the user to follow a link, for what must not pass through the client. True: they said they would.
pub fn elicitUrl(_: Context, message: []const u8, url: []const u8) questions.Error!bool {
    return questions.elicitUrl(message, url);
}

/// Ask the client's model.
pub fn sample(_: Context, prompt: []const u8, options: questions.Sampling) questions.Error!questions.Sampled {
    return questions.sample(prompt, options);
}

/// Ask for the folders that the client works in.
pub fn roots(_: Context) questions.Error![]const questions.Root {
    return questions.roots();
}

/// What `make`, a function without parameters, gave in the first run of this request: it travels with the client, sealed,
/// and is the same in the runs after a question. Its type has a JSON form.
pub fn once(_: Context, name: []const u8, comptime make: anytype) Made(make) {
    const T = Payload(make);
    if (try asking.recall(name)) |text| {
        var reader: @import("arguments.zig").Reader = .init(text);
        return reader.read(T) catch return error.BadAnswer;
    }
    const results = @import("results.zig");
    const value: T = if (@typeInfo(Returned(make)) == .error_union) try make() else make();
    try asking.keep(name, results.json(T, value) catch |problem| return switch (problem) {
        error.OutOfMemory => error.OutOfMemory,
        error.NotFinite => error.BadAnswer,
    });
    return value;
}

fn Returned(comptime make: anytype) type {
    return @typeInfo(@TypeOf(make)).@"fn".return_type.?;
}

fn Payload(comptime make: anytype) type {
    return switch (@typeInfo(Returned(make))) {
        .error_union => |info| info.payload,
        else => Returned(make),
    };
}

fn Made(comptime make: anytype) type {
    return switch (@typeInfo(Returned(make))) {
        .error_union => |info| (info.error_set || questions.Error)!info.payload,
        else => questions.Error!Returned(make),
    };
}

/// The id that the client gave the request, as JSON text: a string or an integer.
pub fn requestId(self: Context) []const u8 {
    return self.request.id();
}

/// The `_meta` object of the request, as JSON text.
pub fn meta(self: Context) ?[]const u8 {
    return self.request.meta();
}
