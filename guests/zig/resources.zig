//! Resources and resource templates. Specification: server/resources.
const std = @import("std");
const bindings = @import("bindings");
const calling = @import("calling.zig");
const client_requests = @import("client_requests.zig");
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
pub const Outcome = if (@hasDecl(bindings, "resources")) bindings.resources.Outcome else void;

/// Binary contents.
pub const Blob = struct { bytes: []const u8 };

/// URI of a request, in the forms that resources and templates are matched with.
pub const RequestedUri = struct {
    uri: []const u8,
    /// The normal form, for a fixed URI.
    normal: uris.Normal = .{ .text = "" },
    /// The values of the variables, for a template.
    variables: @FieldType(types.UriMatch, "variables") = &.{},

    /// Return the values of a variable; null if the URI omits it.
    fn get(self: RequestedUri, name: []const u8) ?[]const []const u8 {
        for (self.variables) |pair| if (std.mem.eql(u8, pair[0], name)) return pair[1];
        return null;
    }
};

/// Front matter of a skill: the member of `_meta`, and the text that precedes the skill's own.
pub const FrontMatter = struct { member: []const u8, text: []const u8 };

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
    /// Tags by which filters of a server select it; sent as `_meta["wasmcp/tags"]`.
    tags: []const []const u8 = &.{},
    /// Scopes that the principal of a request over HTTP needs for it; sent as `_meta["wasmcp/scopes"]`.
    scopes: []const []const u8 = &.{},
    /// Cache hint of the contents.
    cache: ?types.CacheHint = null,
    /// Variables of a template that allow any value, including paths that leave a folder and encoded slashes.
    unchecked: []const []const u8 = &.{},
    /// Variables of a template.
    fields: []const text_values.Field = &.{},
    /// Front matter of a skill.
    front_matter: ?FrontMatter = null,
    /// The function that reads the resource; it returns null if the URI does not match.
    read: *const fn (Resource, Context, RequestedUri) ?ReadResult,

    pub const plural = "resources";

    pub const Extra = struct {
        title: ?[]const u8 = null,
        mime_type: ?[]const u8 = null,
        size: ?u64 = null,
        annotations: ?types.Annotations = null,
        icons: []const types.Icon = &.{},
        meta: ?[]const u8 = null,
        tags: []const []const u8 = &.{},
        scopes: []const []const u8 = &.{},
        cache: ?types.CacheHint = null,
        unchecked: []const []const u8 = &.{},
    };

    /// Return a copy with a title, media type, size, annotations, icons, `_meta`, tags, scopes, cache
    /// hint or unchecked variables.
    pub fn with(self: Resource, extra: Extra) Resource {
        return calling.with(self, extra);
    }
};

/// Create a resource with a fixed URI from a function `fn () R` or `fn (Context) R`.
///
/// `R` is `[]const u8` (a text), `Blob`, another type that has a JSON form (sent as `application/json`),
/// `[]const ResourceContents`, `ResourceResult` or `Outcome`, or an error union. `error.ResourceNotFound`: the resource
/// does not exist.
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

/// Create a resource template (RFC 6570) from a function `fn (Variables) R` or `fn (Variables, Context) R`. `Variables`
/// is a struct with a field for each variable: a string, number, bool or enum; for `{x*}` a slice of these. Variables
/// that a URI can omit, those of `{?x}`, `{&x}`, `{;x}` and `{#x}`, are optional or have a default. A URI with a value
/// that is invalid for the type of its field is the URI of an unknown resource.
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
    comptime checkVariables(owner, uri_template.variables(normal.text), Variables);
    const Glue = struct {
        fn read(self: Resource, context: Context, requested: RequestedUri) ?ReadResult {
            const taken = variablesOf(Variables, requested) orelse return notFound(requested.uri);
            return answered(Function, self, context, requested.uri, if (Function.Taken == void) {} else taken);
        }
    };
    return .{
        .uri = normal.text,
        .identity = comptime normal.identity(),
        .name = name,
        .description = description,
        .is_template = true,
        .fields = comptime text_values.fields(Variables),
        .mime_type = mimeOf(Function.Given),
        .read = Glue.read,
    };
}

/// Convert the values of a template's variables; null if one is not valid.
fn variablesOf(comptime Variables: type, requested: RequestedUri) ?Variables {
    const info = @typeInfo(Variables).@"struct";
    var taken: Variables = undefined;
    inline for (info.field_names, info.field_types, info.field_attrs) |name, F, attrs| {
        @field(taken, name) = if (requested.get(name)) |given|
            valueOf(F, given) orelse return null
        else if (comptime attrs.defaultValue(F)) |default|
            default
        else if (@typeInfo(F) == .optional) null else return null;
    }
    return taken;
}

