//! Access rules: which entries exist under which path of the endpoint.
//!
//! The composer writes the rules as a JSON object:
//!
//! * `paths`: path -> object with `allow` and `deny`, arrays of selectors. Without `allow` every entry exists that
//!   `deny` does not select. Without `paths` every path has every entry.
//! * `entries`: `tools`, `resources`, `templates` and `prompts`, each an array of the recorded entries, sorted by the
//!   bytes of `name`: objects with `name`, `component` and `tags`, with `own` if the entry has a condition of its
//!   own, and with `variables`, the names of a template's variables.
//! * `more`: the prompts and templates with completions, the resources of skills, and the tools that run as tasks,
//!   objects with `kind` and `name`.
//! * `dynamic`: the capabilities with entries that are not recorded.
//! * `policy`: the requests that a principal may send; `policy.zig` describes it. Without it every request is allowed.
//!
//! A selector is an object with some of `tools`, `resources`, `prompts` (arrays of patterns), `tags` and `components`.
//! It selects the entries that have all of these: a name that matches a pattern of their kind, one of the tags, one of
//! the components. Without patterns it selects all kinds. In a pattern `*` matches any text.
//!
//! A URI is compared in its normal form, and decoded as well: `deny` counts if either form matches, `allow` only if
//! both do. A resource has the tags and components of each template that it matches.

const std = @import("std");
const List = @import("list.zig").List;
const bytes = @import("bytes.zig");
const json = @import("json.zig");
const percent = @import("percent.zig");
const policies = @import("policy.zig");
const selection = @import("selection.zig");
const uris = @import("uris");
const Writer = @import("Writer.zig");

const Allocator = std.mem.Allocator;
const Error = Allocator.Error;

pub const Each = selection.Each;
pub const Entry = selection.Entry;
pub const Kind = selection.Kind;
pub const Selector = selection.Selector;
pub const Target = selection.Target;
pub const Policy = policies.Policy;
pub const Principal = policies.Principal;
pub const strings = selection.strings;
pub const string = selection.string;

pub const Filter = struct {
    path: []const u8,
    allow: ?[]const Selector,
    deny: []const Selector,

    /// Return whether a target exists.
    pub noinline fn has(filter: *const Filter, target: *const Target) bool {
        if (target.dots) return false;
        for (target.entries) |entry| {
            for (filter.deny) |*selector| if (selector.selects(target, entry, false)) return false;
            const allowed = filter.allow orelse continue;
            if (!for (allowed) |*selector| {
                if (selector.selects(target, entry, true)) break true;
            } else false) return false;
        }
        return true;
    }

    /// Return whether an entry of a kind that is not recorded can exist: it has no tags, and its name is not known.
    fn hasUnrecorded(filter: *const Filter, kind: Kind) bool {
        for (filter.deny) |*selector| if (selector.reach(kind) == .all) return false;
        const allowed = filter.allow orelse return true;
        for (allowed) |*selector| if (selector.reach(kind) != .none) return true;
        return false;
    }
};

/// Capabilities of which entries are hidden. Specification: schema `ServerCapabilities`.
/// Those from `completions` on need entries of `more`.
const Capability = enum { tools, resources, prompts, completions, tasks };

/// Members of `ServerCapabilities` and its `extensions` by the capability whose entries they need.
const needing = [_]struct { []const u8, Capability }{
    .{ "tools", .tools },
    .{ "resources", .resources },
    .{ "prompts", .prompts },
    .{ "completions", .completions },
    .{ "io.modelcontextprotocol/skills", .resources },
    .{ "io.modelcontextprotocol/tasks", .tasks },
};

const kind_names = @typeInfo(Kind).@"enum".field_names;

/// Path of the endpoint without a filter of its own.
pub const root = "/mcp";

pub const Place = union(enum) { whole, filter: *const Filter, missing };

