//! Selection of tools, resources, resource templates and prompts by the rules of filters and policies.

const std = @import("std");
const bytes = @import("bytes.zig");
const json = @import("json.zig");

const Allocator = std.mem.Allocator;
const Error = Allocator.Error;
pub const Texts = []const []const u8;

/// Kinds of entries. `templates` are selected by the patterns of resources.
pub const Kind = enum { tools, resources, templates, prompts };

/// Claim of a token with the values that meet a condition, one of which it needs to be or to contain.
pub const Claim = struct {
    /// Index of its path in `Policy.claims`.
    index: usize,
    values: []const Scalar,

    pub const Scalar = struct {
        string: bool,
        /// The decoded text of a string, or the JSON text of a boolean or an integer.
        text: []const u8,
    };
};

/// Condition on a principal: all of the scopes, and all of the claims.
pub const Condition = struct {
    scopes: Texts = &.{},
    claims: []const Claim = &.{},
};

/// Recorded entry. `name` is its identity: a name, a URI or a URI template.
pub const Entry = struct {
    name: []const u8,
    /// The normal form of a URI.
    key: []const u8,
    component: []const u8,
    tags: Texts,
    /// Names of the variables of a template.
    variables: Texts = &.{},
    /// Condition of the entry's own, in addition to those of rules.
    own: ?Condition = null,
    /// The rules of the policy that select a tool or a prompt, once a request is about it.
    chosen: ?Chosen = null,
};

/// Indices of the rules of a policy that select an entry.
pub const Chosen = struct {
    allow: []const usize,
    deny: []const usize,
};

pub const Selector = struct {
    tools: ?Texts = null,
    resources: ?Texts = null,
    prompts: ?Texts = null,
    tags: ?Texts = null,
    components: ?Texts = null,

    pub const names = @typeInfo(Selector).@"struct".field_names;

    /// Return the selector with these lists, JSON arrays in the order of `names`.
    pub fn of(allocator: Allocator, lists: *const [names.len]?[]const u8) Error!Selector {
        var selector: Selector = .{};
        inline for (names, lists) |name, list| {
            if (list) |text| @field(selector, name) = try strings(allocator, text);
        }
        return selector;
    }

    fn patterns(selector: *const Selector, kind: Kind) ?Texts {
        return switch (kind) {
            .tools => selector.tools,
            .resources, .templates => selector.resources,
            .prompts => selector.prompts,
        };
    }

    /// Return whether the selector has no conditions: it selects everything.
    pub fn isEmpty(selector: *const Selector) bool {
        inline for (names) |name| {
            if (@field(selector, name) != null) return false;
        }
        return true;
    }

    /// Return the entries of a kind without tags and component that the selector selects: none, all, or those with
    /// some names.
    pub fn reach(selector: *const Selector, kind: Kind) enum { none, some, all } {
        if (selector.tags != null or selector.components != null) return .none;
        const list = selector.patterns(kind) orelse
            return if (selector.isEmpty()) .all else .none;
        for (list) |pattern| if (bytes.equal(pattern, "*")) return .all;
        return if (list.len > 0) .some else .none;
    }

    /// Return whether the selector selects a target as this entry. `all`: if every form of the name has to match.
    pub fn selects(selector: *const Selector, target: *const Target, entry: ?*const Entry, all: bool) bool {
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
    entries: []const ?*Entry,
    /// The URI has a `.` or `..` segment, plain or encoded: readers of it could differ.
    dots: bool = false,
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

/// Allocate an item for each value of a JSON array. A list that grows would add code for each type of its items.
pub fn room(comptime T: type, allocator: Allocator, text: []const u8) Error![]T {
    var count: usize = 0;
    var each: Each = .init(text);
    while (each.next()) |_| count += 1;
    return allocator.alloc(T, count);
}

/// Return a JSON array of strings.
pub fn strings(allocator: Allocator, text: []const u8) Error!Texts {
    const found = try room([]const u8, allocator, text);
    var each: Each = .init(text);
    for (found) |*one| one.* = try string(allocator, each.next());
    return found;
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
    // Most names end differently.
    if (pattern.len > 0 and pattern[pattern.len - 1] != '*') {
        if (text.len == 0 or text[text.len - 1] != pattern[pattern.len - 1]) return false;
    }
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

test "patterns" {
    const testing = std.testing;
    for ([_][2][]const u8{
        .{ "add", "add" }, .{ "*", "" },      .{ "*", "x" },       .{ "a*", "a" }, .{ "a*c*e", "abcde" },
        .{ "*b", "aab" },  .{ "a**b", "ab" }, .{ "a*ab", "aaab" },
    }) |pair| try testing.expect(matches(pair[0], pair[1]));
    for ([_][2][]const u8{
        .{ "add", "Add" },     .{ "add", "addx" }, .{ "add", "" }, .{ "", "a" }, .{ "a*b", "abc" }, .{ "a?c", "abc" },
        .{ "*a*b*c", "abab" },
    }) |pair| try testing.expect(!matches(pair[0], pair[1]));
}
