//! Context of a call: request data, notifications and server-to-client requests. It is valid during the call only.
const std = @import("std");
const bindings = @import("bindings");
const client_requests = @import("client_requests.zig");

const Context = @This();

/// The WIT resource of the request: identity, session, HTTP request, results of the client.
request: bindings.messages.Request,
/// The key of the requests to the client; see `withKey`.
key: ?[]const u8 = null,

pub const Level = bindings.types.LogLevel;

// One call runs at a time, and its memory is freed after it.
var error_message: ?[]const u8 = null;

/// Set the text of the tool error, which is sent to the client: `return context.fail("no city called {s}", .{name});`.
pub fn fail(_: Context, comptime format: []const u8, values: anytype) error{ToolFailed} {
    error_message = std.fmt.allocPrint(bindings.memory.allocator, format, values) catch null;
    return error.ToolFailed;
}

/// Set the JSON-RPC error response: `return context.failProtocol(.{ .code = -32001, .message = "gone" });`.
/// `code` is -32602 for invalid parameters and -32603 for internal errors; -32000 to -32019 are free to use. `message`
/// and `data`, a JSON text, are sent unchanged. For an error that the model is to read, use `fail` instead.
pub fn failProtocol(_: Context, response: bindings.types.Error) error{ProtocolError} {
    return client_requests.refuse(response);
}

/// Return the message of `fail` in this call, and clear it.
pub fn failureMessage(_: Context) ?[]const u8 {
    defer error_message = null;
    return error_message;
}

/// Send a progress notification, if the client requested progress. `done` must increase from call to call; `total` is
/// its value at the end, if known. Specification: basic/patterns/progress.
pub fn progress(self: Context, done: f64, total: ?f64, message: ?[]const u8) void {
    self.request.progress(done, total, message);
}

/// Send `notifications/tools/list_changed` to subscribed clients. Specification: basic/patterns/subscriptions.
pub fn notifyToolsChanged(self: Context) void {
    self.request.notifyToolsChanged();
}

/// Send `notifications/prompts/list_changed` to subscribed clients.
pub fn notifyPromptsChanged(self: Context) void {
    self.request.notifyPromptsChanged();
}

/// Send `notifications/resources/list_changed` to subscribed clients: resources or templates have changed.
pub fn notifyResourcesChanged(self: Context) void {
    self.request.notifyResourcesChanged();
}

/// Send `notifications/resources/updated` to clients that are subscribed to the resource. The URI is sent in normal
/// form, as in lists.
pub fn notifyResourceUpdated(self: Context, uri: []const u8) void {
    self.request.notifyResourceUpdated(@import("uris.zig").sendable(uri));
}

/// Send a log message, if the client requested this level. Specification: server/utilities/logging.
pub fn log(self: Context, level: Level, comptime format: []const u8, values: anytype) void {
    const results = @import("results.zig");
    const text = std.fmt.allocPrint(bindings.memory.allocator, format, values) catch return;
    self.request.log(level, null, results.json([]const u8, text) catch return);
}

/// Return true if the client has cancelled the request: long-running functions should check it and stop.
pub fn cancelled(self: Context) bool {
    return self.request.cancelled();
}

pub const Session = @import("kv.zig").Session;

/// Return the session values of this component. Needs the grant `sessions`.
pub fn session(self: Context) Session {
    return .{ .request = self.request };
}

/// Elicit input of the user with a form: a struct of strings, numbers, bools and enums; optional fields can stay empty.
/// Without a result of the client, this returns `error.InputRequired`, which ends the function: propagate it with
/// `try`. When the client has sent the result, the function runs again from its start, and this call returns it.
pub fn elicit(
    self: Context,
    message: []const u8,
    comptime Form: type,
) client_requests.Error!client_requests.Elicited(Form) {
    return client_requests.elicit(self.asker(), message, Form);
}

/// Return a copy of the context whose requests to the client have this key in `inputRequests`, instead of a key that is
/// made from the order and the parameters of the request: `context.withKey("seats").elicit(...)`.
pub fn withKey(self: Context, key: []const u8) Context {
    return .{ .request = self.request, .key = key };
}

