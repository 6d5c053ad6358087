//! Component that uses every interface of another tool, built once per version of its interfaces.

const std = @import("std");
const bindings = @import("bindings");

const upstream = if (@hasDecl(bindings, "wasmcp_mcp_v20251125"))
    bindings.wasmcp_mcp_v20251125
else
    bindings.wasmcp_mcp_v20250618;
const mcp = upstream.mcp;
const helpers = bindings.wasmcp_auth.helpers;
const kv = bindings.wasmcp_keyvalue.store;
const allocator = bindings.memory.allocator;
const Context = upstream.tools.MessageContext;
const Result = bindings.abi.Result;

const names = [_][]const u8{ "say", "who", "count", "remember", "ask", "context" };
const hints = mcp.Annotations{ .audience = &.{.user}, .priority = 0.25, .last_modified = "2026-01-01T00:00:00Z" };

const interfaces = struct {
    pub const tools = struct {
        pub fn listTools(_: Context, request: mcp.ListToolsRequest) Result(mcp.ListToolsResult, mcp.ErrorCode) {
            const second = request.cursor != null;
            const part = if (second) names[3..] else names[0..3];
            const listed = allocator.alloc(mcp.Tool, part.len) catch @trap();
            for (listed, part) |*tool, name| tool.* = .{ .name = name, .input_schema = "{\"type\":\"object\"}" };
            return .{ .ok = .{ .tools = listed, .next_cursor = if (second) null else "3" } };
        }

        pub fn callTool(context: Context, request: mcp.CallToolRequest) Result(?mcp.CallToolResult, mcp.ErrorCode) {
            const calls = .{ say, who, count, remember, ask, facts };
            inline for (names, calls) |name, call| {
                if (std.mem.eql(u8, name, request.name)) return .{ .ok = text(call(context)) };
            }
            return .{ .ok = null };
        }
    };

    pub const resources = struct {
        pub fn listResources(_: Context, _: mcp.ListResourcesRequest) Result(mcp.ListResourcesResult, mcp.ErrorCode) {
            return .{ .ok = .{ .resources = &.{
                .{
                    .uri = "foreign:a",
                    .name = "a",
                    .options = .{ .title = "A", .size = 3, .mime_type = "text/plain", .annotations = hints },
                },
                .{ .uri = "foreign:b", .name = "b" },
            } } };
        }

        pub fn readResource(
            _: Context,
            request: mcp.ReadResourceRequest,
        ) Result(?mcp.ReadResourceResult, mcp.ErrorCode) {
            if (std.mem.eql(u8, request.uri, "foreign:b")) return .{ .ok = .{ .contents = &.{
                .{ .blob = .{ .uri = "foreign:b", .blob = .{ .blob = "\x00\x01" } } },
            } } };
            if (std.mem.eql(u8, request.uri, "foreign:bad"))
                return .{ .err = .{ .server = .{ .code = -32001, .message = "gone", .data = "{\"why\":1}" } } };
            if (!std.mem.startsWith(u8, request.uri, "foreign:")) return .{ .ok = null };
            return .{ .ok = .{ .meta = "{\"m\":1}", .contents = kept(mcp.ResourceContents, &.{
                .{ .text = .{ .uri = request.uri, .text = .{
                    .text = "abc",
                }, .options = .{ .mime_type = "text/plain" } } },
            }) } };
        }

        pub fn listResourceTemplates(
            _: Context,
            _: mcp.ListResourceTemplatesRequest,
        ) Result(mcp.ListResourceTemplatesResult, mcp.ErrorCode) {
            return .{ .ok = .{ .resource_templates = &.{
                .{ .uri_template = "foreign:{name}", .name = "any", .options = .{ .description = "Any." } },
            } } };
        }
    };

    pub const prompts = struct {
        pub fn listPrompts(_: Context, _: mcp.ListPromptsRequest) Result(mcp.ListPromptsResult, mcp.ErrorCode) {
            return .{ .ok = .{ .prompts = &.{
                .{ .name = "greet", .options = .{ .description = "Greets.", .arguments = &.{
                    .{ .name = "who", .title = "Who", .required = true },
                    .{ .name = "how" },
                } } },
                .{ .name = "bare" },
            } } };
        }

        pub fn getPrompt(_: Context, request: mcp.GetPromptRequest) Result(?mcp.GetPromptResult, mcp.ErrorCode) {
            if (std.mem.eql(u8, request.name, "bare"))
                return .{ .err = .{ .invalid_params = .{ .code = -32602, .message = "needs more" } } };
            if (!std.mem.eql(u8, request.name, "greet")) return .{ .ok = null };
            return .{ .ok = .{ .description = "d", .messages = kept(mcp.PromptMessage, &.{
                .{ .role = .user, .content = block(request.arguments orelse "none") },
                .{ .role = .assistant, .content = block("hello") },
            }) } };
        }
    };

    pub const completions = struct {
        pub fn complete(_: Context, request: mcp.CompleteRequest) Result(?mcp.CompleteResult, mcp.ErrorCode) {
            return switch (request.ref) {
                .prompt => |prompt| if (std.mem.eql(u8, prompt.name, "greet")) .{ .ok = .{
                    .values = kept([]const u8, &.{ request.argument.value, if (request.context) |given|
                        given.arguments orelse ""
                    else
                        "" }),
                    .total = 7,
                    .has_more = true,
                } } else .{ .ok = null },
                .resource_template => |uri| .{ .ok = .{ .values = kept([]const u8, &.{uri}) } },
            };
        }
    };
};

