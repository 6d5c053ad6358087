//! Access rules: which entries exist under which path of the endpoint.
//!
//! The composer writes the rules as a JSON object:
//!
//! * `paths`: path -> object with `allow` and `deny`, arrays of selectors. Without `allow` every entry exists that
//!   `deny` does not select. Without `paths` every path has every entry.
//! * `entries`: `tools`, `resources`, `templates` and `prompts`, each an array of the recorded entries, sorted by the
//!   bytes of `name`: objects with `name`, `component` and `tags`.
//!
//! A selector is an object with some of `tools`, `resources`, `prompts` (arrays of patterns), `tags` and `components`.
//! It selects the entries that have all of these: a name that matches a pattern of their kind, one of the tags, one of
//! the components. Without patterns it selects all kinds. In a pattern `*` matches any text.
//!
//! A URI is compared in its normal form, and decoded as well: `deny` counts if either form matches, `allow` only if
//! both do. A resource has the tags and components of each template that it matches.

const std = @import("std");
const bytes = @import("bytes.zig");
const json = @import("json.zig");
const percent = @import("percent.zig");
const uris = @import("uris");

const Allocator = std.mem.Allocator;
const Error = Allocator.Error;
const Texts = []const []const u8;

/// Kinds of entries. `templates` are selected by the patterns of resources.
pub const Kind = enum { tools, resources, templates, prompts };

/// Recorded entry. `name` is its identity: a name, a URI or a URI template.
pub const Entry = struct {
    name: []const u8,
    /// The normal form of a URI.
    key: []const u8,
    component: []const u8,
    tags: Texts,
};

pub const Selector = struct {
    tools: ?Texts = null,
    resources: ?Texts = null,
    prompts: ?Texts = null,
    tags: ?Texts = null,
    components: ?Texts = null,

    pub fn read(allocator: Allocator, text: []const u8) Error!Selector {
        var selector: Selector = .{};
        inline for (@typeInfo(Selector).@"struct".field_names) |name| {
            if (json.member(text, name)) |list| @field(selector, name) = try strings(allocator, list);
        }
        return selector;
    }

    fn patterns(selector: Selector, kind: Kind) ?Texts {
        return switch (kind) {
            .tools => selector.tools,
            .resources, .templates => selector.resources,
            .prompts => selector.prompts,
        };
    }

    /// Return whether the selector selects a target as this entry. `all`: if every form of the name has to match.
    pub fn selects(selector: Selector, target: Target, entry: ?*const Entry, all: bool) bool {
        if (selector.patterns(target.kind)) |list| {
            var count: usize = 0;
            for (target.forms) |form| count += @intFromBool(matchesAny(list, form));
            const named = if (all) count == target.forms.len else count > 0;
            const templated = if (entry) |known| target.kind == .resources and matchesAny(list, known.name) else false;
            if (!named and !templated) return false;
        } else if (selector.tools != null or selector.resources != null or selector.prompts != null) return false;
        if (selector.tags) |wanted| {
            const known = entry orelse return false;
            if (!for (known.tags) |tag| {
                if (among(wanted, tag)) break true;
            } else false) return false;
        }
        if (selector.components) |wanted| {
            const known = entry orelse return false;
            if (!among(wanted, known.component)) return false;
        }
        return true;
    }
};

/// Target of a request: an entry, known or not, by the forms of its name and the recorded entries that it can be.
pub const Target = struct {
    kind: Kind,
    forms: Texts,
    entries: []const ?*const Entry,
    /// The URI has a `.` or `..` segment, plain or encoded: readers of it could differ.
    dots: bool = false,
};

pub const Filter = struct {
    path: []const u8,
    allow: ?[]const Selector,
    deny: []const Selector,

    /// Return whether a target exists.
    pub fn has(filter: Filter, target: Target) bool {
        if (target.dots) return false;
        for (target.entries) |entry| {
            for (filter.deny) |selector| if (selector.selects(target, entry, false)) return false;
            const allowed = filter.allow orelse continue;
            if (!for (allowed) |selector| {
                if (selector.selects(target, entry, true)) break true;
            } else false) return false;
        }
        return true;
    }
};