pub const Rules = struct {
    filters: ?[]const Filter,
    entries: std.EnumArray(Kind, []Entry),
    policy: ?Policy = null,
    /// JSON arrays that only `announced` reads.
    more: []const u8 = "[]",
    dynamic: []const u8 = "[]",

    /// Read rules. `allocator` keeps them; the text has to stay as well. Traps if the text is not one that the composer
    /// writes: without all of the rules, entries that they hide would exist.
    pub fn read(allocator: Allocator, text: []const u8) Error!Rules {
        var rules: Rules = .{ .filters = null, .entries = .initFill(&.{}) };
        var whole: json.Scanner = .init(text);
        whole.surrogates = .any;
        if ((whole.peek() catch @trap()) != .object) @trap();
        _ = whole.value() catch @trap();
        whole.end() catch @trap();
        var reader: policies.Reader = .{ .allocator = allocator };
        var parts: [5]?[]const u8 = undefined;
        json.pick(text, &.{ "entries", "more", "dynamic", "policy", "paths" }, &parts);
        var lists: [kind_names.len]?[]const u8 = undefined;
        json.pick(parts[0] orelse "{}", kind_names, &lists);
        for (std.enums.values(Kind), lists) |kind, given| {
            const list = given orelse "[]";
            const found = try selection.room(Entry, allocator, list);
            var each: Each = .init(list);
            var members: [5]?[]const u8 = undefined;
            for (found) |*one| {
                json.pick(each.next() orelse @trap(), &.{ "name", "component", "tags", "variables", "own" }, &members);
                const name = try string(allocator, members[0]);
                one.* = .{
                    .name = name,
                    .key = if (kind == .resources) try keyOf(allocator, name) else name,
                    .component = try string(allocator, members[1]),
                    .tags = try strings(allocator, members[2] orelse "[]"),
                    .variables = if (kind == .templates) try strings(allocator, members[3] orelse "[]") else &.{},
                    .own = if (members[4]) |own| try reader.condition(own) else null,
                };
            }
            rules.entries.set(kind, found);
        }
        if (parts[1]) |list| rules.more = list;
        if (parts[2]) |list| rules.dynamic = list;
        if (parts[3]) |policy| rules.policy = try reader.policy(policy);
        const paths = parts[4] orelse return rules;
        var filters: List(Filter) = .empty;
        var scanner: json.Scanner = .init(paths);
        scanner.surrogates = .any;
        var each = scanner.members() catch @trap();
        while (each.next() catch @trap()) |path| {
            const filter = scanner.value() catch @trap();
            try filters.append(allocator, .{
                .path = try string(allocator, path),
                .allow = if (json.member(filter, "allow")) |list| try selectors(allocator, list) else null,
                .deny = try selectors(allocator, json.member(filter, "deny") orelse "[]"),
            });
        }
        rules.filters = filters.items;
        return rules;
    }

    /// Return the filter of a request's path with its query; of `root` for a request without a path. A path must be
    /// written as in the rules, with or without a slash at its end: proxies in front of the server decide by the path
    /// too, and other spellings could mean another path to them.
    pub fn at(rules: Rules, given: ?[]const u8) Place {
        const filters = rules.filters orelse return .whole;
        const path = pathOf(given orelse root);
        for (filters) |*filter| if (bytes.equal(filter.path, path)) return .{ .filter = filter };
        return if (bytes.equal(path, root)) .whole else .missing;
    }

    /// Return the path of a request as rules name it: without its query and a slash at its end.
    pub fn pathOf(whole: []const u8) []const u8 {
        const path = whole[0 .. bytes.position(whole, '?') orelse whole.len];
        return if (path.len > root.len and path[path.len - 1] == '/') path[0 .. path.len - 1] else path;
    }

    /// Return the server's capabilities without those of which no entry exists under the path of a filter.
    /// `capabilities`: a `ServerCapabilities` object. `matcher`: see `target`.
    pub fn announced(
        rules: *const Rules,
        allocator: Allocator,
        filter: *const Filter,
        capabilities: []const u8,
        matcher: anytype,
    ) Error![]const u8 {
        var w: Writer = .init(allocator);
        try rules.announce(&w, filter, capabilities, matcher);
        return w.text();
    }

    fn announce(
        rules: *const Rules,
        w: *Writer,
        filter: *const Filter,
        object: []const u8,
        matcher: anytype,
    ) Error!void {
        var scanner: json.Scanner = .init(object);
        scanner.surrogates = .any;
        try w.open('{');
        var members = scanner.members() catch @trap();
        while (members.next() catch @trap()) |name| {
            const value = scanner.value() catch @trap();
            const capability = for (needing) |one| {
                if (json.equals(name, one[0])) break one[1];
            } else null;
            if (capability) |known| if (!try rules.shows(w.gpa, filter, known, matcher)) continue;
            try w.value(name);
            try w.raw(":");
            if (json.equals(name, "extensions")) try rules.announce(w, filter, value, matcher) else try w.raw(value);
        }
        try w.close('}');
    }

    noinline fn shown(
        rules: *const Rules,
        allocator: Allocator,
        filter: *const Filter,
        kind: Kind,
        name: []const u8,
        matcher: anytype,
    ) Error!bool {
        return filter.has(&try rules.target(allocator, kind, name, matcher));
    }

    fn shows(
        rules: *const Rules,
        allocator: Allocator,
        filter: *const Filter,
        capability: Capability,
        matcher: anytype,
    ) Error!bool {
        const kinds: []const Kind = switch (capability) {
            .tools, .tasks => &.{.tools},
            .resources => &.{ .resources, .templates },
            .prompts => &.{.prompts},
            .completions => &.{ .prompts, .templates },
        };
        if (selection.among(try strings(allocator, rules.dynamic), @tagName(capability))) {
            for (kinds) |kind| if (filter.hasUnrecorded(kind)) return true;
        }
        const recorded = @intFromEnum(capability) < @intFromEnum(Capability.completions);
        if (recorded) for (kinds) |kind| for (rules.entries.getPtrConst(kind).*) |*known| {
            if (try rules.shown(allocator, filter, kind, known.name, matcher)) return true;
        };
        var each: Each = .init(rules.more);
        while (each.next()) |one| {
            const name = try string(allocator, json.member(one, "name"));
            for (kinds) |kind| {
                if (!json.equals(json.member(one, "kind").?, @tagName(kind))) continue;
                if (try rules.shown(allocator, filter, kind, name, matcher)) return true;
            }
        }
        return false;
    }

    /// Return the target with this name. `matcher` matches URIs against templates: see `uri_matching.Templates`.
    pub fn target(
        rules: *const Rules,
        allocator: Allocator,
        kind: Kind,
        name: []const u8,
        matcher: anytype,
    ) Error!Target {
        var entries: List(?*Entry) = .empty;
        if (kind != .resources) {
            try entries.append(allocator, rules.entry(kind, name));
            return .{ .kind = kind, .forms = try allocator.dupe([]const u8, &.{name}), .entries = entries.items };
        }
        const key = try keyOf(allocator, name);
        for (rules.entries.getPtrConst(.resources).*) |*known| {
            if (bytes.equal(known.key, key)) try entries.append(allocator, known);
        }
        try matcher.append(allocator, &entries, name, rules.entries.getPtrConst(.templates).*);
        if (entries.items.len == 0) try entries.append(allocator, null);
        const plain = try percent.decoded(allocator, key);
        const same = bytes.equal(plain, key);
        return .{
            .kind = kind,
            .forms = try allocator.dupe([]const u8, if (same) &.{key} else &.{ key, plain }),
            .entries = entries.items,
            .dots = hasDots(name) or hasDots(try percent.decoded(allocator, name)),
        };
    }

    /// Return the recorded entry with this name.
    pub fn entry(rules: *const Rules, kind: Kind, name: []const u8) ?*Entry {
        const all = rules.entries.getPtrConst(kind).*;
        var low: usize = 0;
        var high = all.len;
        while (low < high) {
            const middle = low + (high - low) / 2;
            switch (std.mem.order(u8, all[middle].name, name)) {
                .eq => return &all[middle],
                .lt => low = middle + 1,
                .gt => high = middle,
            }
        }
        return null;
    }
};

