//! The constructors of replies: one for each kind of result.

const std = @import("std");
const lib = @import("lib");
const envelope = @import("envelope.zig");
const seal = @import("seal.zig");
const wit = @import("wit.zig");
const Call = @import("Call.zig");
const Reply = @import("Reply.zig");
const Results = @import("Results.zig");
const Revision = @import("revision.zig").Revision;

const Handle = wit.messages.Reply;
const Writer = lib.Writer;
const types = wit.types;
const gpa = wit.memory.gpa;

fn list(comptime member: Reply.List.Member, items: anytype, next: ?[]const u8, cache: ?types.CacheHint, comptime item: anytype) Handle {
    return Reply.build(struct {
        items: @TypeOf(items),
        next: ?[]const u8,
        cache: ?types.CacheHint,

        pub fn write(c: @This(), self: *Reply, r: *Results) Writer.EmbedError!?[]const u8 {
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
    return list(.tools, items, next, cache, written);
}

/// Items that were serialised before.
fn written(self: *Reply, r: *Results, array: anytype) Writer.EmbedError!void {
    r.looked_at = "items";
    if (try Writer.check(array) != .array) return error.InvalidJson;
    const inside = std.mem.trim(u8, std.mem.trim(u8, array, " \t\r\n")[1..], " \t\r\n");
    // Checked as a whole above; what is between the brackets is one or more values and their commas.
    try self.w.oneLine(std.mem.trimEnd(u8, inside[0 .. inside.len - 1], " \t\r\n"));
}

pub fn resources(items: []const types.McpResource, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.resources, items, next, cache, each(Results.resource));
}

pub fn resourcesJson(items: []const u8, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.resources, items, next, cache, written);
}

pub fn templates(items: []const types.ResourceTemplate, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.resourceTemplates, items, next, cache, each(Results.template));
}

pub fn templatesJson(items: []const u8, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.resourceTemplates, items, next, cache, written);
}

pub fn prompts(items: []const types.Prompt, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.prompts, items, next, cache, each(Results.prompt));
}

pub fn promptsJson(items: []const u8, next: ?[]const u8, cache: ?types.CacheHint) Handle {
    return list(.prompts, items, next, cache, written);
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

/// A result that the types do not know. In 2026-07-28 what every result must have is added where it is missing.
pub fn raw(value: []const u8) Handle {
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

pub fn failure(value: types.Error) Handle {
    const self = Reply.create();
    self.becomeFailure(value.code, value.message, value.data);
    return .new(self);
}

pub fn inputRequired(value: types.InputRequired) Handle {
    const call = Call.current orelse return refuse(Reply.internal_error, "Internal error: no request is being answered", null);
    if (call.revision != Revision.latest) return refuse(Reply.internal_error, "Internal error: this needs input from the user, and there is no way to ask for it in the protocol revision of this client", null);
    if (!call.message.method.mayAsk()) return refuse(Reply.internal_error, "Internal error: this kind of request cannot ask for input", null);
    if (value.requests.len == 0 and value.state == null) return refuse(Reply.internal_error, "Internal error: input is required, but none is named", null);
    for (value.requests) |wanted| {
        const need: []const u8 = inline for (capabilities) |pair| {
            if (std.mem.eql(u8, wanted.method, pair[0])) break pair[1];
        } else return refuse(Reply.internal_error, "Internal error: clients cannot be asked for this kind of input", null);
        // Specification: basic, "Per-request protocol fields": nothing the client did not declare.
        if (lib.json.member(call.message.capabilities, need) == null) {
            const data = std.mem.concat(wit.memory.allocator, u8, &.{ "{\"requiredCapabilities\":{\"", need, "\":{}}}" }) catch @trap();
            return refuse(-32021, "Missing required client capability", data);
        }
    }
    return Reply.build(struct {
        value: types.InputRequired,
        message: envelope.Request,

        pub fn writeWhole(c: @This(), self: *Reply, r: *Results) Writer.EmbedError!void {
            try self.w.open('{');
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
        }
    }{ .value = value, .message = call.message });
}

const capabilities = .{ .{ "elicitation/create", "elicitation" }, .{ "sampling/createMessage", "sampling" }, .{ "roots/list", "roots" } };

fn refuse(code: i32, message: []const u8, data: ?[]const u8) Handle {
    return failure(.{ .code = code, .message = message, .data = data });
}