/// Path of the endpoint without a filter of its own.
pub const root = "/mcp";

pub const Place = union(enum) { whole, filter: *const Filter, missing };

pub const Rules = struct {
    filters: ?[]const Filter,
    entries: std.EnumArray(Kind, []const Entry),

    /// Read rules. `allocator` keeps them; the text has to stay as well. Traps if the text is not one that the composer
    /// writes: without all of the rules, entries that they hide would exist.
    pub fn read(allocator: Allocator, text: []const u8) Error!Rules {
        var rules: Rules = .{ .filters = null, .entries = .initFill(&.{}) };
        var whole: json.Scanner = .init(text);
        whole.surrogates = .any;
        if ((whole.peek() catch @trap()) != .object) @trap();
        _ = whole.value() catch @trap();
        whole.end() catch @trap();
        const recorded = json.member(text, "entries") orelse "{}";
        for (std.enums.values(Kind)) |kind| {
            var found: std.ArrayList(Entry) = .empty;
            var each: Each = .init(json.member(recorded, @tagName(kind)) orelse "[]");
            while (each.next()) |item| {
                const name = try string(allocator, json.member(item, "name"));
                try found.append(allocator, .{
                    .name = name,
                    .key = if (kind == .resources) try keyOf(allocator, name) else name,
                    .component = try string(allocator, json.member(item, "component")),
                    .tags = try strings(allocator, json.member(item, "tags") orelse "[]"),
                });
            }
            rules.entries.set(kind, found.items);
        }
        const paths = json.member(text, "paths") orelse return rules;
        var filters: std.ArrayList(Filter) = .empty;
        var scanner: json.Scanner = .init(paths);
        scanner.surrogates = .any;
        var members = scanner.members() catch @trap();
        while (members.next() catch @trap()) |path| {
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
        const whole = given orelse root;
        var path = whole[0 .. std.mem.indexOfAny(u8, whole, "?#") orelse whole.len];
        if (path.len > root.len and path[path.len - 1] == '/') path = path[0 .. path.len - 1];
        for (filters) |*filter| if (bytes.equal(filter.path, path)) return .{ .filter = filter };
        return if (bytes.equal(path, root)) .whole else .missing;
    }

    /// Return the target with this name. `Uri` matches URIs against templates: `uri_matching.Uri`.
    pub fn target(
        rules: *const Rules,
        allocator: Allocator,
        kind: Kind,
        name: []const u8,
        comptime Uri: type,
    ) Error!Target {
        var entries: std.ArrayList(?*const Entry) = .empty;
        if (kind != .resources) {
            try entries.append(allocator, rules.entry(kind, name));
            return .{ .kind = kind, .forms = try allocator.dupe([]const u8, &.{name}), .entries = entries.items };
        }
        const key = try keyOf(allocator, name);
        for (rules.entries.getPtrConst(.resources).*) |*known| {
            if (bytes.equal(known.key, key)) try entries.append(allocator, known);
        }
        const uri: Uri = try .init(allocator, name);
        for (rules.entries.getPtrConst(.templates).*) |*known| {
            if (try uri.matches(known.name)) try entries.append(allocator, known);
        }
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
    pub fn entry(rules: *const Rules, kind: Kind, name: []const u8) ?*const Entry {
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

/// Iterator over the values of a JSON array.
pub const Each = struct {
    scanner: json.Scanner,
    started: bool = false,
    first: bool = true,

    pub fn init(text: []const u8) Each {
        var scanner: json.Scanner = .init(text);
        scanner.surrogates = .any;
        return .{ .scanner = scanner };
    }

    pub fn next(each: *Each) ?[]const u8 {
        if (!each.started) _ = each.scanner.items() catch return null;
        each.started = true;
        var items: json.Items = .{ .scanner = &each.scanner, .first = each.first };
        each.first = false;
        if (!(items.next() catch return null)) return null;
        return each.scanner.value() catch null;
    }
};

fn selectors(allocator: Allocator, text: []const u8) Error![]const Selector {
    var found: std.ArrayList(Selector) = .empty;
    var each: Each = .init(text);
    while (each.next()) |item| try found.append(allocator, try .read(allocator, item));
    return found.items;
}

/// Return a JSON array of strings.
pub fn strings(allocator: Allocator, text: []const u8) Error!Texts {
    var found: std.ArrayList([]const u8) = .empty;
    var each: Each = .init(text);
    while (each.next()) |item| try found.append(allocator, try string(allocator, item));
    return found.items;
}

/// Return a JSON string; the empty string for other values.
pub fn string(allocator: Allocator, text: ?[]const u8) Error![]const u8 {
    const raw = text orelse return "";
    return if (raw[0] == '"') json.decodeString(allocator, raw) else "";
}

pub fn among(list: Texts, text: []const u8) bool {
    for (list) |one| if (bytes.equal(one, text)) return true;
    return false;
}

fn matchesAny(list: Texts, text: []const u8) bool {
    for (list) |pattern| if (matches(pattern, text)) return true;
    return false;
}

/// Return whether a text matches a pattern, in which `*` matches any text. Everything else matches itself only.
pub fn matches(pattern: []const u8, text: []const u8) bool {
    var p: usize = 0;
    var t: usize = 0;
    var star: ?usize = null;
    var resume_at: usize = 0;
    while (t < text.len) {
        if (p < pattern.len and pattern[p] == '*') {
            star = p;
            resume_at = t;
            p += 1;
        } else if (p < pattern.len and pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if (star) |at| {
            p = at + 1;
            resume_at += 1;
            t = resume_at;
        } else return false;
    }
    while (p < pattern.len and pattern[p] == '*') p += 1;
    return p == pattern.len;
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

test "patterns" {
    for ([_][2][]const u8{
        .{ "add", "add" }, .{ "*", "" },      .{ "*", "x" },       .{ "a*", "a" }, .{ "a*c*e", "abcde" },
        .{ "*b", "aab" },  .{ "a**b", "ab" }, .{ "a*ab", "aaab" },
    }) |pair| try testing.expect(matches(pair[0], pair[1]));
    for ([_][2][]const u8{
        .{ "add", "Add" },     .{ "add", "addx" }, .{ "add", "" }, .{ "", "a" }, .{ "a*b", "abc" }, .{ "a?c", "abc" },
        .{ "*a*b*c", "abab" },
    }) |pair| try testing.expect(!matches(pair[0], pair[1]));
}

test "segments that readers could remove" {
    for ([_][]const u8{ "a:b/../c", "a:..", "a://h/.", "a:x\\..\\y", "a:../x?y" }) |uri|
        try testing.expect(hasDots(uri));
    for ([_][]const u8{ "a:b", "a:b..c", "a:...", "a://h/.x", "", "a" }) |uri|
        try testing.expect(!hasDots(uri));
}

const Literal = struct {
    uri: []const u8,

    pub fn init(_: Allocator, uri: []const u8) Error!Literal {
        return .{ .uri = uri };
    }

    pub fn matches(literal: Literal, template: []const u8) Error!bool {
        const end = std.mem.indexOfScalar(u8, template, '{') orelse template.len;
        return bytes.startsWith(literal.uri, template[0..end]);
    }
};

fn expectHas(rules: *const Rules, arena: Allocator, path: []const u8, kind: Kind, name: []const u8, has: bool) !void {
    const filter = rules.at(path).filter;
    errdefer std.debug.print("{s} {s}\n", .{ path, name });
    try testing.expectEqual(has, filter.has(try rules.target(arena, kind, name, Literal)));
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
        "/mcp/mathx", "//mcp/math", "/mcp/./math", "/mcp/math%2f",   "/mcp\\math",  "",
    }) |path| try testing.expect(rules.at(path) == .missing);
    const none = try Rules.read(arena, "{\"entries\":{}}");
    try testing.expect(none.at("/mcp/anything") == .whole);
}
