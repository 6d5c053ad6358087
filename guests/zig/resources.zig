//! Resources and resource templates. Specification: server/resources.
const std = @import("std");
const bindings = @import("bindings");
const asking = @import("asking.zig");
const calling = @import("calling.zig");
const results = @import("results.zig");
const text_values = @import("text_values.zig");
const uri_template = @import("uri_template.zig");
const uris = @import("uris.zig");
const values = @import("values.zig");

const Context = @import("Context.zig");
const Request = bindings.messages.Request;
const types = bindings.types;

const ReadResult = bindings.abi.Result(?Outcome, types.Error);

/// Complete `ReadResourceResult`, or an `InputRequired` result (`.input_required`).
pub const Outcome = bindings.resources.Outcome;

/// Binary contents.
pub const Blob = struct { bytes: []const u8 };

/// URI of a request, and its normal forms.
pub const RequestedUri = struct {
    uri: []const u8,
    normal: uris.Normal,
    /// The normal form with `.` and `..` segments kept, for templates.
    segments: []const u8,

    fn of(uri: []const u8) ?RequestedUri {
        const normal = (uris.normalized(uri, .{}) catch return null) orelse return null;
        const plain = (uris.normalized(uri, .{ .dots = false }) catch return null) orelse return null;
        return .{ .uri = uri, .normal = normal, .segments = plain.text };
    }
};

/// Resource or template, created by `resource` or `template`; fields with a default can be changed with `with`.
pub const Resource = struct {
    /// The URI, or the template, in normal form.
    uri: []const u8,
    /// Comparison key: the URI with its host in lower case; equal for equivalent URIs.
    identity: []const u8,
    name: []const u8,
    description: []const u8,
    is_template: bool,
    title: ?[]const u8 = null,
    mime_type: ?[]const u8,
    /// Size in bytes.
    size: ?u64 = null,
    annotations: ?types.Annotations = null,
    icons: []const types.Icon = &.{},
    /// A JSON object.
    meta: ?[]const u8 = null,
    /// Cache hint of the contents.
    cache: ?types.CacheHint = null,
    /// Variables of a template that allow any value, also paths that leave a folder.
    unchecked: []const []const u8 = &.{},
    /// Returns null if the URI does not match.
    read: *const fn (Resource, Context, RequestedUri) ?ReadResult,

    pub const plural = "resources";

    pub const Extra = struct {
        title: ?[]const u8 = null,
        mime_type: ?[]const u8 = null,
        size: ?u64 = null,
        annotations: ?types.Annotations = null,
        icons: []const types.Icon = &.{},
        meta: ?[]const u8 = null,
        cache: ?types.CacheHint = null,
        unchecked: []const []const u8 = &.{},
    };

    fn isUnchecked(self: Resource, name: []const u8) bool {
        for (self.unchecked) |each| if (std.mem.eql(u8, each, name)) return true;
        return false;
    }

    /// Return a copy with a title, media type, size, annotations, icons, `_meta`, cache hint or unchecked variables.
    pub fn with(self: Resource, extra: Extra) Resource {
        return calling.with(self, extra);
    }
};

/// Create a resource with a fixed URI from a function `fn () R` or `fn (Context) R`.
///
/// `R` is `[]const u8` (a text), `Blob`, another type that has a JSON form (sent as `application/json`),
/// `[]const ResourceContents`, `ResourceResult` or `Outcome`, or an error union. `error.ResourceNotFound`: the resource
/// does not exist now.
pub fn resource(
    comptime uri: []const u8,
    comptime name: []const u8,
    comptime description: []const u8,
    comptime function: anytype,
) Resource {
    const owner = "resource `" ++ uri ++ "`";
    comptime check(owner, uri, name, description);
    const normal = comptime uris.declared(uri, .{}).?;
    const Function = calling.Signature(owner, function);
    if (Function.Taken != void)
        @compileError(owner ++ ": the function takes nothing but a `Context`; a template has variables");
    const Glue = struct {
        fn read(self: Resource, context: Context, requested: RequestedUri) ?ReadResult {
            if (!normal.equals(requested.normal)) return null;
            return answered(Function, self, context, requested.uri, {});
        }
    };
    return .{
        .uri = normal.text,
        .identity = comptime normal.identity(),
        .name = name,
        .description = description,
        .is_template = false,
        .mime_type = mimeOf(Function.Given),
        .read = Glue.read,
    };
}

