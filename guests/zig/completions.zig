//! Completion of arguments of prompts and variables of resource templates.
//! Specification: server/utilities/completion.
const std = @import("std");
const bindings = @import("bindings");
const calling = @import("calling.zig");
const stderr = @import("stderr.zig");
const Field = @import("text_values.zig").Field;
const uri_template = @import("uri_template.zig");
const uris = @import("uris.zig");

const Context = @import("Context.zig");
const Request = bindings.messages.Request;
const types = bindings.types;

/// Partial value, and the arguments that have values already.
pub const Typed = struct {
    value: []const u8,
    filled: []const struct { []const u8, []const u8 } = &.{},

    /// Return the value of another argument; null if it has none yet.
    pub fn get(self: Typed, name: []const u8) ?[]const u8 {
        for (self.filled) |pair| if (std.mem.eql(u8, pair[0], name)) return pair[1];
        return null;
    }
};

/// Values to select from: those that begin with the partial value, regardless of case, are sent.
pub const Choices = struct {
    values: []const []const u8,
};

const CompleteResult = bindings.abi.Result(?Outcome, types.Error);
const Outcome = bindings.completions.Outcome;

/// Completion of one argument, created by `completion`.
pub const Completion = struct {
    of: types.CompletionReference,
    argument: []const u8,
    complete: *const fn (Context, Typed) CompleteResult,
};

/// Declare the completion of a prompt's argument or a template's variable.
///
/// The function is `fn (Typed) R` or `fn (Typed, Context) R`; `R` is `[]const []const u8` (best first), `Choices`,
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
        fn complete(context: Context, typed: Typed) CompleteResult {
            const given = Function.call(typed, context) catch |reason|
                return .{ .err = failed(argument, context, reason) };
            return .{ .ok = switch (Function.Given) {
                types.Completion => .{ .complete = given },
                Choices => .{ .choices = given.values },
                else => .{ .complete = .{ .values = given } },
            } };
        }
    };
    return .{ .of = comptime listedAs(of), .argument = argument, .complete = Glue.complete };
}

/// Convert an error of a function: its message is sent, its name is logged.
fn failed(comptime argument: []const u8, context: Context, reason: anyerror) types.Error {
    const masked = "Error completing " ++ argument;
    var failure = calling.failure(context, reason);
    if (std.mem.eql(u8, failure.message, @errorName(reason))) {
        if (stderr.is_there) stderr.write(std.mem.concat(
            bindings.memory.allocator,
            u8,
            &.{ masked, ": ", failure.message, "\n" },
        ) catch masked ++ "\n");
        failure.message = masked;
    }
    return failure;
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
            if (!@hasDecl(author, "prompts")) @compileError(owner ++ " does not exist");
            for (author.prompts) |prompt| if (std.mem.eql(u8, prompt.name, name)) {
                for (prompt.arguments) |each| if (std.mem.eql(u8, each.name, one.argument)) return;
                @compileError(owner ++ " has no argument " ++ argument);
            };
            @compileError(owner ++ " does not exist");
        },
        .resource_template => |uri| {
            const owner = "completion of " ++ argument ++ ": template `" ++ uri ++ "`";
            if (!@hasDecl(author, "resources")) @compileError(owner ++ " does not exist");
            for (author.resources) |resource| if (std.mem.eql(u8, resource.uri, uri)) {
                for (uri_template.variables(uri)) |variable|
                    if (std.mem.eql(u8, variable.name, one.argument)) return;
                @compileError(owner ++ " has no variable " ++ argument);
            };
            @compileError(owner ++ " does not exist");
        },
    }
}

/// Prompt or template whose arguments can be completed.
const Target = struct {
    of: types.CompletionReference,
    fields: []const Field,
};

/// Return all prompts with arguments and all templates if any has a completion: clients can also name the others.
fn targetsOf(comptime author: type, comptime completers: []const Completion) []const Target {
    comptime {
        @setEvalBranchQuota(1_000_000);
        var list: []const Target = &.{};
        if (@hasDecl(author, "prompts")) for (author.prompts) |one| {
            list = list ++ &[_]Target{.{ .of = .{ .prompt = one.name }, .fields = one.fields }};
        };
        if (@hasDecl(author, "resources")) for (author.resources) |one| if (one.is_template) {
            list = list ++ &[_]Target{.{ .of = .{ .resource_template = one.uri }, .fields = one.fields }};
        };
        var completes = completers.len > 0;
        var with_fields: []const Target = &.{};
        for (list) |target| {
            if (target.fields.len > 0) with_fields = with_fields ++ &[_]Target{target};
            for (target.fields) |field| completes = completes or field.choices.len > 0;
        }
        return if (completes) with_fields else &.{};
    }
}

/// Implementation of the interface `completions` for an author's prompts, templates and `pub const completions`.
pub fn Exports(comptime author: type) type {
    const has_targets = @hasDecl(author, "prompts") or @hasDecl(author, "resources");
    if (!has_targets and !@hasDecl(author, "completions"))
        @compileError("missing `pub const completions = .{ mcp.completion(...), ... };`");
    const completers: []const Completion = comptime completers: {
        var list: []const Completion = &.{};
        if (!@hasDecl(author, "completions")) break :completers list;
        @setEvalBranchQuota(calling.quota(author.completions.len));
        for (author.completions) |one| list = list ++ &[_]Completion{one};
        break :completers list;
    };
    comptime for (completers) |one| checkTarget(author, one);
    const targets = comptime targetsOf(author, completers);
    return struct {
        const references: [targets.len]types.CompletionReference = references: {
            var list: [targets.len]types.CompletionReference = undefined;
            for (&list, targets) |*reference, target| reference.* = target.of;
            break :references list;
        };

        pub fn listReferences(_: Request) bindings.abi.Result([]const types.CompletionReference, types.Error) {
            return .{ .ok = &references };
        }

        pub fn complete(
            request: Request,
            reference: types.CompletionReference,
            argument: types.CompletionArgument,
            filled: []const struct { []const u8, []const u8 },
        ) CompleteResult {
            const target = for (targets) |target| {
                if (same(target.of, reference)) break target;
            } else return .{ .ok = null };
            const field = for (target.fields) |field| {
                if (std.mem.eql(u8, field.name, argument.name)) break field;
            } else return .{ .err = .{
                .code = calling.code.invalid_params,
                .message = unknownArgument(reference, argument.name),
            } };
            for (completers) |one| {
                if (same(one.of, reference) and std.mem.eql(u8, one.argument, argument.name)) return one.complete(
                    calling.begin(request),
                    .{ .value = argument.value, .filled = @ptrCast(filled) },
                );
            }
            return .{ .ok = .{ .choices = field.choices } };
        }
    };
}

fn unknownArgument(reference: types.CompletionReference, argument: []const u8) []const u8 {
    const name = switch (reference) {
        inline else => |name| name,
    };
    return std.mem.concat(
        bindings.memory.allocator,
        u8,
        &.{ "`", name, "` has no argument `", argument, "`" },
    ) catch "unknown argument";
}
