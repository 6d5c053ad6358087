//! The resource `messages.request`: a view of a call. A derived request is another view of the same call.

const std = @import("std");
const lib = @import("lib");
const envelope = @import("envelope.zig");
const wit = @import("wit.zig");
const console = @import("console.zig");
const Call = @import("Call.zig");
const ClientRequests = @import("ClientRequests.zig");
const Revision = @import("revision.zig").Revision;

const Request = @This();
const Handle = wit.messages.Request;
const gpa = wit.memory.gpa;

call: *Call,
/// Values of this view that replace the call's own.
changed: ?Changed = null,

const Changed = struct {
    target: ?[]const u8,
    arguments: ?[]const u8,
    cursor: ?[]const u8,
    params: []const u8,
    memory: wit.memory.Arena,
};

pub fn init(call: *Call) Handle {
    return make(call, null);
}

fn make(call: *Call, changed: ?Changed) Handle {
    const self = gpa.create(Request) catch @trap();
    self.* = .{ .call = call.retain(), .changed = changed };
    return .new(self);
}

pub fn deinit(self: *Request) void {
    if (self.changed) |*changed| changed.memory.free();
    self.call.release();
    gpa.destroy(self);
}

pub fn method(self: *Request) wit.messages.Method {
    return @fromBackingInt(@intCast(@backingInt(self.call.message.method)));
}

pub fn name(self: *Request) []const u8 {
    return self.call.message.name;
}

pub fn id(self: *Request) []const u8 {
    return self.call.message.id;
}

pub fn target(self: *Request) ?[]const u8 {
    return if (self.changed) |changed| changed.target else self.call.message.target;
}

pub fn matchTemplate(
    _: *Request,
    uri: []const u8,
    templates: []const wit.types.UriTemplate,
) ?wit.types.UriMatch {
    return lib.uri_matching.first(wit.types.UriMatch, wit.memory.allocator, uri, templates) catch @trap();
}

pub fn arguments(self: *Request) ?[]const u8 {
    return if (self.changed) |changed| changed.arguments else self.call.message.arguments;
}

pub fn cursor(self: *Request) ?[]const u8 {
    return if (self.changed) |changed| changed.cursor else self.call.message.cursor;
}

pub fn params(self: *Request) []const u8 {
    return if (self.changed) |changed| changed.params else self.call.message.params;
}

pub fn meta(self: *Request) ?[]const u8 {
    return self.call.message.meta;
}

pub fn protocolVersion(self: *Request) []const u8 {
    return self.call.revision.name();
}

pub fn clientCapabilities(self: *Request) []const u8 {
    return self.call.message.capabilities;
}

pub fn identity(self: *Request) ?wit.messages.Identity {
    return if (self.call.circumstances) |c| c.identity else null;
}

pub fn session(self: *Request) ?[]const u8 {
    return if (self.call.circumstances) |c| c.session else null;
}

pub fn http(self: *Request) ?wit.messages.HttpFacts {
    return if (self.call.circumstances) |c| c.http else null;
}

pub fn inputResponses(self: *Request) []const struct { []const u8, []const u8 } {
    const pairs = ClientRequests.responses(self.call) catch @trap();
    return @ptrCast(pairs);
}

pub fn inputState(self: *Request) ?[]const u8 {
    return ClientRequests.ownState(self.call.input_state orelse return null);
}

pub fn clientRequest(
    self: *Request,
    name_of_method: []const u8,
    values: []const u8,
    key: ?[]const u8,
) ClientRequests.Outcome {
    defer self.call.keep();
    return self.call.client_requests.request(self.call, name_of_method, values, key) catch @trap();
}

pub fn storedValue(self: *Request, key: []const u8) ?[]const u8 {
    defer self.call.keep();
    return self.call.client_requests.stored(self.call, key) catch @trap();
}

pub fn storeValue(self: *Request, key: []const u8, value: []const u8) ClientRequests.Stored {
    defer self.call.keep();
    return self.call.client_requests.store(self.call, key, value) catch @trap();
}

