//! The resource `messages.reply`: a JSON-RPC message under construction. It is written once, including its envelope,
//! into the buffer that is sent. Lists stay open at their end, so that other lists can be appended.

const std = @import("std");
const lib = @import("lib");
const constructors = @import("replies.zig");
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

pub const internal_error = @import("protocol_table").code.internal_error;
const invalid_params = envelope.invalid_params;

pub const tools = constructors.tools;
pub const toolsJson = constructors.toolsJson;
pub const toolResult = constructors.toolResult;
pub const toolValue = constructors.toolValue;
pub const resources = constructors.resources;
pub const resourcesJson = constructors.resourcesJson;
pub const templates = constructors.templates;
pub const templatesJson = constructors.templatesJson;
pub const contents = constructors.contents;
pub const prompts = constructors.prompts;
pub const promptsJson = constructors.promptsJson;
pub const promptResult = constructors.promptResult;
pub const completion = constructors.completion;
pub const inputRequired = constructors.inputRequired;
pub const failure = constructors.failure;
pub const raw = constructors.raw;

/// The number of the call that this answers; 0: none.
call: u64,
w: Writer,
/// The offset of the result object or the error object.
body: usize = 0,
shape: Shape = .result,

const Shape = union(enum) {
    /// A complete result object.
    result,
    /// A complete `InputRequiredResult` for a client of a handshake revision: `input_requests.zig` converts it.
    input_required,
    /// A complete error object.
    failure: i32,
    /// A result object without its end.
    list: List,
};

pub const List = struct {
    member: Member,
    /// The offset of the first item.
    items: usize,
    next: ?[]const u8,
    cache: ?types.CacheHint,

    pub const Member = enum {
        tools,
        resources,
        resourceTemplates,
        prompts,

        /// Return the member that identifies an item: no two items of a list share its value.
        fn identity(self: Member) []const u8 {
            return switch (self) {
                .tools, .prompts => "name",
                .resources => "uri",
                .resourceTemplates => "uriTemplate",
            };
        }
    };

    fn deinit(self: List) void {
        if (self.next) |text| gpa.free(text);
    }
};

/// The buffer of an answered call, reused by the next one.
var spare: lib.List(u8) = .empty;
const max_spare = 256 << 10;

