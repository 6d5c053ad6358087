//! Constructors of replies: one for each kind of result.

const std = @import("std");
const lib = @import("lib");
const input_requests = @import("input_requests.zig");
const envelope = @import("envelope.zig");
const seal = @import("seal.zig");
const wit = @import("wit.zig");
const console = @import("console.zig");
const Call = @import("Call.zig");
const ClientRequests = @import("ClientRequests.zig");
const Needs = @import("capabilities.zig").Needs;
const Reply = @import("Reply.zig");
const protocol_table = @import("protocol_table");
const Results = @import("Results.zig");
const Revision = @import("revision.zig").Revision;

const Handle = wit.messages.Reply;
const Writer = lib.Writer;
const types = wit.types;
const gpa = wit.memory.gpa;

/// Return a list whose items are written by `item`; it stays open at its end.
fn list(
    member: Reply.List.Member,
    items: anytype,
    next: ?[]const u8,
    cache: ?types.CacheHint,
    comptime item: anytype,
) Handle {
    return Reply.build(struct {
        member: Reply.List.Member,
        items: @TypeOf(items),
        next: ?[]const u8,
        cache: ?types.CacheHint,

        pub fn write(c: @This(), self: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            const start = try self.openList(c.member);
            try item(self, r, c.items);
            self.shape = .{ .list = .{
                .member = c.member,
                .items = start,
                .next = if (c.next) |text| try gpa.dupe(u8, text) else null,
                .cache = c.cache,
            } };
            return null;
        }
    }{ .member = member, .items = items, .next = next, .cache = cache });
}

/// Return a list of items that are already serialised.
fn listJson(member: Reply.List.Member, items: []const u8, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(member, items, next, cache, written);
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
    return listJson(.tools, items, next, cache);
}

/// Write items that are already serialised.
fn written(self: *Reply, r: *Results, array: anytype) Writer.EmbedError!void {
    r.looked_at = "items";
    if (try Writer.check(array) != .array) return error.InvalidJson;
    const inside = std.mem.trim(u8, std.mem.trim(u8, array, " \t\r\n")[1..], " \t\r\n");
    // The array was validated above; between the brackets are one or more values and their commas.
    try self.w.oneLine(std.mem.trimEnd(u8, inside[0 .. inside.len - 1], " \t\r\n"));
}

pub fn resources(items: []const types.McpResource, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.resources, items, next, cache, each(Results.resource));
}

pub fn resourcesJson(items: []const u8, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return listJson(.resources, items, next, cache);
}

pub fn templates(items: []const types.ResourceTemplate, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.resourceTemplates, items, next, cache, each(Results.template));
}

pub fn templatesJson(items: []const u8, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return listJson(.resourceTemplates, items, next, cache);
}

pub fn prompts(items: []const types.Prompt, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.prompts, items, next, cache, each(Results.prompt));
}

pub fn promptsJson(items: []const u8, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return listJson(.prompts, items, next, cache);
}

pub fn toolResult(value: types.ToolResult) Handle {
    return Reply.build(struct {
        value: types.ToolResult,
        pub fn write(c: @This(), _: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try r.toolResult(c.value);
            return c.value.meta;
        }
    }{ .value = value });
}

pub fn toolValue(text: []const u8, is_json: bool) Handle {
    return Reply.build(struct {
        text: []const u8,
        is_json: bool,
        pub fn write(c: @This(), _: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try r.toolValue(c.text, c.is_json);
            return null;
        }
    }{ .text = text, .is_json = is_json });
}

pub fn promptResult(value: types.PromptResult) Handle {
    return Reply.build(struct {
        value: types.PromptResult,
        pub fn write(c: @This(), _: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try r.promptResult(c.value);
            return c.value.meta;
        }
    }{ .value = value });
}

pub fn completion(value: types.Completion) Handle {
    return Reply.build(struct {
        value: types.Completion,
        pub fn write(c: @This(), _: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try r.completion(c.value);
            return null;
        }
    }{ .value = value });
}