fn selectors(allocator: Allocator, text: []const u8) Error![]const Selector {
    const found = try selection.room(Selector, allocator, text);
    var each: Each = .init(text);
    var lists: [Selector.names.len]?[]const u8 = undefined;
    for (found) |*one| {
        json.pick(each.next() orelse @trap(), Selector.names, &lists);
        one.* = try .of(allocator, &lists);
    }
    return found;
}

fn keyOf(allocator: Allocator, uri: []const u8) Error![]const u8 {
    return uris.key(uri, try allocator.alloc(u8, uris.room(uri.len)));
}

/// Return whether a URI has a `.` or `..` segment. Some readers take a backslash for a slash.
fn hasDots(uri: []const u8) bool {
    var start: usize = 0;
    for (0..uri.len + 1) |i| {
        if (i < uri.len) switch (uri[i]) {
            '/', '\\', '?', '#', ':' => {},
            else => continue,
        };
        const segment = uri[start..i];
        if (bytes.equal(segment, ".") or bytes.equal(segment, "..")) return true;
        start = i + 1;
    }
    return false;
}

const testing = std.testing;

test "segments that readers could remove" {
    for ([_][]const u8{ "a:b/../c", "a:..", "a://h/.", "a:x\\..\\y", "a:../x?y" }) |uri|
        try testing.expect(hasDots(uri));
    for ([_][]const u8{ "a:b", "a:b..c", "a:...", "a://h/.x", "", "a" }) |uri|
        try testing.expect(!hasDots(uri));
}

