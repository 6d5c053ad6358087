//! Calls of the author's functions: common code of tools, resources, prompts and completions.
const std = @import("std");
const bindings = @import("bindings");
const client_requests = @import("client_requests.zig");

const Context = @import("Context.zig");
const Error = bindings.types.Error;

pub const code = struct {
    pub const invalid_params = @import("protocol_table").code.invalid_params;
    pub const internal_error = @import("protocol_table").code.internal_error;
    /// The code up to 2025-11-25; the framework converts it for later revisions.
    pub const resource_not_found = @import("protocol_table").code.resource_not_found;
};

/// Parameter and return type of a function `fn (Taken) R`, `fn (Taken, Context) R`, `fn (Context) R` or `fn () R`.
pub fn Signature(comptime owner: []const u8, comptime function: anytype) type {
    const Function = @TypeOf(function);
    if (@typeInfo(Function) != .@"fn")
        @compileError(owner ++ ": the last argument must be a function, not `" ++ @typeName(Function) ++ "`");
    const info = @typeInfo(Function).@"fn";
    const params = info.param_types;
    const with_context = params.len > 0 and params[params.len - 1] == Context;
    const rest = params[0 .. params.len - @intFromBool(with_context)];
    const wrong = owner ++ ": the function must have one parameter, a `Context`, or both in this order";
    if (rest.len > 1) @compileError(wrong);
    return struct {
        /// The parameter other than the context; `void` without one.
        pub const Taken = if (rest.len == 0) void else rest[0] orelse @compileError(wrong);
        /// The return type without errors.
        pub const Given = switch (@typeInfo(info.return_type.?)) {
            .error_union => |union_| union_.payload,
            else => info.return_type.?,
        };

        pub fn call(taken: Taken, context: Context) anyerror!Given {
            var args: std.meta.ArgsTuple(Function) = undefined;
            if (Taken != void) args[0] = taken;
            if (with_context) args[params.len - 1] = context;
            return @call(.auto, function, args);
        }
    };
}

/// The struct of arguments; an empty struct for a function without one.
pub fn Arguments(comptime owner: []const u8, comptime Taken: type) type {
    if (Taken == void) return struct {};
    if (@typeInfo(Taken) != .@"struct" or @typeInfo(Taken).@"struct".is_tuple)
        @compileError(owner ++ ": the function must take a struct of arguments, a `Context`, or both in this order");
    return Taken;
}

/// Convert an error of a function to a JSON-RPC error, for requests without error results.
pub fn failure(context: Context, reason: anyerror) Error {
    if (client_requests.failureOf(reason)) |refused| return refused;
    return .{ .code = code.internal_error, .message = context.failureMessage() orelse @errorName(reason) };
}

/// Check at compile time that a name or description is UTF-8, which the component model requires.
pub fn checkText(comptime owner: []const u8, comptime what: []const u8, comptime text: []const u8) void {
    @setEvalBranchQuota(1_000_000);
    if (!std.unicode.utf8ValidateSlice(text)) @compileError(owner ++ ": the " ++ what ++ " is not UTF-8");
}

/// Convert an author's declarations, a tuple or an array, to a slice. The field `name` must be unique.
pub fn list(comptime T: type, comptime all: anytype, comptime name: []const u8) []const T {
    comptime {
        @setEvalBranchQuota(quota(all.len));
        var found: [all.len]T = undefined;
        // A hash table: a component can have thousands of declarations.
        var slots: [2 * all.len + 1]?usize = @splat(null);
        for (&found, 0..) |*one, i| {
            one.* = all[i];
            const text = @field(one.*, name);
            var slot: usize = std.hash.Fnv1a_32.hash(text) % slots.len;
            while (slots[slot]) |other| : (slot = (slot + 1) % slots.len) {
                if (std.mem.eql(u8, @field(found[other], name), text))
                    @compileError("two " ++ T.plural ++ " have the name `" ++ text ++ "`");
            }
            slots[slot] = i;
        }
        const kept = found;
        return &kept;
    }
}

/// Return the branch quota for compile-time work per item.
pub fn quota(comptime items: usize) u32 {
    return 1_000_000 + 2_000 * items;
}

/// Return a copy with the fields of `extra` that are set: not null, and not empty.
pub fn with(self: anytype, extra: anytype) @TypeOf(self) {
    var copy = self;
    inline for (@typeInfo(@TypeOf(extra)).@"struct".field_names) |name| {
        const given = @field(extra, name);
        const is_given = if (@typeInfo(@TypeOf(given)) == .optional) given != null else given.len > 0;
        if (is_given) @field(copy, name) = given;
    }
    return copy;
}

/// Return the `_meta` of a declaration with its tags and scopes, at compile time.
pub fn metaOf(comptime owner: []const u8, comptime one: anytype) ?[]const u8 {
    comptime {
        for (one.scopes) |scope| for (scope) |c| if (c <= ' ' or c > '~')
            @compileError(owner ++ ": the scope `" ++ scope ++ "` must be of visible ASCII characters");
        return listed(owner, "scope", listed(owner, "tag", one.meta, one.tags), one.scopes);
    }
}

/// Return `_meta` with a list of texts.
fn listed(
    comptime owner: []const u8,
    comptime noun: []const u8,
    comptime meta: ?[]const u8,
    comptime texts: []const []const u8,
) ?[]const u8 {
    comptime {
        if (texts.len == 0) return meta;
        var text: []const u8 = "\"wasmcp/" ++ noun ++ "s\":[";
        for (texts, 0..) |each, n| {
            if (each.len == 0) @compileError(owner ++ ": a " ++ noun ++ " is empty");
            for (each) |c| if (c < ' ' or c == '"' or c == '\\') @compileError(
                owner ++ ": the " ++ noun ++ " `" ++ each ++ "` has a quote, a backslash or a control character",
            );
            text = text ++ (if (n > 0) ",\"" else "\"") ++ each ++ "\"";
        }
        return withMember(meta, text ++ "]");
    }
}

/// Return a JSON object with a member in front of its members. `member` is the text of the name and the value.
pub fn withMember(comptime object: ?[]const u8, comptime member: []const u8) []const u8 {
    comptime {
        const given = std.mem.trim(u8, object orelse "{}", " \t\r\n");
        const rest = std.mem.trimStart(u8, given[1..], " \t\r\n");
        return "{" ++ member ++ (if (rest.len > 1) "," else "") ++ rest;
    }
}

/// Create the context for a call.
pub fn begin(request: bindings.messages.Request) Context {
    client_requests.begin();
    return .{ .request = request };
}

/// Return the cache hint of a component's lists: `pub const cache_lists` of the author's file.
pub fn listCache(comptime author: type) ?bindings.types.CacheHint {
    return if (@hasDecl(author, "cache_lists")) author.cache_lists else null;
}
