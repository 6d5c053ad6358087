//! The resource `messages.reply`: the whole JSON-RPC message in the making. It is written once, envelope and all, into
//! the buffer it leaves in. Lists stay open at their end, so that others can be put behind them.

const std = @import("std");
const lib = @import("lib");
const envelope = @import("envelope.zig");
const seal = @import("seal.zig");
const server = @import("server.zig");
const wit = @import("wit.zig");
const console = @import("console.zig");
const readTools = @import("tools_reader.zig").read;
const Call = @import("Call.zig");
const Results = @import("Results.zig");
const Revision = @import("revision.zig").Revision;

const Reply = @This();
const Handle = wit.messages.Reply;
const Writer = lib.Writer;
const types = wit.types;
const gpa = wit.memory.gpa;

const internal_error = -32603;
const invalid_params = envelope.invalid_params;

/// The call that this answers; 0: none.
call: u64,
w: Writer,
/// Where the result object or the error object begins.
body: usize = 0,
shape: Shape = .result,

const Shape = union(enum) {
    /// A result object, whole.
    result,
    /// An error object, whole.
    failure: i32,
    /// A result object without its end.
    list: List,
};

const List = struct {
    member: Member,
    /// Where the first item begins.
    items: usize,
    next: ?[]const u8,
    cache: ?types.CacheHint,

    const Member = enum { tools, resources, resourceTemplates, prompts };

    fn deinit(self: List) void {
        if (self.next) |text| gpa.free(text);
    }
};

/// The buffer of an answered call, for the next one.
var spare: std.ArrayList(u8) = .empty;
const max_spare = 256 << 10;

/// A reply to the current call, with nothing in it yet.
fn create() *Reply {
    const self = gpa.create(Reply) catch @trap();
    self.* = .{ .call = if (Call.current) |call| call.number else 0, .w = .{ .gpa = gpa, .buffer = spare } };
    spare = .empty;
    self.w.buffer.clearRetainingCapacity();
    return self;
}

pub fn deinit(self: *Reply) void {
    if (self.shape == .list) self.shape.list.deinit();
    if (spare.capacity == 0 and self.w.buffer.capacity <= max_spare) {
        spare = self.w.buffer;
    } else self.w.deinit();
    gpa.destroy(self);
}

/// Write the envelope up to the result or the error.
fn head(self: *Reply, comptime member: []const u8) Writer.Error!void {
    try self.w.raw("{\"jsonrpc\":\"2.0\"");
    if (Call.current) |call| {
        try self.w.key("id");
        try self.w.raw(call.message.id);
    }
    try self.w.key(member);
    self.body = self.w.buffer.items.len;
}

fn results(self: *Reply) Results {
    return .{ .w = &self.w, .revision = if (Call.current) |call| call.revision else Revision.latest };
}

/// A reply from what writes its result object; what goes wrong on the way becomes a failure.
fn build(context: anytype) Handle {
    const self = create();
    var r = self.results();
    write(self, &r, context) catch |problem| switch (problem) {
        error.OutOfMemory => self.becomeFailure(internal_error, "Internal error: out of memory", null),
        error.InvalidJson => {
            const request = if (Call.current) |call| call.message.target orelse call.message.name else "";
            console.log(&.{ "the answer to `", request, "` was refused: what its component gave as `", r.looked_at, "` is not the JSON that belongs there" });
            self.becomeFailure(internal_error, "Internal error: the answer could not be put into JSON", null);
        },
    };
    return .new(self);
}

fn write(self: *Reply, r: *Results, context: anytype) Writer.EmbedError!void {
    try self.head("result");
    try self.w.open('{');
    const meta = try context.write(self, r);
    if (self.shape != .list and !@hasDecl(@TypeOf(context), "ends_itself")) try self.tail(r, meta);
}

/// The end of a result object. Specification: basic, "ResultType" and "Per-response protocol fields".
fn tail(self: *Reply, r: *Results, meta: ?[]const u8) Writer.EmbedError!void {
    if (r.revision == Revision.latest) try self.w.value("\"resultType\":\"complete\"");
    try self.metaAndEnd(r, meta);
}