/// Create a resource template (RFC 6570: `{name}`, and `{+name}` for values with slashes) from a function
/// `fn (Variables) R` or `fn (Variables, Context) R`. `Variables` is a struct with a field for each variable: a string,
/// number, bool or enum. For an invalid value, the resource does not exist.
pub fn template(
    comptime uri: []const u8,
    comptime name: []const u8,
    comptime description: []const u8,
    comptime function: anytype,
) Resource {
    const owner = "template `" ++ uri ++ "`";
    comptime check(owner, uri, name, description);
    const Function = calling.Signature(owner, function);
    const Variables = calling.Arguments(owner, Function.Taken);
    const normal = comptime uris.declared(uri, .{ .template = true }).?;
    const parts = comptime uri_template.parse(normal);
    comptime checkVariables(owner, parts, Variables);
    const Glue = struct {
        fn read(self: Resource, context: Context, requested: RequestedUri) ?ReadResult {
            var found: [uri_template.count(parts)][]const u8 = undefined;
            if (!uri_template.match(parts, requested.segments, &found)) return null;
            var taken: Variables = undefined;
            comptime var n: usize = 0;
            inline for (parts) |part| if (part == .variable) {
                const F = @FieldType(Variables, part.variable.name);
                if (uri_template.leadsOut(found[n]) and !self.isUnchecked(part.variable.name)) return null;
                @field(taken, part.variable.name) = text_values.read(F, found[n]) orelse return notFound(requested.uri);
                n += 1;
            };
            return answered(Function, self, context, requested.uri, if (Function.Taken == void) {} else taken);
        }
    };
    return .{
        .uri = normal.text,
        .identity = comptime normal.identity(),
        .name = name,
        .description = description,
        .is_template = true,
        .mime_type = mimeOf(Function.Given),
        .read = Glue.read,
    };
}

fn check(
    comptime owner: []const u8,
    comptime uri: []const u8,
    comptime name: []const u8,
    comptime description: []const u8,
) void {
    calling.checkText(owner, "URI", uri);
    calling.checkText(owner, "name", name);
    calling.checkText(owner, "description", description);
    if (uris.problem(uri)) |reason| @compileError(owner ++ ": " ++ reason);
    if (name.len == 0) @compileError(owner ++ ": it has no name");
}

fn checkVariables(
    comptime owner: []const u8,
    comptime parts: []const uri_template.Part,
    comptime Variables: type,
) void {
    @setEvalBranchQuota(100_000);
    var n: usize = 0;
    for (parts) |part| if (part == .variable) {
        if (!@hasField(Variables, part.variable.name))
            @compileError(owner ++ ": the function's struct has no field `" ++ part.variable.name ++ "`");
        n += 1;
    };
    if (n == 0) @compileError(owner ++ ": it has no variables; `resource` is for a URI of its own");
    if (@typeInfo(Variables).@"struct".field_names.len != n)
        @compileError(owner ++ ": the function's struct has a field that is no variable");
}

fn mimeOf(comptime R: type) ?[]const u8 {
    if (isResult(R)) return null;
    if (R == Blob) return "application/octet-stream";
    return if (values.kindOf(R) == .string) "text/plain" else "application/json";
}

fn isResult(comptime R: type) bool {
    return R == Outcome or R == types.ResourceResult or R == []const types.ResourceContents;
}

fn answered(
    comptime Function: type,
    self: Resource,
    context: Context,
    uri: []const u8,
    taken: Function.Taken,
) ReadResult {
    const given = Function.call(taken, context) catch |reason| {
        if (reason == error.InputRequired)
            if (asking.required()) |input| return .{ .ok = .{ .input_required = input } };
        if (reason == error.ResourceNotFound) return notFound(uri);
        return .{ .err = calling.failure(context, reason) };
    };
    const R = Function.Given;
    if (R == Outcome) return .{ .ok = given };
    var result: types.ResourceResult = if (R == types.ResourceResult) given else .{
        .contents = if (R == []const types.ResourceContents) given else one(R, self, uri, given) catch |reason|
            return .{ .err = calling.failure(context, reason) },
    };
    if (result.cache == null) result.cache = self.cache;
    return .{ .ok = .{ .complete = result } };
}