fn valueOf(comptime F: type, given: []const []const u8) ?F {
    if (@typeInfo(F) == .optional) return valueOf(@typeInfo(F).optional.child, given) orelse return null;
    if (comptime values.kindOf(F) != .array) return if (given.len == 1) text_values.read(F, given[0]) else null;
    const items = bindings.memory.allocator.alloc(std.meta.Child(F), given.len) catch return null;
    for (items, given) |*item, text| item.* = text_values.read(std.meta.Child(F), text) orelse return null;
    return items;
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
    comptime variables: []const uri_template.Variable,
    comptime Variables: type,
) void {
    @setEvalBranchQuota(100_000);
    const info = @typeInfo(Variables).@"struct";
    if (variables.len == 0) @compileError(owner ++ ": it has no variables; declare a fixed URI with `resource`");
    for (variables) |variable| {
        if (!@hasField(Variables, variable.name))
            @compileError(owner ++ ": the function's struct has no field `" ++ variable.name ++ "`");
    }
    for (info.field_names, info.field_types, info.field_attrs) |name, F, attrs| {
        const variable = for (variables) |each| {
            if (std.mem.eql(u8, each.name, name)) break each;
        } else @compileError(owner ++ ": the field `" ++ name ++ "` of the function's struct is not a variable");
        if (variable.optional and attrs.default_value_ptr == null and @typeInfo(F) != .optional)
            @compileError(owner ++ ": a URI can omit `" ++ name ++ "`: make it optional or give it a default");
        const Plain = if (@typeInfo(F) == .optional) @typeInfo(F).optional.child else F;
        if (variable.many != (values.kindOf(Plain) == .array))
            @compileError(owner ++ ": `" ++ name ++ "` is a slice if and only if the variable is `{" ++ name ++ "*}`");
    }
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
        if (client_requests.inputRequiredOf(reason, context.request)) |wanted|
            return .{ .ok = .{ .input_required = wanted } };
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
    const allocator = bindings.memory.allocator;
    const contents = try allocator.alloc(types.ResourceContents, 1);
    contents[0] = .{
        .uri = uri,
        .mime_type = self.mime_type,
        .data = if (R == Blob) .{ .blob = given.bytes } else .{
            .text = if (comptime values.kindOf(R) == .string)
                try prefixed(self.front_matter, results.valid(given))
            else
                try results.json(R, given),
        },
    };
    return contents;
}

fn prefixed(front_matter: ?FrontMatter, text: []const u8) ![]const u8 {
    const before = front_matter orelse return text;
    return std.mem.concat(bindings.memory.allocator, u8, &.{ before.text, text });
}

fn notFound(uri: []const u8) ReadResult {
    const allocator = bindings.memory.allocator;
    const data = std.mem.concat(
        allocator,
        u8,
        &.{ "{\"uri\":", results.json([]const u8, uri) catch "\"\"", "}" },
    ) catch null;
    return .{ .err = .{ .code = calling.code.resource_not_found, .message = "Resource not found", .data = data } };
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
                    .meta = metaOf(each),
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
                    .meta = calling.metaOf("`" ++ each.uri ++ "`", each),
                };
                n += 1;
            };
            break :listed items;
        };

        fn metaOf(comptime each: Resource) ?[]const u8 {
            const meta = calling.metaOf("`" ++ each.uri ++ "`", each);
            return if (each.front_matter) |front_matter| calling.withMember(meta, front_matter.member) else meta;
        }

        fn described(each: Resource) ?[]const u8 {
            return if (each.description.len > 0) each.description else null;
        }

        pub fn listResources(_: Request, _: ?[]const u8) bindings.abi.Result(bindings.resources.Page, types.Error) {
            return .{ .ok = .{ .items = &listed, .cache = calling.listCache(author) } };
        }

        const TemplatePage = bindings.resources.TemplatePage;

        pub fn listTemplates(_: Request, _: ?[]const u8) bindings.abi.Result(TemplatePage, types.Error) {
            return .{ .ok = .{ .items = &listed_templates, .cache = calling.listCache(author) } };
        }

        const patterns: [templates]types.UriTemplate = patterns: {
            @setEvalBranchQuota(calling.quota(all.len));
            var items: [templates]types.UriTemplate = undefined;
            var n: usize = 0;
            for (all) |each| if (each.is_template) {
                items[n] = .{ .text = each.uri, .unchecked = each.unchecked };
                n += 1;
            };
            break :patterns items;
        };

        pub fn readResource(request: Request, uri: []const u8) ReadResult {
            const context = calling.begin(request);
            const normal = (uris.normalized(uri, .{}) catch null) orelse return .{ .ok = null };
            // A fixed URI has precedence over a matching template.
            inline for (all) |each| if (!each.is_template) {
                if (each.read(each, context, .{ .uri = uri, .normal = normal })) |answer| return answer;
            };
            if (templates == 0) return .{ .ok = null };
            const found = request.matchTemplate(uri, &patterns) orelse return .{ .ok = null };
            comptime var n: u32 = 0;
            inline for (all) |each| if (each.is_template) {
                if (found.template == n)
                    return each.read(each, context, .{ .uri = uri, .variables = found.variables }).?;
                n += 1;
            };
            return .{ .ok = null };
        }
    };
}
