//! What an author of tools in Zig imports.
//!
//! ```zig
//! const mcp = @import("wasmcp");
//!
//! pub const tools = .{
//!     mcp.tool("add", "Add two numbers.", add),
//! };
//!
//! fn add(args: struct { a: f64, b: f64 }) f64 {
//!     return args.a + args.b;
//! }
//! ```
//!
//! The arguments' JSON Schema comes from the struct, the output schema from the return type. A tool may take the
//! arguments, a `Context`, both or nothing. An error is a tool error with its name; `Context.fail` words it.
const std = @import("std");
const bindings = @import("bindings");

const arguments = @import("arguments.zig");
const results = @import("results.zig");
const schema = @import("schema.zig");

pub const Context = @import("Context.zig");
pub const Json = @import("values.zig").Json;

/// The protocol's own types, for results and contents that a Zig type can't say.
pub const types = bindings.types;
/// A whole `CallToolResult`: content of every kind, structured content as JSON text.
pub const ToolResult = bindings.types.ToolResult;
/// Also "ask the client first" (`.input_required`).
pub const Outcome = bindings.tools.Outcome;
pub const Annotations = bindings.types.ToolAnnotations;

/// Memory of the running call: freed when its result has been read. For what a tool returns, and on the way to it.
pub const allocator = bindings.memory.allocator;
/// Memory that stays from call to call.
pub const gpa = bindings.memory.gpa;

/// One tool. Made by `tool`; fields that have a default may be changed with `with`.
pub const Tool = struct {
    name: []const u8,
    description: []const u8,
    title: ?[]const u8 = null,
    annotations: ?Annotations = null,
    icons: []const bindings.types.Icon = &.{},
    /// A JSON object.
    meta: ?[]const u8 = null,
    input_schema: []const u8,
    output_schema: ?[]const u8,
    call: *const fn (Context, json: []const u8) Outcome,

    pub const Extra = struct {
        title: ?[]const u8 = null,
        annotations: ?Annotations = null,
        icons: []const bindings.types.Icon = &.{},
        meta: ?[]const u8 = null,
    };

    /// The same tool with a title, annotations, icons or `_meta`.
    pub fn with(self: Tool, extra: Extra) Tool {
        var copy = self;
        copy.title = extra.title;
        copy.annotations = extra.annotations;
        copy.icons = extra.icons;
        copy.meta = extra.meta;
        return copy;
    }
};

/// A tool from a function `fn (Arguments) R`, `fn (Arguments, Context) R`, `fn (Context) R` or `fn () R`.
///
/// `Arguments` is a struct of bools, integers, floats, strings (`[]const u8`), enums, optionals, slices, arrays, structs
/// and `Json`. A field with a default, and an optional one, need not be given. Its `pub const descriptions`, a struct of
/// strings by field name, describe them. `R` is one of these types too, `void`, `ToolResult` or `Outcome`, or an error union.
pub fn tool(comptime name: []const u8, comptime description: []const u8, comptime function: anytype) Tool {
    comptime checkName(name);
    // The component's border takes no other strings.
    comptime if (!isUtf8(description)) @compileError("tool `" ++ name ++ "`: the description is not UTF-8");
    const Function = @TypeOf(function);
    if (@typeInfo(Function) != .@"fn") @compileError("tool `" ++ name ++ "`: the third argument must be a function, not `" ++ @typeName(Function) ++ "`");
    const info = @typeInfo(Function).@"fn";
    const Arguments = comptime ArgumentsOf(name, info.param_types);
    const R = comptime Payload(info.return_type.?);
    const Glue = struct {
        fn call(context: Context, json: []const u8) Outcome {
            var args: std.meta.ArgsTuple(Function) = undefined;
            if (Arguments != void) {
                var reader: arguments.Reader = .init(json);
                args[0] = reader.read(Arguments) catch return results.failure("Invalid arguments for tool " ++ name ++ ": ", reader.message());
            }
            if (comptime info.param_types.len > 0 and info.param_types[info.param_types.len - 1].? == Context) {
                args[info.param_types.len - 1] = context;
            }
            const returned = @call(.auto, function, args);
            if (@typeInfo(@TypeOf(returned)) == .error_union) {
                const value = returned catch |reason| return results.failure("", context.failureMessage() orelse @errorName(reason));
                return results.outcome(R, value);
            }
            return results.outcome(R, returned);
        }
    };
    return .{
        .name = name,
        .description = description,
        .input_schema = comptime schema.ofArguments(if (Arguments == void) struct {} else Arguments),
        .output_schema = comptime results.schemaOf(R),
        .call = Glue.call,
    };
}