fn metaAndEnd(self: *Reply, r: *Results, meta: ?[]const u8) Writer.EmbedError!void {
    if (r.revision == Revision.latest) {
        try self.w.key("_meta");
        try self.w.open('{');
        try r.members("_meta", meta, &.{server.info_key});
        try self.w.value(server.info());
        try self.w.close('}');
    } else if (meta) |text| {
        r.looked_at = "_meta";
        try self.w.key("_meta");
        if (try self.w.embed(text) != .object) return error.InvalidJson;
    }
    try self.w.close('}');
}

fn cacheFields(self: *Reply, hint: ?types.CacheHint) Writer.Error!void {
    // Nobody said: do not keep it, do not share it.
    const cache = hint orelse types.CacheHint{ .ttl_ms = 0, .scope = .private };
    try self.w.key("ttlMs");
    try self.w.integer(cache.ttl_ms);
    try self.w.key("cacheScope");
    try self.w.string(@tagName(cache.scope));
}

// -------------------------------------------------------------------------------------------------- constructors

fn list(comptime member: List.Member, items: anytype, next: ?[]const u8, cache: ?types.CacheHint, comptime item: anytype) Handle {
    return build(struct {
        items: @TypeOf(items),
        next: ?[]const u8,
        cache: ?types.CacheHint,

        fn write(c: @This(), self: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try self.w.key(@tagName(member));
            try self.w.open('[');
            const start = self.w.buffer.items.len;
            try item(self, r, c.items);
            self.shape = .{ .list = .{ .member = member, .items = start, .next = if (c.next) |text| try gpa.dupe(u8, text) else null, .cache = c.cache } };
            return null;
        }
    }{ .items = items, .next = next, .cache = cache });
}

fn each(comptime one: anytype) fn (*Reply, *Results, anytype) Writer.EmbedError!void {
    return struct {
        fn all(_: *Reply, r: *Results, items: anytype) Writer.EmbedError!void {
            for (items) |item| try one(r, item);
        }
    }.all;
}

pub fn tools(items: []const types.Tool, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.tools, items, next, cache, each(Results.tool));
}

pub fn toolsJson(items: []const u8, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.tools, items, next, cache, struct {
        fn all(self: *Reply, r: *Results, array: anytype) Writer.EmbedError!void {
            r.looked_at = "items";
            if (try Writer.check(array) != .array) return error.InvalidJson;
            const inside = std.mem.trim(u8, std.mem.trim(u8, array, " \t\r\n")[1..], " \t\r\n");
            // Checked as a whole above; what is between the brackets is one or more values and their commas.
            try self.w.oneLine(std.mem.trimEnd(u8, inside[0 .. inside.len - 1], " \t\r\n"));
        }
    }.all);
}

pub fn resources(items: []const types.McpResource, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.resources, items, next, cache, each(Results.resource));
}

pub fn templates(items: []const types.ResourceTemplate, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.resourceTemplates, items, next, cache, each(Results.template));
}

pub fn prompts(items: []const types.Prompt, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.prompts, items, next, cache, each(Results.prompt));
}

pub fn toolResult(value: types.ToolResult) Handle {
    return build(struct {
        value: types.ToolResult,
        fn write(c: @This(), _: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try r.toolResult(c.value);
            return c.value.meta;
        }
    }{ .value = value });
}

pub fn promptResult(value: types.PromptResult) Handle {
    return build(struct {
        value: types.PromptResult,
        fn write(c: @This(), _: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try r.promptResult(c.value);
            return c.value.meta;
        }
    }{ .value = value });
}

pub fn completion(value: types.Completion) Handle {
    return build(struct {
        value: types.Completion,
        fn write(c: @This(), _: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try r.completion(c.value);
            return null;
        }
    }{ .value = value });
}

pub fn contents(items: []const types.ResourceContents, cache: ?types.CacheHint) Handle {
    return build(struct {
        items: []const types.ResourceContents,
        cache: ?types.CacheHint,
        fn write(c: @This(), self: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try self.w.key("contents");
            try self.w.open('[');
            for (c.items) |one| try r.contents(one);
            try self.w.close(']');
            if (r.revision == Revision.latest) try self.cacheFields(c.cache);
            return null;
        }
    }{ .items = items, .cache = cache });
}

/// A result that the types do not know. In 2026-07-28 what every result must have is added where it is missing.
pub fn raw(value: []const u8) Handle {
    const self = create();
    var r = self.results();
    r.looked_at = "raw";
    self.writeRaw(&r, value) catch |problem| switch (problem) {
        error.OutOfMemory => self.becomeFailure(internal_error, "Internal error: out of memory", null),
        error.InvalidJson => {
            console.log(&.{"an answer was refused: `raw` was not given a JSON object"});
            self.becomeFailure(internal_error, "Internal error: the answer could not be put into JSON", null);
        },
    };
    return .new(self);
}