pub const exports = struct {
    pub const wasmcp_mcp_v20251125 = interfaces;
    pub const wasmcp_mcp_v20250618 = interfaces;
};

fn text(words: []const u8) mcp.CallToolResult {
    return .{ .content = kept(mcp.ContentBlock, &.{block(words)}) };
}

/// Copy items to the heap: the result must not be on the stack.
fn kept(comptime T: type, items: []const T) []const T {
    return allocator.dupe(T, items) catch @trap();
}

fn block(words: []const u8) mcp.ContentBlock {
    return .{ .text = .{ .text = .{ .text = words } } };
}

fn send(context: Context, message: mcp.ServerMessage) []const u8 {
    const stream = context.client_stream orelse return "no stream";
    return switch (upstream.server_io.sendMessage(stream.resource, message, context.frame)) {
        .ok => if (upstream.server_io.flushBuffer(stream.resource) == .ok) "sent" else "not flushed",
        .err => |problem| switch (problem) {
            .unexpected => |words| words,
            else => "another error",
        },
    };
}

fn notify(context: Context, notification: mcp.ServerNotification) void {
    if (!std.mem.eql(u8, send(context, .{ .notification = notification }), "sent")) @trap();
}

fn say(context: Context) []const u8 {
    notify(context, .{ .log = .{ .level = .warning, .logger = "foreign", .data = "plain words" } });
    notify(context, .{ .log = .{ .level = .info, .data = "{\"a\":1}" } });
    notify(context, .{
        .progress = .{ .progress_token = .{ .integer = 0 }, .progress = 1, .total = 2, .message = "half" },
    });
    notify(context, .{ .tools_list_changed = .{} });
    notify(context, .{ .prompts_list_changed = .{} });
    notify(context, .{ .resources_list_changed = .{} });
    notify(context, .{ .resources_updated = .{ .uri = "foreign:a" } });
    notify(context, .{ .cancellation = .{ .request_id = .{ .number = 1 } } });
    return "said";
}

fn ask(context: Context) []const u8 {
    return send(context, .{ .request = .{ .{ .number = 1 }, .{ .ping = .{} } } });
}

fn who(context: Context) []const u8 {
    const identity = context.identity orelse return "nobody";
    const claims = identity.claims;
    const decoded = upstream.server_auth.decode(identity.jwt).get() catch return "not decoded";
    if (upstream.server_auth.decode("another") == .ok) return "decoded another's";
    var other = claims;
    other.subject = "mallory";
    const message = mcp.ClientMessage{ .notification = .{ .initialized = .{} } };
    return join(&.{
        identity.jwt,
        helpers.getSubject(decoded),
        helpers.getIssuer(claims) orelse "-",
        boolText(helpers.hasScope(claims, "read")),
        boolText(helpers.hasAnyScope(claims, &.{ "write", "admin" })),
        boolText(helpers.hasAllScopes(claims, &.{ "read", "admin" })),
        boolText(helpers.hasAudience(claims, "there")),
        boolText(helpers.isExpired(claims, null)),
        boolText(helpers.isExpired(claims, 4_000_000_000)),
        boolText(helpers.isValidTime(claims, 4_000_000_000)),
        helpers.getClaim(claims, "role") orelse "-",
        helpers.getClaim(claims, "nested") orelse "-",
        if (claims.confirmation) |confirmation| confirmation.jkt orelse "-" else "-",
        boolText(upstream.server_auth.authorize(message, claims, null, null)),
        boolText(upstream.server_auth.authorize(message, other, null, null)),
        flattened(claims),
    });
}