fn ArgumentsOf(comptime name: []const u8, comptime params: []const ?type) type {
    const wrong = "tool `" ++ name ++ "`: the function must take a struct of arguments, a `Context`, or both in this order";
    var rest = params;
    if (rest.len > 0 and rest[rest.len - 1] == Context) rest = rest[0 .. rest.len - 1];
    if (rest.len == 0) return void;
    const Arguments = rest[0] orelse @compileError(wrong);
    if (rest.len > 1 or @typeInfo(Arguments) != .@"struct" or @typeInfo(Arguments).@"struct".is_tuple) @compileError(wrong);
    return Arguments;
}

fn Payload(comptime R: type) type {
    return switch (@typeInfo(R)) {
        .error_union => |info| info.payload,
        else => R,
    };
}

fn isUtf8(comptime text: []const u8) bool {
    @setEvalBranchQuota(1_000_000);
    return std.unicode.utf8ValidateSlice(text);
}

// Specification: server/tools, "Tool Names".
fn checkName(comptime name: []const u8) void {
    if (name.len == 0 or name.len > 128) @compileError("tool `" ++ name ++ "`: a name has 1 to 128 characters");
    for (name) |c| switch (c) {
        'a'...'z', 'A'...'Z', '0'...'9', '_', '-', '.' => {},
        else => @compileError("tool `" ++ name ++ "`: a name is made of letters, digits, `_`, `-` and `.`"),
    };
}

/// The `tools` interface for an author's `tools`, a tuple or an array.
pub fn Exports(comptime author: type) type {
    if (!@hasDecl(author, "tools")) @compileError("there is no `pub const tools = .{ mcp.tool(...), ... };`");
    const all: []const Tool = comptime all: {
        var list: []const Tool = &.{};
        @setEvalBranchQuota(1_000_000);
        for (author.tools) |one| list = list ++ &[_]Tool{one};
        for (list, 0..) |one, i| for (list[0..i]) |other| {
            if (std.mem.eql(u8, one.name, other.name)) @compileError("two tools are called `" ++ one.name ++ "`");
        };
        break :all list;
    };
    return struct {
        const listed: [all.len]bindings.types.Tool = listed: {
            var items: [all.len]bindings.types.Tool = undefined;
            for (&items, all) |*item, one| item.* = .{
                .name = one.name,
                .title = one.title,
                .description = if (one.description.len > 0) one.description else null,
                .input_schema = one.input_schema,
                .output_schema = one.output_schema,
                .annotations = one.annotations,
                .icons = one.icons,
                .meta = one.meta,
            };
            break :listed items;
        };

        pub fn listTools(_: bindings.messages.Request, _: ?[]const u8) bindings.abi.Result(bindings.tools.Page, bindings.types.Error) {
            return .{ .ok = .{ .items = &listed } };
        }

        pub fn callTool(request: bindings.messages.Request, name: []const u8) bindings.abi.Result(?Outcome, bindings.types.Error) {
            for (all) |one| {
                if (std.mem.eql(u8, one.name, name)) return .{ .ok = one.call(.{ .request = request }, request.arguments() orelse "{}") };
            }
            return .{ .ok = null };
        }
    };
}