fn writeRaw(self: *Reply, r: *Results, value: []const u8) Writer.EmbedError!void {
    if (try Writer.check(value) != .object) return error.InvalidJson;
    try self.head("result");
    if (r.revision != Revision.latest) {
        _ = try self.w.embed(value);
        return;
    }
    try self.w.open('{');
    try r.members("raw", value, &.{"_meta"});
    const kind = lib.json.member(value, "resultType");
    if (kind == null) try self.w.value("\"resultType\":\"complete\"");
    const complete = if (kind) |text| text[0] == '"' and lib.json.equals(text, "complete") else true;
    if (complete) if (Call.current) |call| if (call.message.method.isCacheable()) {
        if (lib.json.member(value, "ttlMs") == null) try self.w.value("\"ttlMs\":0");
        if (lib.json.member(value, "cacheScope") == null) try self.w.value("\"cacheScope\":\"private\"");
    };
    try self.metaAndEnd(r, lib.json.member(value, "_meta"));
}

pub fn failure(value: types.Error) Handle {
    const self = create();
    self.becomeFailure(value.code, value.message, value.data);
    return .new(self);
}

pub fn inputRequired(value: types.InputRequired) Handle {
    const call = Call.current orelse return refuse(internal_error, "Internal error: no request is being answered", null);
    if (call.revision != Revision.latest) return refuse(internal_error, "Internal error: this needs input from the user, and there is no way to ask for it in the protocol revision of this client", null);
    if (!call.message.method.mayAsk()) return refuse(internal_error, "Internal error: this kind of request cannot ask for input", null);
    if (value.requests.len == 0 and value.state == null) return refuse(internal_error, "Internal error: input is required, but none is named", null);
    for (value.requests) |wanted| {
        const need: []const u8 = inline for (capabilities) |pair| {
            if (std.mem.eql(u8, wanted.method, pair[0])) break pair[1];
        } else return refuse(internal_error, "Internal error: clients cannot be asked for this kind of input", null);
        // Specification: basic, "Per-request protocol fields": nothing the client did not declare.
        if (lib.json.member(call.message.capabilities, need) == null) {
            const data = std.mem.concat(wit.memory.allocator, u8, &.{ "{\"requiredCapabilities\":{\"", need, "\":{}}}" }) catch @trap();
            return refuse(-32021, "Missing required client capability", data);
        }
    }
    return build(struct {
        value: types.InputRequired,
        message: envelope.Request,
        pub const ends_itself = true;

        fn write(c: @This(), self: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            if (c.value.requests.len > 0) {
                try self.w.key("inputRequests");
                try self.w.open('{');
                for (c.value.requests) |wanted| {
                    r.looked_at = "params";
                    try self.w.keyText(wanted.key);
                    try self.w.open('{');
                    try self.w.key("method");
                    try self.w.string(wanted.method);
                    try self.w.key("params");
                    if (try self.w.embed(wanted.params) != .object) return error.InvalidJson;
                    try self.w.close('}');
                }
                try self.w.close('}');
            }
            if (c.value.state) |state| {
                try self.w.key("requestState");
                try self.w.string(try seal.close(c.message, state));
            }
            try self.w.value("\"resultType\":\"input_required\"");
            try self.metaAndEnd(r, null);
            return null;
        }
    }{ .value = value, .message = call.message });
}

const capabilities = .{ .{ "elicitation/create", "elicitation" }, .{ "sampling/createMessage", "sampling" }, .{ "roots/list", "roots" } };

fn refuse(code: i32, message: []const u8, data: ?[]const u8) Handle {
    return failure(.{ .code = code, .message = message, .data = data });
}

/// Forget what is there and be this error.
pub fn becomeFailure(self: *Reply, code: i32, message: []const u8, data: ?[]const u8) void {
    self.writeFailure(code, message, data) catch @trap();
}

