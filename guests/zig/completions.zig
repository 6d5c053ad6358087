//! Completion of arguments of prompts and variables of resource templates.
//! Specification: server/utilities/completion.
const std = @import("std");
const bindings = @import("bindings");
const calling = @import("calling.zig");
const uri_template = @import("uri_template.zig");
const uris = @import("uris.zig");

const Context = @import("Context.zig");
const Request = bindings.messages.Request;
const types = bindings.types;

const most = 100;

/// Partial value, and the arguments that have values already.
pub const Typed = struct {
    value: []const u8,
    filled: []const struct { []const u8, []const u8 } = &.{},

    /// Return the value of another argument.
    pub fn get(self: Typed, name: []const u8) ?[]const u8 {
        for (self.filled) |pair| if (std.mem.eql(u8, pair[0], name)) return pair[1];
        return null;
    }

    /// Return the values that begin with the partial value, case-insensitively.
    pub fn matching(self: Typed, values: []const []const u8) std.mem.Allocator.Error![]const []const u8 {
        var list: std.ArrayList([]const u8) = .empty;
        for (values) |value| {
            if (std.ascii.startsWithIgnoreCase(value, self.value)) try list.append(bindings.memory.allocator, value);
        }
        return list.items;
    }
};

/// Completion of one argument, created by `completion`.
pub const Completion = struct {
    of: types.CompletionReference,
    argument: []const u8,
    complete: *const fn (Context, Typed) bindings.abi.Result(types.Completion, types.Error),
};

/// Declare the completion of a prompt's argument or a template's variable.
///
/// The function is `fn (Typed) R` or `fn (Typed, Context) R`; `R` is `[]const []const u8` (best first),
/// `types.Completion`, or an error union. Only the first 100 values are sent.
pub fn completion(
    comptime of: types.CompletionReference,
    comptime argument: []const u8,
    comptime function: anytype,
) Completion {
    const owner = "completion of `" ++ argument ++ "`";
    const Function = calling.Signature(owner, function);
    if (Function.Taken != Typed) @compileError(owner ++ ": the function takes an `mcp.Typed` first");
    const Glue = struct {
        fn complete(context: Context, typed: Typed) bindings.abi.Result(types.Completion, types.Error) {
            const given = Function.call(typed, context) catch |reason|
                return .{ .err = calling.failure(context, reason) };
            if (Function.Given == types.Completion) return .{ .ok = given };
            return .{
                .ok = .{ .values = given[0..@min(given.len, most)], .total = given.len, .has_more = given.len > most },
            };
        }
    };
    return .{ .of = comptime listedAs(of), .argument = argument, .complete = Glue.complete };
}

/// Convert a template to normal form, as in lists.
fn listedAs(comptime of: types.CompletionReference) types.CompletionReference {
    return switch (of) {
        .prompt => of,
        .resource_template => |template| .{
            .resource_template = if (uris.declared(template, .{ .template = true })) |normal| normal.text else template,
        },
    };
}

fn same(a: types.CompletionReference, b: types.CompletionReference) bool {
    if (std.meta.activeTag(a) != std.meta.activeTag(b)) return false;
    return std.mem.eql(u8, switch (a) {
        inline else => |name| name,
    }, switch (b) {
        inline else => |name| name,
    });
}

/// Compile error if the completed argument does not exist.
fn checkTarget(comptime author: type, comptime one: Completion) void {
    @setEvalBranchQuota(1_000_000);
    const argument = "`" ++ one.argument ++ "`";
    switch (one.of) {
        .prompt => |name| {
            const owner = "completion of " ++ argument ++ ": prompt `" ++ name ++ "`";
            if (!@hasDecl(author, "prompts")) @compileError(owner ++ " is not there");
            for (author.prompts) |prompt| if (std.mem.eql(u8, prompt.name, name)) {
                for (prompt.arguments) |each| if (std.mem.eql(u8, each.name, one.argument)) return;
                @compileError(owner ++ " has no argument " ++ argument);
            };
            @compileError(owner ++ " is not there");
        },
        .resource_template => |uri| {
            const owner = "completion of " ++ argument ++ ": template `" ++ uri ++ "`";
            if (!@hasDecl(author, "resources")) @compileError(owner ++ " is not there");
            for (author.resources) |resource| if (std.mem.eql(u8, resource.uri, uri)) {
                for (uri_template.variables(uri)) |variable|
                    if (std.mem.eql(u8, variable.name, one.argument)) return;
                @compileError(owner ++ " has no variable " ++ argument);
            };
            @compileError(owner ++ " is not there");
        },
    }
}

/// Implementation of the interface `completions` for an author's `pub const completions`.
pub fn Exports(comptime author: type) type {
    if (!@hasDecl(author, "completions"))
        @compileError("missing `pub const completions = .{ mcp.completion(...), ... };`");
    const all: []const Completion = comptime all: {
        @setEvalBranchQuota(calling.quota(author.completions.len));
        var list: []const Completion = &.{};
        for (author.completions) |one| list = list ++ &[_]Completion{one};
        break :all list;
    };
    comptime for (all) |one| checkTarget(author, one);
    return struct {
        const references: []const types.CompletionReference = references: {
            @setEvalBranchQuota(1_000_000);
            var list: []const types.CompletionReference = &.{};
            each: for (all) |one| {
                for (list) |earlier| if (same(earlier, one.of)) continue :each;
                list = list ++ &[_]types.CompletionReference{one.of};
            }
            break :references list;
        };

        pub fn listReferences(_: Request) bindings.abi.Result([]const types.CompletionReference, types.Error) {
            return .{ .ok = references };
        }

        pub fn complete(
            request: Request,
            reference: types.CompletionReference,
            argument: types.CompletionArgument,
            filled: []const struct { []const u8, []const u8 },
        ) bindings.abi.Result(?bindings.completions.Outcome, types.Error) {
            var known = false;
            for (all) |one| {
                if (!same(one.of, reference)) continue;
                known = true;
                if (!std.mem.eql(u8, one.argument, argument.name)) continue;
                return switch (one.complete(
                    calling.begin(request),
                    .{ .value = argument.value, .filled = @ptrCast(filled) },
                )) {
                    .ok => |values| .{ .ok = .{ .complete = values } },
                    .err => |problem| .{ .err = problem },
                };
            }
            return .{ .ok = if (known) .{ .complete = .{ .values = &.{} } } else null };
        }
    };
}
