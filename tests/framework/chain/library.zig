//! Component with all capabilities: resources, templates, prompts with all content blocks, completions, one tool.

const std = @import("std");
const bindings = @import("bindings");

const types = bindings.types;
const allocator = bindings.memory.allocator;
const Request = bindings.messages.Request;
const Result = bindings.abi.Result;

const not_found: types.Error = .{ .code = -32002, .message = "Gone", .data = "{\"uri\":\"lib:gone\"}" };
const icon: types.Icon = .{ .src = "data:,", .mime_type = "image/png", .sizes = &.{"48x48"}, .theme = .dark };
const notes: types.Annotations = .{ .audience = &.{
    .user,
    .assistant,
}, .priority = 0.5, .last_modified = "2026-01-01T00:00:00Z" };
const meta = "{\"example.org/n\":1.10}";

fn failing(request: Request, comptime what: []const u8) bool {
    return std.mem.find(u8, request.params(), "\"fail-" ++ what ++ "\"") != null;
}

const no_list: types.Error = .{ .code = -32001, .message = "no list" };

pub const exports = struct {
    pub const tools = struct {
        const Page = bindings.tools.Page;

        pub fn listTools(_: Request, _: ?types.Cursor) Result(Page, types.Error) {
            return .{ .ok = .{ .items = &.{
                .{ .name = "blocks", .input_schema = "{\"type\":\"object\"}", .icons = &.{icon}, .meta = meta },
            } } };
        }

        pub fn callTool(_: Request, name: []const u8) Result(?bindings.tools.Outcome, types.Error) {
            if (!std.mem.eql(u8, name, "blocks")) return .{ .ok = null };
            return .{ .ok = .{
                .complete = .{ .content = &blocks, .structured_content = "[1]", .is_error = false, .meta = meta },
            } };
        }
    };

    pub const resources = struct {
        const Page = bindings.resources.Page;
        const TemplatePage = bindings.resources.TemplatePage;

        pub fn listResources(request: Request, cursor: ?types.Cursor) Result(Page, types.Error) {
            if (failing(request, "resources")) return .{ .err = no_list };
            if (cursor) |text| {
                if (!std.mem.eql(u8, text, "2")) return .{ .err = .{ .code = -32602, .message = "no such page" } };
                return .{ .ok = .{ .items = &.{.{ .uri = "lib:bytes", .name = "bytes" }} } };
            }
            return .{ .ok = .{ .items = &.{.{
                .uri = "lib:text",
                .name = "text",
                .title = "Text",
                .description = "Some text",
                .mime_type = "text/plain",
                .size = 5,
                .icons = &.{icon},
                .annotations = notes,
                .meta = meta,
            }}, .next = "2" } };
        }

        pub fn listTemplates(request: Request, _: ?types.Cursor) Result(TemplatePage, types.Error) {
            if (failing(request, "templates")) return .{ .err = no_list };
            return .{ .ok = .{ .items = &.{.{
                .uri_template = "lib:page/{number}",
                .name = "page",
                .title = "A page",
                .mime_type = "text/plain",
                .icons = &.{icon},
                .annotations = notes,
                .meta = meta,
            }}, .cache = .{ .ttl_ms = 60_000, .scope = .private } } };
        }

        pub fn readResource(request: Request, uri: []const u8) Result(?bindings.resources.Outcome, types.Error) {
            if (std.mem.eql(u8, uri, "lib:text")) return contents(
                &.{.{ .uri = "lib:text", .mime_type = "text/plain", .data = .{ .text = "hello" }, .meta = meta }},
            );
            if (std.mem.eql(u8, uri, "lib:bytes"))
                return contents(&.{.{ .uri = "lib:bytes", .data = .{ .blob = "\xff\x00" } }});
            if (std.mem.eql(u8, uri, "lib:gone")) return .{ .err = not_found };
            if (std.mem.eql(u8, uri, "lib:page/ask") and request.inputState() == null) {
                return .{ .ok = .{ .input_required = .{ .requests = &.{
                    .{ .key = "k", .method = "roots/list", .params = "{}" },
                }, .state = "s" } } };
            }
            const prefix = "lib:page/";
            if (!std.mem.startsWith(u8, uri, prefix)) return .{ .ok = null };
            const one = allocator.alloc(types.ResourceContents, 1) catch @trap();
            one[0] = .{ .uri = uri, .data = .{ .text = uri[prefix.len..] } };
            return contents(one);
        }

        fn contents(items: []const types.ResourceContents) Result(?bindings.resources.Outcome, types.Error) {
            return .{ .ok = .{ .complete = .{ .contents = items, .cache = .{
                .ttl_ms = 1000,
                .scope = .public,
            }, .meta = meta, .extra = "{\"later\":1}" } } };
        }
    };

    pub const prompts = struct {
        const Page = bindings.prompts.Page;

        pub fn listPrompts(request: Request, _: ?types.Cursor) Result(Page, types.Error) {
            if (failing(request, "prompts")) return .{ .err = no_list };
            return .{ .ok = .{ .items = &.{
                .{
                    .name = "greet",
                    .title = "Greet",
                    .description = "Say hello",
                    .arguments = &.{
                        .{ .name = "who", .title = "Who", .description = "Whom to greet", .required = true },
                        .{ .name = "how", .required = false },
                    },
                    .icons = &.{icon},
                    .meta = meta,
                },
                .{ .name = "blocks" },
            } } };
        }

        pub fn getPrompt(request: Request, name: []const u8) Result(?bindings.prompts.Outcome, types.Error) {
            if (std.mem.eql(u8, name, "blocks")) {
                const messages = allocator.alloc(types.PromptMessage, blocks.len) catch @trap();
                for (messages, blocks, 0..) |*message, block, i|
                    message.* = .{ .role = if (i % 2 == 0) .user else .assistant, .content = block };
                return .{
                    .ok = .{ .complete = .{ .description = "All of them", .messages = messages, .meta = meta } },
                };
            }
            if (!std.mem.eql(u8, name, "greet")) return .{ .ok = null };
            const arguments = request.arguments() orelse "{}";
            if (std.mem.find(u8, arguments, "\"who\"") == null)
                return .{ .err = .{ .code = -32602, .message = "`who` is missing" } };
            const messages = allocator.alloc(types.PromptMessage, 1) catch @trap();
            messages[0] = .{ .role = .user, .content = .{ .text = .{ .text = arguments } } };
            return .{ .ok = .{ .complete = .{ .messages = messages } } };
        }
    };

    pub const completions = struct {
        pub fn listReferences(request: Request) Result([]const types.CompletionReference, types.Error) {
            if (failing(request, "references")) return .{ .err = no_list };
            return .{ .ok = &.{ .{ .prompt = "greet" }, .{ .resource_template = "lib:page/{number}" } } };
        }

        pub fn complete(
            _: Request,
            reference: types.CompletionReference,
            argument: types.CompletionArgument,
            context: anytype,
        ) Result(?bindings.completions.Outcome, types.Error) {
            const known = switch (reference) {
                .prompt => |name| std.mem.eql(u8, name, "greet"),
                .resource_template => |text| std.mem.eql(u8, text, "lib:page/{number}"),
            };
            if (!known) return .{ .ok = null };
            if (std.mem.eql(u8, argument.name, "many")) {
                const values = allocator.alloc([]const u8, 120) catch @trap();
                for (values, 0..) |*value, i|
                    value.* = std.fmt.allocPrint(allocator, "{s}{d}", .{ argument.value, i }) catch @trap();
                return .{ .ok = .{ .complete = .{ .values = values, .total = 120, .has_more = false } } };
            }
            var values: std.ArrayList([]const u8) = .empty;
            for (context) |pair| values.append(
                allocator,
                std.mem.concat(allocator, u8, &.{ pair[0], "=", pair[1] }) catch @trap(),
            ) catch @trap();
            if (argument.value.len > 0) values.append(allocator, argument.value) catch @trap();
            return .{ .ok = .{ .complete = .{ .values = values.items } } };
        }
    };
};

const blocks = [_]types.Content{
    .{ .text = .{ .text = "T", .annotations = notes, .meta = meta } },
    .{ .image = .{ .data = "\x01\x02", .mime_type = "image/png", .annotations = notes, .meta = meta } },
    .{ .audio = .{ .data = "\x03", .mime_type = "audio/wav" } },
    .{ .resource_link = .{
        .uri = "lib:text",
        .name = "text",
        .title = "Text",
        .description = "D",
        .mime_type = "text/plain",
        .size = 5,
        .icons = &.{icon},
        .annotations = notes,
        .meta = meta,
    } },
    .{ .embedded_resource = .{
        .contents = .{ .uri = "lib:bytes", .mime_type = "a/b", .data = .{ .blob = "\xff\x00" }, .meta = meta },
        .annotations = notes,
    } },
    .{ .embedded_resource = .{ .contents = .{ .uri = "lib:text", .data = .{ .text = "hello" } } } },
};
