//! Access rules outside of a server, by which commands explain the decisions of a server.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

const access = lib.access;
const json = lib.json;
const allocator = bindings.memory.allocator;
const Error = std.mem.Allocator.Error;

pub const exports = struct {
    pub const access_decisions = struct {
        /// A query has `path` and `entries`, an array of objects with `kind` and `name`. The result has `found`
        /// (false: the path is not an endpoint) and `exists`, an array of booleans. With `capabilities`, the
        /// `ServerCapabilities` of the server, it has `capabilities` as well: those of which entries exist there.
        ///
        /// A query with `cases`, an array of requests, is about the policy. A request has `method` (as in rules),
        /// `path`, `scopes`, `claims`, and `kind` and `name` of an entry, unless it is about none. The result has
        /// `verdicts`: for each request null if it is allowed, otherwise the scopes that it needs.
        pub fn decide(rules_text: []const u8, query: []const u8) Error![]const u8 {
            const rules = try access.Rules.read(allocator, rules_text);
            var w: lib.Writer = .init(allocator);
            try w.open('{');
            if (json.member(query, "cases")) |cases| {
                try w.key("verdicts");
                try w.open('[');
                var each: access.Each = .init(cases);
                while (each.next()) |one| try verdict(&w, &rules, one);
                try w.close(']');
                try w.close('}');
                return w.text();
            }
            const given = json.member(query, "path");
            const path: ?[]const u8 = if (given) |text| try access.string(allocator, text) else null;
            const place = rules.at(path);
            try w.key("found");
            try w.raw(if (place == .missing) "false" else "true");
            try w.key("exists");
            try w.open('[');
            var each: access.Each = .init(json.member(query, "entries") orelse "[]");
            while (each.next()) |item| {
                const exists = switch (place) {
                    .whole => true,
                    .missing => false,
                    .filter => |filter| filter.has(&try targetOf(&rules, item, try member(item, "kind"))),
                };
                try w.value(if (exists) "true" else "false");
            }
            try w.close(']');
            if (json.member(query, "capabilities")) |whole| {
                try w.key("capabilities");
                const everything: access.Filter = .{ .path = access.root, .allow = null, .deny = &.{} };
                const filter = switch (place) {
                    .whole => &everything,
                    .missing => null,
                    .filter => |filter| filter,
                };
                try w.raw(if (filter) |known|
                    try rules.announced(allocator, known, whole, lib.uri_matching.Templates{})
                else
                    "{}");
            }
            try w.close('}');
            return w.text();
        }
    };
};

fn member(object: []const u8, name: []const u8) Error![]const u8 {
    return access.string(allocator, json.member(object, name));
}

fn targetOf(rules: *const access.Rules, item: []const u8, kind_text: []const u8) Error!access.Target {
    const kind: access.Kind = for (std.enums.values(access.Kind)) |one| {
        if (lib.bytes.equal(@tagName(one), kind_text)) break one;
    } else .tools;
    return rules.target(allocator, kind, try member(item, "name"), lib.uri_matching.Templates{});
}

fn verdict(w: *lib.Writer, rules: *const access.Rules, case: []const u8) Error!void {
    const policy = if (rules.policy) |*policy| policy else return w.value("null");
    const method = try member(case, "method");
    var principal: access.Principal = .{
        .scopes = try access.strings(allocator, json.member(case, "scopes") orelse "[]"),
        .claims = json.member(case, "claims") orelse "{}",
    };
    const kind = try member(case, "kind");
    const decided = try policy.decide(allocator, &.{
        .action = .of(method),
        .method = method,
        .path = try member(case, "path"),
        .principal = &principal,
    }, if (kind.len == 0) null else &try targetOf(rules, case, kind));
    switch (decided) {
        .allowed => try w.value("null"),
        .denied => |scopes| {
            try w.open('[');
            for (scopes) |scope| try w.string(scope);
            try w.close(']');
        },
    }
}
