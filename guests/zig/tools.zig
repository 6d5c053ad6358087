//! Tools. Specification: server/tools.
const std = @import("std");
const bindings = @import("bindings");
const apps = @import("apps.zig");
const arguments = @import("arguments.zig");
const calling = @import("calling.zig");
const client_requests = @import("client_requests.zig");
const reading = @import("resources.zig");
const results = @import("results.zig");
const schema = @import("schema.zig");
const texts = @import("protocol_table").call_errors;
const values = @import("values.zig");

const Context = @import("Context.zig");
const Request = bindings.messages.Request;
const types = bindings.types;

/// Complete `CallToolResult`, or an `InputRequired` result (`.input_required`).
pub const Outcome = bindings.tools.Outcome;

const CallResult = bindings.abi.Result(Outcome, types.Error);

/// Options of the tasks of a tool. A client that supports the extension io.modelcontextprotocol/tasks gets the id of a
/// task instead of a result, and polls for the result; a call of another client gets the result in its response.
pub const Task = struct {
    /// True if the function continues by `Context.checkpoint`: a call becomes a task at its first checkpoint, under any
    /// runtime. False: a call becomes a task at once, under wasmcp's own host only.
    steps: bool = false,
    /// The lifetime of a task from its creation, in milliseconds; an hour by default.
    ttl_ms: u64 = defaults.ttlMs,
    /// The suggested time between two polls of a client, in milliseconds; a second by default.
    poll_interval_ms: u64 = defaults.pollIntervalMs,
    /// Refuse the calls of clients that do not support the extension.
    required: bool = false,

    const defaults = @import("protocol_table").task_defaults;
    const longest = @import("protocol_table").task_limit;

    /// Return `_meta` with these options.
    fn write(comptime self: Task, comptime owner: []const u8, comptime meta: ?[]const u8) []const u8 {
        comptime {
            for (.{ self.ttl_ms, self.poll_interval_ms }) |time| if (time < 1 or time > longest)
                @compileError(owner ++ ": the times of its tasks must be from 1 ms to a year");
            const text = std.fmt.comptimePrint(
                "\"{s}\":{{\"mode\":\"{s}\",\"ttlMs\":{d},\"pollIntervalMs\":{d},\"required\":{}}}",
                .{
                    @import("protocol_table").meta.task,
                    if (self.steps) "steps" else "run",
                    self.ttl_ms,
                    self.poll_interval_ms,
                    self.required,
                },
            );
            return calling.withMember(meta, text);
        }
    }
};

/// Tool, created by `tool`; fields with a default can be changed with `with`.
pub const Tool = struct {
    name: []const u8,
    description: []const u8,
    title: ?[]const u8 = null,
    annotations: ?types.ToolAnnotations = null,
    icons: []const types.Icon = &.{},
    /// A JSON object.
    meta: ?[]const u8 = null,
    /// Tags by which filters of a server select it; sent as `_meta["wasmcp/tags"]`.
    tags: []const []const u8 = &.{},
    /// Scopes that the principal of a request over HTTP needs for it; sent as `_meta["wasmcp/scopes"]`.
    scopes: []const []const u8 = &.{},
    /// The app that hosts show for it; see `app`.
    ui: ?reading.Resource = null,
    /// Its permitted callers; by default the model and apps of this server.
    visibility: []const apps.Visibility = &.{},
    /// Options of its tasks: a call may continue after its request. Sent as `_meta["wasmcp/task"]`.
    task: ?Task = null,
    input_schema: []const u8,
    output_schema: ?[]const u8,
    call: *const fn (Context, json: []const u8) CallResult,

    pub const plural = "tools";

    pub const Extra = struct {
        title: ?[]const u8 = null,
        annotations: ?types.ToolAnnotations = null,
        icons: []const types.Icon = &.{},
        meta: ?[]const u8 = null,
        tags: []const []const u8 = &.{},
        scopes: []const []const u8 = &.{},
        ui: ?reading.Resource = null,
        visibility: []const apps.Visibility = &.{},
        task: ?Task = null,
    };

    /// Return a copy with a title, annotations, icons, `_meta`, tags, scopes or tasks.
    pub fn with(self: Tool, extra: Extra) Tool {
        return calling.with(self, extra);
    }
};