fn one(comptime R: type, self: Resource, uri: []const u8, given: R) ![]const types.ResourceContents {
    const contents = try bindings.memory.allocator.alloc(types.ResourceContents, 1);
    contents[0] = .{
        .uri = uri,
        .mime_type = self.mime_type,
        .data = if (R == Blob) .{ .blob = given.bytes } else .{
            .text = if (comptime values.kindOf(R) == .string) results.valid(given) else try results.json(R, given),
        },
    };
    return contents;
}

fn notFound(uri: []const u8) ReadResult {
    const allocator = bindings.memory.allocator;
    const message = std.mem.concat(allocator, u8, &.{ "Resource not found: ", uri }) catch "Resource not found";
    const data = std.mem.concat(
        allocator,
        u8,
        &.{ "{\"uri\":", results.json([]const u8, uri) catch "\"\"", "}" },
    ) catch null;
    return .{ .err = .{ .code = calling.code.resource_not_found, .message = message, .data = data } };
}

/// Implementation of the interface `resources` for an author's `pub const resources`.
pub fn Exports(comptime author: type) type {
    if (!@hasDecl(author, "resources"))
        @compileError("missing `pub const resources = .{ mcp.resource(...), mcp.template(...), ... };`");
    const all = calling.list(Resource, author.resources, "identity");
    return struct {
        const templates = template_count: {
            @setEvalBranchQuota(calling.quota(all.len));
            var n: usize = 0;
            for (all) |each| n += @intFromBool(each.is_template);
            break :template_count n;
        };
        const listed: [all.len - templates]types.McpResource = listed: {
            @setEvalBranchQuota(calling.quota(all.len));
            var items: [all.len - templates]types.McpResource = undefined;
            var n: usize = 0;
            for (all) |each| if (!each.is_template) {
                items[n] = .{
                    .uri = each.uri,
                    .name = each.name,
                    .title = each.title,
                    .description = described(each),
                    .mime_type = each.mime_type,
                    .size = each.size,
                    .annotations = each.annotations,
                    .icons = each.icons,
                    .meta = each.meta,
                };
                n += 1;
            };
            break :listed items;
        };
        const listed_templates: [templates]types.ResourceTemplate = listed: {
            @setEvalBranchQuota(calling.quota(all.len));
            var items: [templates]types.ResourceTemplate = undefined;
            var n: usize = 0;
            for (all) |each| if (each.is_template) {
                items[n] = .{
                    .uri_template = each.uri,
                    .name = each.name,
                    .title = each.title,
                    .description = described(each),
                    .mime_type = each.mime_type,
                    .annotations = each.annotations,
                    .icons = each.icons,
                    .meta = each.meta,
                };
                n += 1;
            };
            break :listed items;
        };

        fn described(each: Resource) ?[]const u8 {
            return if (each.description.len > 0) each.description else null;
        }

        pub fn listResources(_: Request, _: ?[]const u8) bindings.abi.Result(bindings.resources.Page, types.Error) {
            return .{ .ok = .{ .items = &listed } };
        }

        const TemplatePage = bindings.resources.TemplatePage;

        pub fn listTemplates(_: Request, _: ?[]const u8) bindings.abi.Result(TemplatePage, types.Error) {
            return .{ .ok = .{ .items = &listed_templates } };
        }

        pub fn readResource(request: Request, uri: []const u8) ReadResult {
            const context = calling.begin(request);
            const requested = RequestedUri.of(uri) orelse return .{ .ok = null };
            // A fixed URI has precedence over a matching template.
            inline for (.{ false, true }) |is_template| for (all) |each| {
                if (each.is_template == is_template) if (each.read(each, context, requested)) |answer| return answer;
            };
            return .{ .ok = null };
        }
    };
}