/// Return an empty reply to the current call.
pub fn create() *Reply {
    const self = gpa.create(Reply) catch @trap();
    if (Call.current) |call| call.client_requests.endRun();
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

/// Begin the list of a result. Return the offset of its first item.
pub fn openList(self: *Reply, member: List.Member) Writer.Error!usize {
    try self.w.keyText(@tagName(member));
    try self.w.open('[');
    return self.w.buffer.items.len;
}

pub fn results(self: *Reply) Results {
    return .{ .w = &self.w, .revision = if (Call.current) |call| call.revision else Revision.latest };
}

/// Build a reply from a context that writes its result object: `writeWhole` writes all of it, `write` its own members
/// and returns its `_meta`. An error while writing turns the reply into a failure.
pub fn build(context: anytype) Handle {
    const self = create();
    var r = self.results();
    self.writeResult(&r, context) catch |problem| self.becomeUnwritable(&r, problem);
    return .new(self);
}

/// Replace the contents by the error of a result that cannot be written. Each kind of result would have a copy.
noinline fn becomeUnwritable(self: *Reply, r: *const Results, problem: Writer.EmbedError) void {
    switch (problem) {
        error.OutOfMemory => self.becomeFailure(internal_error, "Internal error: out of memory", null),
        error.InvalidJson => {
            const request = if (Call.current) |call| call.message.target orelse call.message.name else "";
            console.log(&.{
                "the answer to `",
                request,
                "` was rejected: its component returned `",
                r.looked_at,
                "`, which is not valid JSON of the expected type",
            });
            self.becomeFailure(internal_error, "Internal error: the answer could not be put into JSON", null);
        },
    }
}

fn writeResult(self: *Reply, r: *Results, context: anytype) Writer.EmbedError!void {
    try self.head("result");
    if (@hasDecl(@TypeOf(context), "writeWhole")) return context.writeWhole(self, r);
    try self.w.open('{');
    const meta = try context.write(self, r);
    if (self.shape != .list) try self.tail(r, meta);
}

/// Write the end of a result object. Specification: basic, "ResultType" and "Per-response protocol fields".
fn tail(self: *Reply, r: *Results, meta: ?[]const u8) Writer.EmbedError!void {
    if (r.revision == Revision.latest) try self.w.value("\"resultType\":\"complete\"");
    try self.metaAndEnd(r, meta);
}

pub fn metaAndEnd(self: *Reply, r: *Results, meta: ?[]const u8) Writer.EmbedError!void {
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

pub fn cacheFields(self: *Reply, hint: ?types.CacheHint) Writer.Error!void {
    // Default without a hint: neither cache nor share.
    const cache = hint orelse types.CacheHint{ .ttl_ms = 0, .scope = .private };
    try self.w.key("ttlMs");
    try self.w.integer(cache.ttl_ms);
    try self.w.key("cacheScope");
    try self.w.string(@tagName(cache.scope));
}

/// Replace the contents by this error.
pub fn becomeFailure(self: *Reply, code: i32, message: []const u8, data: ?[]const u8) void {
    self.writeFailure(code, message, data) catch @trap();
}

fn writeFailure(self: *Reply, given: i32, message: []const u8, data: ?[]const u8) Writer.Error!void {
    const call = Call.current;
    // Specification: basic, "Error Codes": 2026-07-28 replaced this code.
    const not_found = @import("protocol_table").code.resource_not_found;
    const replaced = given == not_found and (call == null or call.?.revision == Revision.latest);
    const code = if (replaced) invalid_params else given;
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
            try self.w.embedValid(json);
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
    self.appendItems(other.w.text()[more.items..]) catch
        return self.becomeFailure(internal_error, "Internal error: out of memory", null);
    if (more.next) |cursor| {
        if (mine.next) |old| gpa.free(old);
        mine.next = cursor;
        more.next = null;
    }
    mine.cache = both(mine.cache, more.cache);
}

/// Append the items, except those already listed: the first component with a name answers its calls, so its item
/// counts.
fn appendItems(self: *Reply, items: []const u8) Writer.Error!void {
    if (items.len == 0) return;
    // The names are slices of the buffer, which must not be reallocated while they are compared.
    try self.w.buffer.ensureUnusedCapacity(self.w.gpa, items.len + 1);
    const mine = self.w.text()[self.shape.list.items..];
    if (mine.len == 0) return self.w.value(items);
    var known: Names = .{};
    var first = self.each(mine);
    while (first.next()) |item| _ = try known.add(try first.name(item));
    var second = self.each(items);
    while (second.next()) |item| {
        const name = try second.name(item);
        if (!try known.add(name)) {
            console.log(&.{ "two components list `", name, "`: the first one is used" });
        } else try self.w.value(item);
    }
}

/// Sorted names for binary search: a hash table needs several times the code.
const Names = struct {
    sorted: lib.List([]const u8) = .empty,

    /// Add a name. False: it is already present.
    fn add(self: *Names, name: []const u8) std.mem.Allocator.Error!bool {
        var low: usize = 0;
        var high = self.sorted.items.len;
        while (low < high) {
            const middle = low + (high - low) / 2;
            switch (std.mem.order(u8, self.sorted.items[middle], name)) {
                .lt => low = middle + 1,
                .gt => high = middle,
                .eq => return false,
            }
        }
        try self.sorted.insert(wit.memory.allocator, low, name);
        return true;
    }
};

const Items = struct {
    identity: []const u8,
    scanner: lib.json.Scanner,
    started: bool = false,

    /// Return the next of the values between the brackets, which were validated when they were written.
    fn next(self: *Items) ?[]const u8 {
        if (self.started) self.scanner.at += 1 + (lib.bytes.position(self.scanner.text[self.scanner.at..], ',') orelse
            return null);
        self.started = true;
        return self.scanner.value() catch null;
    }

    fn name(self: *const Items, item: []const u8) std.mem.Allocator.Error![]const u8 {
        const text = lib.json.member(item, self.identity) orelse return item;
        return if (text[0] == '"') lib.json.decodeString(wit.memory.allocator, text) else text;
    }
};

fn each(self: *const Reply, items: []const u8) Items {
    var scanner = lib.json.Scanner.init(items);
    scanner.surrogates = .any;
    return .{ .identity = self.shape.list.member.identity(), .scanner = scanner };
}

/// Return the shorter time and the narrower scope. A missing hint means: do not cache.
fn both(a: ?types.CacheHint, b: ?types.CacheHint) ?types.CacheHint {
    const x = a orelse return null;
    const y = b orelse return null;
    return .{ .ttl_ms = @min(x.ttl_ms, y.ttl_ms), .scope = if (x.scope == .private) .private else y.scope };
}

pub fn next(self: *Reply) ?[]const u8 {
    return if (self.shape == .list) self.shape.list.next else null;
}

pub fn setNext(self: *Reply, cursor: ?[]const u8) void {
    if (self.shape != .list) return;
    const copy = if (cursor) |text| gpa.dupe(u8, text) catch @trap() else null;
    self.shape.list.deinit();
    self.shape.list.next = copy;
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
    // Lists are closed only when they are sent: a copy is closed here.
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

/// Return the cache hint of a page. All pages of a list have one scope (specification: server/utilities/caching), and
/// the hints of the other pages are unknown: a list of several pages is private.
fn pageHint(self: *const Reply) ?types.CacheHint {
    var hint = self.shape.list.cache orelse return null;
    const later = if (Call.current) |call| call.message.cursor != null else false;
    if (later or self.shape.list.next != null) hint.scope = .private;
    return hint;
}

fn endList(self: *Reply) Writer.Error!void {
    var r = self.results();
    try self.w.close(']');
    if (self.shape.list.next) |cursor| {
        try self.w.key("nextCursor");
        // Without a call the reply is never sent.
        try self.w.string(if (Call.current) |call| (try seal.close(.cursor, call, cursor)).? else cursor);
    }
    if (r.revision == Revision.latest) try self.cacheFields(self.pageHint());
    self.tail(&r, null) catch |problem| switch (problem) {
        error.OutOfMemory => |e| return e,
        error.InvalidJson => unreachable, // contains no JSON of a component
    };
}

/// End the message. Return its text, valid as long as this object.
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
