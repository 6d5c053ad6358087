//! Access rules outside of a server: commands explain with it what a server decides.

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
        /// (false: the path is not an endpoint) and `exists`, an array of booleans.
        pub fn decide(rules_text: []const u8, query: []const u8) Error![]const u8 {
            const rules = try access.Rules.read(allocator, rules_text);
            const given = json.member(query, "path");
            const path: ?[]const u8 = if (given) |text| try access.string(allocator, text) else null;
            const place = rules.at(path);
            var w: lib.Writer = .init(allocator);
            try w.open('{');
            try w.key("found");
            try w.raw(if (place == .missing) "false" else "true");
            try w.key("exists");
            try w.open('[');
            var each: access.Each = .init(json.member(query, "entries") orelse "[]");
            while (each.next()) |item| {
                const kind_text = try access.string(allocator, json.member(item, "kind"));
                const kind: access.Kind = for (std.enums.values(access.Kind)) |one| {
                    if (lib.bytes.equal(@tagName(one), kind_text)) break one;
                } else .tools;
                const name = try access.string(allocator, json.member(item, "name"));
                const exists = switch (place) {
                    .whole => true,
                    .missing => false,
                    .filter => |filter| filter.has(try rules.target(allocator, kind, name, lib.uri_matching.Uri)),
                };
                try w.value(if (exists) "true" else "false");
            }
            try w.close(']');
            try w.close('}');
            return w.text();
        }
    };
};