fn writeFailure(self: *Reply, given: i32, message: []const u8, data: ?[]const u8) Writer.Error!void {
    const call = Call.current;
    // Specification: basic, "Error Codes": 2026-07-28 replaced this one.
    const code = if (given == -32002 and (call == null or call.?.revision == Revision.latest)) invalid_params else given;
    if (self.shape == .list) self.shape.list.deinit();
    self.shape = .{ .failure = code };
    self.w.buffer.clearRetainingCapacity();
    try self.head("error");
    try self.w.open('{');
    try self.w.key("code");
    try self.w.integer(code);
    try self.w.key("message");
    try self.w.string(message);
    if (data) |json| {
        if (Writer.check(json)) |_| {
            try self.w.key("data");
            _ = self.w.embed(json) catch unreachable;
        } else |_| console.log(&.{"the data of an error was left out: it is not JSON"});
    }
    try self.w.close('}');
}

// ------------------------------------------------------------------------------------------------------- methods

pub fn append(self: *Reply, handle: Handle) void {
    defer handle.drop();
    const other = handle.rep();
    if (self == other or self.shape == .failure) return;
    if (other.shape == .failure) {
        const buffer = self.w.buffer;
        self.shape.list.deinit();
        self.shape = other.shape;
        self.body = other.body;
        self.call = other.call;
        self.w.buffer = other.w.buffer;
        other.w.buffer = buffer;
        return;
    }
    if (self.shape != .list or other.shape != .list or self.shape.list.member != other.shape.list.member) {
        console.log(&.{"a reply was appended to one of another kind"});
        return self.becomeFailure(internal_error, "Internal error: lists of different kinds", null);
    }
    const more = &other.shape.list;
    const mine = &self.shape.list;
    self.appendItems(other.w.text()[more.items..]) catch return self.becomeFailure(internal_error, "Internal error: out of memory", null);
    if (more.next) |cursor| {
        if (mine.next) |old| gpa.free(old);
        mine.next = cursor;
        more.next = null;
    }
    mine.cache = both(mine.cache, more.cache);
}

fn appendItems(self: *Reply, items: []const u8) Writer.Error!void {
    if (items.len > 0) try self.w.value(items);
}

/// The shorter time and the narrower scope; who gave no hint wants nothing kept.
fn both(a: ?types.CacheHint, b: ?types.CacheHint) ?types.CacheHint {
    const x = a orelse return null;
    const y = b orelse return null;
    return .{ .ttl_ms = @min(x.ttl_ms, y.ttl_ms), .scope = if (x.scope == .private) .private else y.scope };
}

pub fn @"error"(self: *Reply) ?types.Error {
    if (self.shape != .failure) return null;
    const text = self.w.text()[self.body..];
    const message = lib.json.member(text, "message").?;
    return .{
        .code = self.shape.failure,
        .message = lib.json.decodeString(wit.memory.allocator, message) catch @trap(),
        .data = lib.json.member(text, "data"),
    };
}

pub fn asJson(self: *Reply) []const u8 {
    if (self.shape != .list) return self.w.text()[self.body..];
    // Lists are written to their end only when they leave: a copy gets its end now.
    const size = self.w.text().len;
    self.endList() catch @trap();
    const copy = wit.memory.allocator.dupe(u8, self.w.text()[self.body..]) catch @trap();
    self.w.buffer.shrinkRetainingCapacity(size);
    return copy;
}

pub fn asTools(self: *Reply) ?[]const types.Tool {
    if (self.shape != .list or self.shape.list.member != .tools) return null;
    return readTools(wit.memory.allocator, self.w.text()[self.shape.list.items..]) catch @trap();
}

fn endList(self: *Reply) Writer.Error!void {
    var r = self.results();
    try self.w.close(']');
    if (self.shape.list.next) |cursor| {
        try self.w.key("nextCursor");
        try self.w.string(cursor);
    }
    if (r.revision == Revision.latest) try self.cacheFields(self.shape.list.cache);
    self.tail(&r, null) catch |problem| switch (problem) {
        error.OutOfMemory => |e| return e,
        error.InvalidJson => unreachable, // nothing of a component's is in it
    };
}

/// End the message. Returns its text, valid as long as this object.
pub fn finish(self: *Reply) Writer.Error![]const u8 {
    if (self.shape == .list) {
        try self.endList();
        self.shape.list.deinit();
        self.shape = .result;
    }
    try self.w.close('}');
    return self.w.text();
}

pub fn errorCode(self: *const Reply) ?i32 {
    return switch (self.shape) {
        .failure => |number| number,
        else => null,
    };
}