pub fn contents(value: types.ResourceResult) Handle {
    return Reply.build(struct {
        value: types.ResourceResult,
        pub fn write(c: @This(), self: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
            try r.resourceResult(c.value);
            if (r.revision == Revision.latest) try self.cacheFields(c.value.cache);
            return c.value.meta;
        }
    }{ .value = value });
}

/// Return a result that the types do not cover. In 2026-07-28, members that every result must have are added if
/// missing. A list is merged like other lists.
pub fn raw(value: []const u8) Handle {
    if (Call.current) |call| if (rawList(call.message.method, value)) |reply| return reply;
    return Reply.build(struct {
        value: []const u8,

        pub fn writeWhole(c: @This(), self: *Reply, r: *Results) Writer.EmbedError!void {
            r.looked_at = "raw";
            if (try Writer.check(c.value) != .object) return error.InvalidJson;
            if (r.revision != Revision.latest) {
                _ = try self.w.embed(c.value);
                return;
            }
            try self.w.open('{');
            try r.members("raw", c.value, &.{"_meta"});
            const kind = lib.json.member(c.value, "resultType");
            if (kind == null) try self.w.value("\"resultType\":\"complete\"");
            const complete = if (kind) |text| text[0] == '"' and lib.json.equals(text, "complete") else true;
            if (complete) if (Call.current) |call| if (call.message.method.isCacheable()) {
                if (lib.json.member(c.value, "ttlMs") == null) try self.w.value("\"ttlMs\":0");
                if (lib.json.member(c.value, "cacheScope") == null) try self.w.value("\"cacheScope\":\"private\"");
            };
            try self.metaAndEnd(r, lib.json.member(c.value, "_meta"));
        }
    }{ .value = value });
}

/// Null: it is not the answer to a list request.
fn rawList(method: envelope.Method, value: []const u8) ?Handle {
    const member: Reply.List.Member = switch (method) {
        .@"tools/list" => .tools,
        .@"resources/list" => .resources,
        .@"resources/templates/list" => .resourceTemplates,
        .@"prompts/list" => .prompts,
        else => return null,
    };
    if (Writer.check(value) catch .null != .object) return null;
    const items = lib.json.member(value, @tagName(member)) orelse return null;
    const next = if (lib.json.member(value, "nextCursor")) |text|
        (if (text[0] == '"') lib.json.decodeString(wit.memory.allocator, text) catch @trap() else null)
    else
        null;
    return switch (member) {
        .tools => toolsJson(items, next, hint(value)),
        .resources => resourcesJson(items, next, hint(value)),
        .resourceTemplates => templatesJson(items, next, hint(value)),
        .prompts => promptsJson(items, next, hint(value)),
    };
}

fn hint(result: []const u8) ?types.CacheHint {
    const time = lib.json.member(result, "ttlMs") orelse return null;
    const scope = lib.json.member(result, "cacheScope") orelse return null;
    const ttl_ms = lib.decimal.parse(time, std.math.maxInt(u64)) orelse return null;
    return .{
        .ttl_ms = ttl_ms,
        .scope = if (scope[0] == '"' and lib.json.equals(scope, "public")) .public else .private,
    };
}

pub fn failure(value: types.Error) Handle {
    // Handshake revisions have no error code for it.
    if (value.code == protocol_table.code.missing_capability) if (Call.current) |call|
        if (call.revision != Revision.latest) return inputUnavailable(call, value.message);
    const self = Reply.create();
    self.becomeFailure(value.code, value.message, value.data);
    return .new(self);
}