const Literal = struct {
    pub fn append(
        _: Literal,
        allocator: Allocator,
        list: *List(?*Entry),
        uri: []const u8,
        templates: []Entry,
    ) Error!void {
        for (templates) |*known| {
            const end = bytes.position(known.name, '{') orelse known.name.len;
            if (bytes.startsWith(uri, known.name[0..end])) try list.append(allocator, known);
        }
    }
};

fn expectHas(rules: *const Rules, arena: Allocator, path: []const u8, kind: Kind, name: []const u8, has: bool) !void {
    const filter = rules.at(path).filter;
    errdefer std.debug.print("{s} {s}\n", .{ path, name });
    try testing.expectEqual(has, filter.has(&try rules.target(arena, kind, name, Literal{})));
}

test "filters" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    const rules = try Rules.read(arena,
        \\{"paths":{
        \\  "/mcp/math":{"allow":[{"tools":["add","mul*"]},{"tags":["math"]}],"deny":[{"tags":["slow"]}]},
        \\  "/mcp/notes":{"deny":[{"resources":["notes://private/*"]},{"components":["calc"]}]},
        \\  "/mcp/none":{"allow":[]},
        \\  "/mcp/both":{"allow":[{"tools":["*"],"tags":["math"]}]}},
        \\ "entries":{"tools":[{"name":"add","component":"calc","tags":[]},{"name":"power","component":"calc",
        \\   "tags":["math","slow"]},{"name":"sum","component":"calc","tags":["math"]}],
        \\  "templates":[{"name":"notes://{area}/{id}","component":"notes","tags":["math"]}]}}
    );
    for ([_]struct { []const u8, Kind, []const u8, bool }{
        .{ "/mcp/math", .tools, "add", true },
        .{ "/mcp/math/?a=b", .tools, "multiply", true },
        .{ "/mcp/math", .tools, "sum", true },
        .{ "/mcp/math", .tools, "power", false },
        .{ "/mcp/math", .tools, "Add", false },
        .{ "/mcp/math", .tools, "unknown", false },
        .{ "/mcp/math", .prompts, "add", false },
        .{ "/mcp/math", .resources, "notes://a/1", true },
        .{ "/mcp/math", .resources, "other://a/1", false },
        .{ "/mcp/notes", .tools, "add", false },
        .{ "/mcp/notes", .tools, "unknown", true },
        .{ "/mcp/notes", .resources, "notes://a/1", true },
        .{ "/mcp/notes", .resources, "notes://private/1", false },
        .{ "/mcp/notes", .resources, "NOTES://%70rivate/1", false },
        .{ "/mcp/notes", .resources, "notes://private%2F1", false },
        .{ "/mcp/notes", .resources, "notes://a/..%2F..%2Fprivate/1", false },
        .{ "/mcp/notes", .resources, "notes://a/../private/1", false },
        .{ "/mcp/none", .tools, "add", false },
        .{ "/mcp/both", .tools, "sum", true },
        .{ "/mcp/both", .tools, "add", false },
        .{ "/mcp/both", .resources, "notes://a/1", false },
    }) |row| try expectHas(&rules, arena, row[0], row[1], row[2], row[3]);
    try testing.expect(rules.at("/mcp") == .whole and rules.at(null) == .whole and rules.at("/mcp/") == .whole);
    for ([_][]const u8{
        "/mcp/Math",  "/mcp//math", "/mcp/m%61th", "/mcp/x/../math", "/mcp/math/x", "/mcp/math//", "/mcp/math;x",
        "/mcp/mathx", "//mcp/math", "/mcp/./math", "/mcp/math%2f",   "/mcp\\math",  "",            "/mcp/math#",
        "/mcp#/math", "/mcp#",
    }) |path| try testing.expect(rules.at(path) == .missing);
    const none = try Rules.read(arena, "{\"entries\":{}}");
    try testing.expect(none.at("/mcp/anything") == .whole);
}

