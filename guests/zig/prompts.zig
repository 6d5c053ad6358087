//! Prompts. Specification: server/prompts.
const std = @import("std");
const bindings = @import("bindings");
const arguments = @import("arguments.zig");
const calling = @import("calling.zig");
const client_requests = @import("client_requests.zig");
const content = @import("content.zig");
const results = @import("results.zig");
const text_values = @import("text_values.zig");
const texts = @import("protocol_table").call_errors;

const Context = @import("Context.zig");
const Request = bindings.messages.Request;
const types = bindings.types;

const GetResult = bindings.abi.Result(?Outcome, types.Error);

/// Complete `GetPromptResult`, or an `InputRequired` result (`.input_required`).
pub const Outcome = bindings.prompts.Outcome;

/// Prompt, created by `prompt`; fields with a default can be changed with `with`.
pub const Prompt = struct {
    name: []const u8,
    description: []const u8,
    title: ?[]const u8 = null,
    icons: []const types.Icon = &.{},
    /// A JSON object.
    meta: ?[]const u8 = null,
    /// Tags by which filters of a server select it; sent as `_meta["wasmcp/tags"]`.
    tags: []const []const u8 = &.{},
    /// Scopes that the principal of a request over HTTP needs for it; sent as `_meta["wasmcp/scopes"]`.
    scopes: []const []const u8 = &.{},
    arguments: []const types.PromptArgument,
    fields: []const text_values.Field,
    get: *const fn (Context, json: []const u8) GetResult,

    pub const plural = "prompts";

    pub const Extra = struct {
        title: ?[]const u8 = null,
        icons: []const types.Icon = &.{},
        meta: ?[]const u8 = null,
        tags: []const []const u8 = &.{},
        scopes: []const []const u8 = &.{},
    };

    /// Return a copy with a title, icons, `_meta`, tags or scopes.
    pub fn with(self: Prompt, extra: Extra) Prompt {
        return calling.with(self, extra);
    }
};

/// Create a prompt from a function `fn (Arguments) R`, `fn (Arguments, Context) R`, `fn (Context) R` or `fn () R`.
///
/// `Arguments` is a struct of strings, numbers, bools and enums (converted from strings), with `descriptions` as for
/// tools. `R` is `[]const u8` (one message of the user), `Message`, `[]const Message`, `PromptResult` or `Outcome`, or
/// an error union.
pub fn prompt(comptime name: []const u8, comptime description: []const u8, comptime function: anytype) Prompt {
    const owner = "prompt `" ++ name ++ "`";
    comptime calling.checkText(owner, "name", name);
    comptime calling.checkText(owner, "description", description);
    if (name.len == 0) @compileError("a prompt has no name");
    const Function = calling.Signature(owner, function);
    const Arguments = calling.Arguments(owner, Function.Taken);
    const Glue = struct {
        fn get(context: Context, json: []const u8) GetResult {
            var reader: arguments.Reader = .init(json);
            const taken = reader.readTexts(Arguments) catch return .{ .err = .{
                .code = calling.code.invalid_params,
                .message = std.mem.concat(
                    bindings.memory.allocator,
                    u8,
                    &.{ texts.invalid_prompt[0] ++ name ++ texts.invalid_prompt[1], reader.message() },
                ) catch "Invalid arguments",
            } };
            const given = Function.call(if (Function.Taken == void) {} else taken, context) catch |reason| {
                if (client_requests.inputRequiredOf(reason, context.request)) |wanted|
                    return .{ .ok = .{ .input_required = wanted } };
                return .{ .err = calling.failure(context, reason) };
            };
            const R = Function.Given;
            if (R == Outcome) return .{ .ok = given };
            const is_result = R == types.PromptResult;
            const result: types.PromptResult = if (is_result) given else .{ .messages = messages(R, given) };
            return .{ .ok = .{ .complete = result } };
        }
    };
    return .{
        .name = name,
        .description = description,
        .arguments = comptime listedArguments(Arguments),
        .fields = comptime text_values.fields(Arguments),
        .get = Glue.get,
    };
}

fn messages(comptime R: type, given: R) []const types.PromptMessage {
    if (R == []const types.PromptMessage) return given;
    const message = if (R == types.PromptMessage) given else content.user(content.text(given));
    return bindings.memory.allocator.dupe(types.PromptMessage, &.{message}) catch &.{};
}

fn listedArguments(comptime Arguments: type) []const types.PromptArgument {
    @import("schema.zig").checkDescriptions(Arguments);
    const info = @typeInfo(Arguments).@"struct";
    var list: []const types.PromptArgument = &.{};
    for (info.field_names, info.field_types, info.field_attrs) |name, F, attrs| {
        const described = @hasDecl(Arguments, "descriptions") and @hasField(@TypeOf(Arguments.descriptions), name);
        list = list ++ &[_]types.PromptArgument{.{
            .name = name,
            .description = if (described) @field(Arguments.descriptions, name) else null,
            .required = attrs.default_value_ptr == null and @typeInfo(F) != .optional,
        }};
    }
    return list;
}

/// Implementation of the interface `prompts` for an author's `pub const prompts`.
pub fn Exports(comptime author: type) type {
    if (!@hasDecl(author, "prompts")) @compileError("missing `pub const prompts = .{ mcp.prompt(...), ... };`");
    const all = calling.list(Prompt, author.prompts, "name");
    return struct {
        const listed: [all.len]types.Prompt = listed: {
            @setEvalBranchQuota(calling.quota(all.len));
            var items: [all.len]types.Prompt = undefined;
            for (&items, all) |*item, one| item.* = .{
                .name = one.name,
                .title = one.title,
                .description = if (one.description.len > 0) one.description else null,
                .arguments = one.arguments,
                .icons = one.icons,
                .meta = calling.metaOf("`" ++ one.name ++ "`", one),
            };
            break :listed items;
        };

        pub fn listPrompts(_: Request, _: ?[]const u8) bindings.abi.Result(bindings.prompts.Page, types.Error) {
            return .{ .ok = .{ .items = &listed, .cache = calling.listCache(author) } };
        }

        pub fn getPrompt(request: Request, name: []const u8) GetResult {
            for (all) |one| {
                if (std.mem.eql(u8, one.name, name))
                    return one.get(calling.begin(request), request.arguments() orelse "{}");
            }
            return .{ .ok = null };
        }
    };
}