pub fn inputRequired(value: types.InputRequired) Handle {
    const call = Call.current orelse
        return refuse(Reply.internal_error, "Internal error: no request is being answered", null);
    if (!call.message.method.allowsInputRequests()) return refuse(
        Reply.internal_error,
        "Internal error: this method cannot require input",
        null,
    );
    const requests = if (value.requests.len == 0 and value.state == null)
        call.client_requests.unanswered() catch @trap()
    else
        value.requests;
    if (requests.len == 0 and value.state == null) return refuse(
        Reply.internal_error,
        "Internal error: input is required, but none is named",
        null,
    );
    const kept = call.client_requests.state(value.state) catch @trap();
    if (kept) |state| if (state.len > envelope.max_body) {
        console.log(&.{"the request state of a component exceeds WASMCP_MAX_BODY"});
        return refuse(Reply.internal_error, "Internal error: the state of this request is too large", null);
    };
    var needs: Needs = .{};
    for (requests) |input| {
        const known = Writer.check(input.params) catch .null == .object and needs.add(input.method, input.params);
        if (!known) {
            console.log(&.{
                "a component requested input by `",
                input.method,
                "`: not a server-to-client request, or its params are not a JSON object",
            });
            return refuse(Reply.internal_error, "Internal error: clients cannot provide this kind of input", null);
        }
    }
    const missing = needs.without(call.message.capabilities, call.revision);
    const unsealed = if (call.circumstances) |c| c.unsealed else false;
    const latest = unsealed or call.revision == Revision.latest;
    // Specification: basic, "Per-request protocol fields": send only requests that the client declared capabilities
    // for.
    if (!missing.none()) return failure(ClientRequests.unsupported(missing) catch @trap());
    if (!latest) {
        if (!call.output.canReceiveAnswers()) return inputUnavailable(
            call,
            "a response of this client could not reach the request",
        );
        if (call.round >= input_requests.max_rounds) return inputUnavailable(
            call,
            "too many rounds of requests for input",
        );
    }
    const sealed: ?[]const u8 = if (kept) |state|
        (if (latest and !unsealed) seal.close(.state, call, state) catch @trap() orelse {
            console.log(&.{"a component uses request state: " ++
                "set WASMCP_STATE_KEYS (and pass the environment to the server), " ++
                "so that every instance can open it"});
            return refuse(
                Reply.internal_error,
                "Internal error: this server has no key for the state of this request",
                null,
            );
        } else encoded(state) catch @trap())
    else
        null;
    return Reply.build(struct {
        requests: []const types.InputRequest,
        sealed: ?[]const u8,
        latest: bool,

        pub fn writeWhole(c: @This(), self: *Reply, r: *Results) Writer.EmbedError!void {
            try self.w.open('{');
            if (c.requests.len > 0) {
                try self.w.key("inputRequests");
                try self.w.open('{');
                for (c.requests) |input| {
                    r.looked_at = "params";
                    try self.w.keyText(input.key);
                    try self.w.open('{');
                    try self.w.key("method");
                    try self.w.string(input.method);
                    try self.w.key("params");
                    if (try self.w.embed(input.params) != .object) return error.InvalidJson;
                    try self.w.close('}');
                }
                try self.w.close('}');
            }
            if (c.sealed) |text| {
                try self.w.key("requestState");
                try self.w.string(text);
            }
            try self.w.value("\"resultType\":\"input_required\"");
            try self.metaAndEnd(r, null);
            if (!c.latest) self.shape = .input_required;
        }
    }{ .requests = requests, .sealed = sealed, .latest = latest });
}

/// Encode request state that does not leave the server.
fn encoded(state: []const u8) std.mem.Allocator.Error![]const u8 {
    return lib.base64.encode(try wit.memory.allocator.alloc(u8, lib.base64.size(state.len)), .standard, state);
}

/// Return the answer to a client of a handshake revision that cannot receive a server-to-client request. 2025-11-25 and
/// earlier have no error code for it: for a tool it is a tool error.
pub fn inputUnavailable(call: *const Call, why: []const u8) Handle {
    const allocator = wit.memory.allocator;
    const words = std.mem.concat(allocator, u8, &.{ "This needs input from the client: ", why }) catch @trap();
    if (call.message.method != .@"tools/call") return refuse(Reply.internal_error, words, null);
    const block = [_]types.Content{.{ .text = .{ .text = words, .annotations = null, .meta = null } }};
    return toolResult(
        .{ .content = &block, .structured_content = null, .is_error = true, .meta = null, .extra = null },
    );
}

fn refuse(code: i32, message: []const u8, data: ?[]const u8) Handle {
    return failure(.{ .code = code, .message = message, .data = data });
}