fn asker(self: Context) client_requests.Asker {
    return .{ .request = self.request, .key = self.key };
}

/// Elicit by URL, for data that must not pass through the client. Return true if the user agreed to open the link.
pub fn elicitUrl(self: Context, message: []const u8, url: []const u8) client_requests.Error!bool {
    return client_requests.elicitUrl(self.asker(), message, url);
}

/// Request a completion of the client's model (sampling). `prompt` is a message of the user. The function runs again
/// with the result, as for `elicit`.
pub fn sample(
    self: Context,
    prompt: []const u8,
    options: client_requests.Sampling,
) client_requests.Error!client_requests.Sampled {
    return client_requests.sample(self.asker(), prompt, options);
}

/// Request a completion of the client's model, with all parameters: `params` is the JSON text of a
/// `CreateMessageRequestParams`.
pub fn sampleJson(self: Context, params: []const u8) client_requests.Error!client_requests.Sampled {
    return client_requests.sampleJson(self.asker(), params);
}

/// Request the client's roots. The function runs again with the result, as for `elicit`.
pub fn roots(self: Context) client_requests.Error![]const client_requests.Root {
    return client_requests.roots(self.asker());
}

/// Return the values of several requests, which are sent together: `const seats, const roots = try context.all(.{
/// context.elicit(question, Seats), context.roots() });`. Takes a tuple, an array or a slice of results, without `try`.
/// If a request fails, for example because the client does not support it, its error is returned; if the function ends
/// with it, no request is sent.
pub fn all(_: Context, results: anytype) client_requests.Together(@TypeOf(results)) {
    return client_requests.all(results);
}

/// Return the result of `make`, a function without parameters, that is called in the first run of this request only.
/// Later runs get the same value, which is stored in the sealed request state. Its type must have a JSON form.
pub fn once(self: Context, name: []const u8, comptime make: anytype) Made(make) {
    const T = Payload(make);
    if (client_requests.recall(self.request, name)) |text| {
        var reader: @import("arguments.zig").Reader = .init(text);
        return reader.read(T) catch return error.InvalidRequest;
    }
    const results = @import("results.zig");
    const value: T = if (@typeInfo(Returned(make)) == .error_union) try make() else make();
    try client_requests.keep(self.request, name, results.json(T, value) catch |problem| return switch (problem) {
        error.OutOfMemory => error.OutOfMemory,
        error.NotFinite => error.InvalidRequest,
    });
    return value;
}

/// End this step of a long function: `return context.checkpoint(done + 1);`. The next step runs the function again from
/// its start, with this value in `state`; its type must have a JSON form. A step is a request of its own, possibly in
/// another process: only the state, the values of `once` and the client's results are kept.
pub fn checkpoint(self: Context, value: anytype) client_requests.Error {
    const results = @import("results.zig");
    const T = if (@TypeOf(value) == comptime_int) i64 else @TypeOf(value);
    const text = results.json(T, value) catch |problem| return switch (problem) {
        error.OutOfMemory => error.OutOfMemory,
        error.NotFinite => error.InvalidRequest,
    };
    client_requests.keep(self.request, client_requests.checkpoint, text) catch |problem| return problem;
    return error.Checkpoint;
}

/// Return the state of the last `checkpoint` of this call; null before the first, and if it has another type.
pub fn state(self: Context, comptime T: type) ?T {
    const text = client_requests.recall(self.request, client_requests.checkpoint) orelse return null;
    var reader: @import("arguments.zig").Reader = .init(text);
    return reader.read(T) catch null;
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
        .error_union => |info| (info.error_set || client_requests.Error)!info.payload,
        else => client_requests.Error!Returned(make),
    };
}

/// Return the JSON-RPC id of the request, as JSON text: a string or an integer.
pub fn requestId(self: Context) []const u8 {
    return self.request.id();
}

/// Return the `_meta` object of the request, as JSON text.
pub fn meta(self: Context) ?[]const u8 {
    return self.request.meta();
}