/// Create a tool from a function `fn (Arguments) R`, `fn (Arguments, Context) R`, `fn (Context) R` or `fn () R`.
///
/// `Arguments` is a struct of bools, integers, floats, strings (`[]const u8`), enums, optionals, slices, arrays,
/// structs and `Json`. Fields with a default and optional ones can be omitted. Its `pub const descriptions`, a struct
/// of strings by field name, has their descriptions. `R` is one of these types, `void`, `Content`, `[]const Content`,
/// `ToolResult` or `Outcome`, or an error union.
pub fn tool(comptime name: []const u8, comptime description: []const u8, comptime function: anytype) Tool {
    const owner = "tool `" ++ name ++ "`";
    comptime checkName(name);
    comptime calling.checkText(owner, "description", description);
    const Function = calling.Signature(owner, function);
    const Arguments = calling.Arguments(owner, Function.Taken);
    const Glue = struct {
        fn call(context: Context, json: []const u8) CallResult {
            var reader: arguments.Reader = .init(json);
            const taken = reader.read(Arguments) catch return .{
                .ok = results.failure(texts.invalid_tool[0] ++ name ++ texts.invalid_tool[1], reader.message()),
            };
            const given = Function.call(if (Function.Taken == void) {} else taken, context) catch |reason| {
                if (client_requests.inputRequiredOf(reason, context.request)) |wanted|
                    return .{ .ok = .{ .input_required = wanted } };
                if (client_requests.failureOf(reason)) |refused| return .{ .err = refused };
                return .{ .ok = results.failure("", context.failureMessage() orelse @errorName(reason)) };
            };
            return .{ .ok = results.outcome(Function.Given, given) };
        }
    };
    return .{
        .name = name,
        .description = description,
        .input_schema = comptime schema.ofArguments(Arguments),
        .output_schema = comptime results.schemaOf(Function.Given),
        .call = Glue.call,
    };
}

fn metaOf(comptime owner: []const u8, comptime one: Tool) ?[]const u8 {
    const meta = apps.withApp(owner, calling.metaOf(owner, one), one.ui, one.visibility);
    return if (one.task) |task| task.write(owner, meta) else meta;
}

// Specification: server/tools, "Tool Names".
fn checkName(comptime name: []const u8) void {
    if (name.len == 0 or name.len > 128) @compileError("tool `" ++ name ++ "`: a name has 1 to 128 characters");
    for (name) |c| switch (c) {
        'a'...'z', 'A'...'Z', '0'...'9', '_', '-', '.' => {},
        else => @compileError("tool `" ++ name ++ "`: a name is made of letters, digits, `_`, `-` and `.`"),
    };
}

/// Implementation of the interface `tools` for an author's `pub const tools`.
pub fn Exports(comptime author: type) type {
    if (!@hasDecl(author, "tools")) @compileError("missing `pub const tools = .{ mcp.tool(...), ... };`");
    const all = calling.list(Tool, author.tools, "name");
    return struct {
        const listed: [all.len]types.Tool = listed: {
            @setEvalBranchQuota(calling.quota(all.len));
            var items: [all.len]types.Tool = undefined;
            for (&items, all) |*item, one| item.* = .{
                .name = one.name,
                .title = one.title,
                .description = if (one.description.len > 0) one.description else null,
                .input_schema = one.input_schema,
                .output_schema = one.output_schema,
                .annotations = one.annotations,
                .icons = one.icons,
                .meta = metaOf("`" ++ one.name ++ "`", one),
            };
            break :listed items;
        };

        pub fn listTools(_: Request, _: ?[]const u8) bindings.abi.Result(bindings.tools.Page, types.Error) {
            return .{ .ok = .{ .items = &listed, .cache = calling.listCache(author) } };
        }

        pub fn callTool(request: Request, name: []const u8) bindings.abi.Result(?Outcome, types.Error) {
            for (all) |one| {
                if (std.mem.eql(u8, one.name, name))
                    return switch (one.call(calling.begin(request), request.arguments() orelse "{}")) {
                        .ok => |outcome| .{ .ok = outcome },
                        .err => |refused| .{ .err = refused },
                    };
            }
            return .{ .ok = null };
        }
    };
}