pub fn progress(self: *Request, value: f64, total: ?f64, message: ?[]const u8) void {
    self.call.progress(value, total, message) catch {};
}

pub fn log(self: *Request, level: wit.types.LogLevel, logger: ?[]const u8, data: []const u8) void {
    self.call.log(@fromBackingInt(@intCast(@backingInt(level))), logger, data) catch {};
}

pub fn cancelled(self: *Request) bool {
    return self.call.isCancelled();
}

pub fn notifyToolsChanged(self: *Request) void {
    self.call.changed(.tools, null) catch {};
}

pub fn notifyPromptsChanged(self: *Request) void {
    self.call.changed(.prompts, null) catch {};
}

pub fn notifyResourcesChanged(self: *Request) void {
    self.call.changed(.resources, null) catch {};
}

pub fn notifyResourceUpdated(self: *Request, uri: []const u8) void {
    self.call.changed(.resource, uri) catch {};
}

/// Derive a request. The arguments are passed on unchanged; if they are not a JSON object, `params` is without them.
pub fn derive(self: *Request, new_target: ?[]const u8, new_arguments: ?[]const u8) Handle {
    const target_now = new_target orelse self.target();
    const arguments_now = new_arguments orelse self.arguments();
    const text = self.rewritten(target_now, arguments_now) catch @trap();
    return make(self.call, .{
        .target = copy(target_now),
        .arguments = copy(arguments_now),
        .cursor = copy(self.cursor()),
        .params = text,
        .memory = wit.memory.take(),
    });
}

pub fn derivePage(self: *Request, new_cursor: ?[]const u8) Handle {
    const text = self.turned(new_cursor) catch @trap();
    return make(self.call, .{
        .target = copy(self.target()),
        .arguments = copy(self.arguments()),
        .cursor = copy(new_cursor),
        .params = text,
        .memory = wit.memory.take(),
    });
}

fn copy(text: ?[]const u8) ?[]const u8 {
    return if (text) |given| wit.memory.allocator.dupe(u8, given) catch @trap() else null;
}

/// Return the params with another cursor.
fn turned(self: *Request, new_cursor: ?[]const u8) lib.Writer.Error![]const u8 {
    var w = lib.Writer.init(wit.memory.allocator);
    try w.open('{');
    if (new_cursor) |text| {
        try w.key("cursor");
        try w.string(text);
    }
    try self.others(&w, &.{"cursor"});
    try w.close('}');
    return w.text();
}

/// Write the members of the params except those with these names.
fn others(self: *Request, w: *lib.Writer, names: []const []const u8) lib.Writer.Error!void {
    var scanner = lib.json.Scanner.init(self.params());
    var members = scanner.members() catch unreachable;
    while (members.next() catch unreachable) |raw| {
        const value = scanner.value() catch unreachable;
        const taken = for (names) |one| {
            if (lib.json.equals(raw, one)) break true;
        } else false;
        if (taken) continue;
        try w.value(raw);
        try w.raw(":");
        try w.value(value);
    }
}

fn rewritten(self: *Request, new_target: ?[]const u8, new_arguments: ?[]const u8) lib.Writer.Error![]const u8 {
    const key: []const u8 = switch (self.call.message.method) {
        .@"resources/read" => "uri",
        // The target of a completion is nested in its reference.
        .@"completion/complete" => "",
        else => "name",
    };
    var w = lib.Writer.init(wit.memory.allocator);
    try w.open('{');
    if (new_target) |text| if (key.len > 0) {
        try w.keyText(key);
        try w.string(text);
    };
    if (new_arguments) |text| {
        if (lib.Writer.check(text)) |kind| {
            if (kind == .object) {
                try w.key("arguments");
                _ = w.embed(text) catch unreachable;
            }
        } else |_| console.log(&.{"a request was derived with arguments that are not JSON"});
    }
    try self.others(&w, if (new_target == null) &.{"arguments"} else &.{ "arguments", key });
    try w.close('}');
    return w.text();
}