test "a path announces the capabilities of its entries" {
    var state: std.heap.ArenaAllocator = .init(testing.allocator);
    defer state.deinit();
    const arena = state.allocator();
    const rules = try Rules.read(arena,
        \\{"paths":{
        \\  "/mcp/tools":{"allow":[{"tools":["add"]}]},
        \\  "/mcp/tasks":{"allow":[{"tools":["index"]}]},
        \\  "/mcp/notes":{"deny":[{"tools":["*"]},{"prompts":["later","review"]}]},
        \\  "/mcp/skills":{"allow":[{"resources":["skill://*"]}]},
        \\  "/mcp/none":{"allow":[]},
        \\  "/mcp/all":{}},
        \\ "entries":{"tools":[{"name":"add","component":"calc","tags":[]},
        \\    {"name":"index","component":"calc","tags":[]}],
        \\  "prompts":[{"name":"review","component":"notes","tags":[]}],
        \\  "templates":[{"name":"notes://{id}","component":"notes","tags":[]}]},
        \\ "more":[{"kind":"prompts","name":"review"},{"kind":"resources","name":"skill://index.json"},
        \\   {"kind":"tools","name":"index"}],
        \\ "dynamic":["prompts"]}
    );
    const whole = "{\"logging\":{},\"tools\":{\"listChanged\":true}," ++
        "\"prompts\":{},\"resources\":{},\"completions\":{}," ++
        "\"extensions\":{\"io.modelcontextprotocol/skills\":{\"a\":1},\"x/y\":{}," ++
        "\"io.modelcontextprotocol/tasks\":{}}}";
    for ([_][2][]const u8{
        .{ "/mcp/all", whole },
        .{
            "/mcp/tools",
            "{\"logging\":{},\"tools\":{\"listChanged\":true},\"extensions\":{\"x/y\":{}}}",
        },
        .{
            "/mcp/tasks",
            "{\"logging\":{},\"tools\":{\"listChanged\":true}," ++
                "\"extensions\":{\"x/y\":{},\"io.modelcontextprotocol/tasks\":{}}}",
        },
        .{
            "/mcp/notes",
            "{\"logging\":{},\"prompts\":{},\"resources\":{}," ++
                "\"extensions\":{\"io.modelcontextprotocol/skills\":{\"a\":1},\"x/y\":{}}}",
        },
        .{
            "/mcp/skills",
            "{\"logging\":{},\"resources\":{}," ++
                "\"extensions\":{\"io.modelcontextprotocol/skills\":{\"a\":1},\"x/y\":{}}}",
        },
        .{ "/mcp/none", "{\"logging\":{},\"extensions\":{\"x/y\":{}}}" },
    }) |row| {
        const filter = rules.at(row[0]).filter;
        try testing.expectEqualStrings(row[1], try rules.announced(arena, filter, whole, Literal{}));
    }
    const only = "{\"extensions\":{\"io.modelcontextprotocol/skills\":{}}}";
    const empty = "{\"extensions\":{}}";
    try testing.expectEqualStrings(empty, try rules.announced(arena, rules.at("/mcp/none").filter, only, Literal{}));
}