fn flattened(claims: anytype) []const u8 {
    var found: std.ArrayList(u8) = .empty;
    for (helpers.flattenClaims(claims)) |pair| {
        found.appendSlice(allocator, pair[0]) catch @trap();
        found.append(allocator, '=') catch @trap();
        found.appendSlice(allocator, pair[1]) catch @trap();
        found.append(allocator, ',') catch @trap();
    }
    return found.items;
}

fn count(_: Context) []const u8 {
    const bucket = switch (kv.open("")) {
        .ok => |bucket| bucket,
        .err => |problem| return @tagName(problem),
    };
    defer bucket.drop();
    const checked = bucket.setMany(&.{ .{ "s", .{ .as_string = "x" } }, .{ "b", .{ .as_bool = true } } }) == .ok and
        bucket.setU64("u", 7) == .ok and bucket.setJson("j", "{}") == .ok and bucket.setBytes("y", "\x00") == .ok and
        bucket.setS64("i", -1) == .ok and bucket.setString("t", "t") == .ok and bucket.setBool("f", false) == .ok and
        (bucket.getU64("u").get() catch null) == 7 and bucket.getString("u") == .err and
        (bucket.getS64("i").get() catch null) == -1 and (bucket.getBool("b").get() catch null) == true and
        same(bucket.getJson("j").get() catch null, "{}") and same(bucket.getBytes("y").get() catch null, "\x00") and
        same(bucket.getString("s").get() catch null, "x") and (bucket.get("none").get() catch @trap()) == null and
        (bucket.get("s").get() catch @trap()).? == .as_string and bucket.set("s", .{ .as_u64 = 1 }) == .ok and
        bucket.delete("s") == .ok and !(bucket.exists("s").get() catch true) and (bucket.exists("u").get() catch false);
    if (!checked) return "not kept";
    const many = bucket.getMany(&.{ "u", "none" }).get() catch return "no many";
    if (many.len != 2 or many[0] == null or many[1] != null or many[0].?[1].as_u64 != 7) return "not many";
    if (bucket.deleteMany(&.{ "b", "u", "j", "y", "i", "t", "f" }) != .ok) return "not deleted";
    const counted = bucket.increment("n", 2).get() catch return "not counted";
    const page = bucket.listKeys(null).get() catch return "not listed";
    for (page.keys) |key| if (std.mem.eql(u8, key, "n")) {
        return if (counted == 2) "two" else "more";
    };
    return "no key";
}

fn same(found: ?[]const u8, wanted: []const u8) bool {
    return std.mem.eql(u8, found orelse return false, wanted);
}

fn remember(context: Context) []const u8 {
    const known = context.session orelse return "no session";
    if (upstream.sessions.Session.open("another", "") == .ok) return "another's";
    const session = switch (upstream.sessions.Session.open(known.session_id, known.store_id)) {
        .ok => |session| session,
        .err => return "not opened",
    };
    defer session.drop();
    if (!std.mem.eql(u8, session.id(), known.session_id)) return "other id";
    if (session.terminate(null) == .ok) return "terminated";
    const before = switch (session.get("n")) {
        .ok => |found| if (found) |value| value.as_u64 else 0,
        .err => |problem| return if (problem == .store) problem.store else "an error",
    };
    if (session.set("n", .{ .as_u64 = before + 1 }) != .ok) return "not set";
    return if (before == 0) "first" else "again";
}

fn facts(context: Context) []const u8 {
    const http = context.http_context orelse return context.protocol_version;
    return join(&.{ context.protocol_version, http.method, http.path });
}

fn boolText(value: bool) []const u8 {
    return if (value) "yes" else "no";
}

fn join(parts: []const []const u8) []const u8 {
    return std.mem.join(allocator, " ", parts) catch @trap();
}
