//! Policy: the requests that a principal may send. Rules of `deny` override those of `allow`; with rules, a request
//! that none of `allow` permits is denied.
//!
//! The composer writes it as the JSON object `policy`, with the arrays `allow` and `deny` of rules. A rule has members
//! of a selector (see `selection.Selector`), `methods`, `paths`, `scopes` and `claims`, each optional; it matches the
//! requests that meet all of them. `claims` is an array of objects with `path` (names of nested members) and `values`.
//!
//! An entry can have a condition of its own: a principal has to meet it as well, and with it the entry needs no rule of
//! `allow`.
//!
//! A claim that cannot be read in one way only (a doubled member, a number with a fraction or an exponent) counts for
//! rules of `deny` and never for others.

const std = @import("std");
const List = @import("list.zig").List;
const bytes = @import("bytes.zig");
const json = @import("json.zig");
const selection = @import("selection.zig");

const Allocator = std.mem.Allocator;
const Error = Allocator.Error;
const Chosen = selection.Chosen;
const Claim = selection.Claim;
const Condition = selection.Condition;
const Entry = selection.Entry;
const Selector = selection.Selector;
const Target = selection.Target;
const Texts = selection.Texts;

/// Actions on entries. `other`: a request that is not about an entry, of a method that the protocol does not have.
pub const Action = enum {
    call,
    get,
    read,
    subscribe,
    complete,
    other,

    /// Return the action of a method in rules.
    pub fn of(name: []const u8) Action {
        for (std.enums.values(Action)) |one| if (one != .other and bytes.equal(one.method(), name)) return one;
        return .other;
    }

    /// Return the name of the method that rules have for an action.
    fn method(action: Action) []const u8 {
        return switch (action) {
            .call => "tools/call",
            .get => "prompts/get",
            .read => "resources/read",
            .subscribe => "resources/subscribe",
            .complete => "completion/complete",
            .other => "",
        };
    }
};

/// Authenticated principal, or an anonymous one.
pub const Principal = struct {
    scopes: Texts = &.{},
    /// All claims, as a JSON object.
    claims: []const u8 = "{}",
    /// Values of the claims that a policy reads, by index, as far as they were read.
    values: []?Value = &.{},
};

/// Value of a claim. `unclear`: the object has a member on the way to it twice, or is not JSON.
const Value = union(enum) { missing, unclear, text: []const u8 };

const Match = enum {
    no,
    unclear,
    yes,

    fn of(equal: bool) Match {
        return if (equal) .yes else .no;
    }
};

/// Request to decide on.
pub const Request = struct {
    action: Action,
    /// The method, for `other`.
    method: []const u8 = "",
    /// The path of the endpoint.
    path: []const u8,
    principal: *Principal,
};

/// Decision. `denied`: the scopes that the principal needs; empty if no scope would help.
pub const Verdict = union(enum) { allowed, denied: Texts };

const hopeless: Verdict = .{ .denied = &.{} };

/// Part of a rule's effect: `deny` counts if it could match, `allow` only if it does for certain.
const Effect = enum { allow, deny };

const Rule = struct {
    selector: Selector,
    everything: bool,
    methods: ?Texts,
    paths: ?Texts,
    condition: Condition,

    /// Return whether a rule that selects the target holds for the method and the path.
    fn concerns(rule: *const Rule, request: *const Request) bool {
        if (rule.methods) |methods| {
            const method = if (request.action == .other) request.method else request.action.method();
            if (!selection.among(methods, method)) return false;
        }
        return if (rule.paths) |paths| selection.among(paths, request.path) else true;
    }
};

/// Return the indices of the rules that select a target as this entry; without a target, of those that select all.
fn choose(
    allocator: Allocator,
    rules: []const Rule,
    target: ?*const Target,
    entry: ?*Entry,
    all: bool,
) Error![]const usize {
    const found = try allocator.alloc(usize, rules.len);
    var count: usize = 0;
    for (rules, 0..) |*rule, index| {
        if (!rule.everything and !(if (target) |given| rule.selector.selects(given, entry, all) else false)) continue;
        found[count] = index;
        count += 1;
    }
    return found[0..count];
}

pub const Policy = struct {
    /// Allocator of what is kept with the policy.
    gpa: Allocator,
    allow: []const Rule,
    deny: []const Rule,
    /// Paths of the claims that conditions read.
    claims: []const Texts,

    /// Return whether the principal may send a request. `target`: the entry that it is about; null: it is about none.
    pub fn decide(
        policy: *const Policy,
        allocator: Allocator,
        request: *const Request,
        target: ?*const Target,
    ) Error!Verdict {
        if (request.principal.values.len != policy.claims.len) {
            request.principal.values = try allocator.alloc(?Value, policy.claims.len);
            @memset(request.principal.values, null);
        }
        const given = target orelse return policy.judge(allocator, request, null, null);
        if (given.dots) return hopeless;
        var needed: List([]const u8) = .empty;
        for (given.entries) |entry| switch (try policy.judge(allocator, request, given, entry)) {
            .allowed => {},
            .denied => |scopes| {
                if (scopes.len == 0) return hopeless;
                try join(allocator, &needed, scopes);
            },
        };
        return if (needed.items.len == 0) .allowed else .{ .denied = needed.items };
    }

    /// Return the rules that select a target as this entry. Those of a tool or a prompt are kept: its name is the only
    /// one that selects it, while the rules of a template depend on the URI.
    fn chosen(policy: *const Policy, allocator: Allocator, target: ?*const Target, entry: ?*Entry) Error!Chosen {
        const kept = if (target) |given| if (given.kind != .resources) entry else null else null;
        if (kept) |known| if (known.chosen) |rules| return rules;
        const gpa = if (kept == null) allocator else policy.gpa;
        const rules: Chosen = .{
            .allow = try choose(gpa, policy.allow, target, entry, true),
            .deny = try choose(gpa, policy.deny, target, entry, false),
        };
        if (kept) |known| known.chosen = rules;
        return rules;
    }

    fn judge(
        policy: *const Policy,
        allocator: Allocator,
        request: *const Request,
        target: ?*const Target,
        entry: ?*Entry,
    ) Error!Verdict {
        const rules = try policy.chosen(allocator, target, entry);
        if (policy.denies(request, rules.deny, &.{}, &.{})) return hopeless;
        const own: ?Condition = if (entry) |known| known.own else null;
        const required: Condition = own orelse .{};
        if (!policy.hasClaims(request.principal, required.claims, .allow)) return hopeless;
        var fewest: usize = std.math.maxInt(usize);
        var best: ?Texts = null;
        const free = [_]Texts{&.{}};
        if (own != null or policy.allow.len + policy.deny.len == 0) {
            const count = missing(request.principal, required.scopes, &.{});
            if (count == 0) return .allowed;
            if (!policy.denies(request, rules.deny, required.scopes, &.{})) best = free[0];
        } else for (rules.allow) |index| {
            const rule = &policy.allow[index];
            if (!rule.concerns(request)) continue;
            if (!policy.hasClaims(request.principal, rule.condition.claims, .allow)) continue;
            const count = missing(request.principal, required.scopes, rule.condition.scopes);
            if (count == 0) return .allowed;
            if (count >= fewest or policy.denies(request, rules.deny, required.scopes, rule.condition.scopes))
                continue;
            fewest = count;
            best = rule.condition.scopes;
        }
        var needed: List([]const u8) = .empty;
        const further = best orelse return hopeless;
        try join(allocator, &needed, required.scopes);
        try join(allocator, &needed, further);
        return .{ .denied = needed.items };
    }

    /// Return whether one of these rules denies a request of a principal that has these scopes in addition.
    fn denies(
        policy: *const Policy,
        request: *const Request,
        rules: []const usize,
        more: Texts,
        further: Texts,
    ) bool {
        for (rules) |index| {
            const rule = &policy.deny[index];
            if (!rule.concerns(request)) continue;
            if (!for (rule.condition.scopes) |scope| {
                if (!selection.among(request.principal.scopes, scope) and !selection.among(more, scope) and
                    !selection.among(further, scope)) break false;
            } else true) continue;
            if (policy.hasClaims(request.principal, rule.condition.claims, .deny)) return true;
        }
        return false;
    }

    fn hasClaims(policy: *const Policy, principal: *Principal, claims: []const Claim, effect: Effect) bool {
        for (claims) |claim| {
            const value = principal.values[claim.index] orelse value: {
                const found = read(principal.claims, policy.claims[claim.index]);
                principal.values[claim.index] = found;
                break :value found;
            };
            switch (hasOne(value, claim.values)) {
                .yes => {},
                .unclear => if (effect == .allow) return false,
                .no => return false,
            }
        }
        return true;
    }
};

/// Count the scopes that a principal does not have.
fn missing(principal: *const Principal, scopes: Texts, further: Texts) usize {
    var count: usize = 0;
    for (scopes) |scope| count += @intFromBool(!selection.among(principal.scopes, scope));
    for (further) |scope|
        count += @intFromBool(!selection.among(principal.scopes, scope) and !selection.among(scopes, scope));
    return count;
}

/// Append the scopes that a list does not have.
pub fn join(allocator: Allocator, list: *List([]const u8), scopes: Texts) Error!void {
    for (scopes) |scope| if (!selection.among(list.items, scope)) try list.append(allocator, scope);
}

/// Return the value of a nested member.
fn read(claims: []const u8, path: Texts) Value {
    var text = claims;
    for (path) |name| {
        var scanner: json.Scanner = .init(text);
        scanner.surrogates = .any;
        var found: ?[]const u8 = null;
        if ((scanner.peek() catch return .unclear) != .object) return .missing;
        var members = scanner.members() catch return .unclear;
        while (members.next() catch return .unclear) |raw| {
            const value = scanner.value() catch return .unclear;
            if (!json.equals(raw, name)) continue;
            if (found != null) return .unclear;
            found = value;
        }
        text = found orelse return .missing;
    }
    return .{ .text = text };
}

/// Return whether a claim is one of the values, or an array with one of them.
fn hasOne(value: Value, values: []const Claim.Scalar) Match {
    const text = switch (value) {
        .missing => return .no,
        .unclear => return .unclear,
        .text => |text| text,
    };
    if (text[0] != '[') return isOne(text, values);
    var best: Match = .no;
    var each: selection.Each = .init(text);
    while (each.next()) |item| switch (isOne(item, values)) {
        .yes => return .yes,
        .unclear => best = .unclear,
        .no => {},
    };
    return best;
}

fn isOne(text: []const u8, values: []const Claim.Scalar) Match {
    var best: Match = .no;
    for (values) |value| {
        const match: Match = if (value.string)
            .of(text[0] == '"' and json.equals(text, value.text))
        else if (json.kind(text[0]) == .number and json.kind(value.text[0]) == .number)
            number(text, value.text)
        else
            .of(bytes.equal(text, value.text));
        if (match == .yes) return .yes;
        if (match == .unclear) best = .unclear;
    }
    return best;
}

/// Compare a number with an integer in its shortest form.
fn number(text: []const u8, integer: []const u8) Match {
    if (bytes.equal(text, integer)) return .yes;
    for (text) |c| switch (c) {
        '.', 'e', 'E' => return .unclear,
        else => {},
    };
    return .of(bytes.equal(text, "-0") and bytes.equal(integer, "0"));
}

/// Reader of a policy, which collects the claims that its conditions name.
pub const Reader = struct {
    allocator: Allocator,
    claims: List(Texts) = .empty,

    pub fn policy(reader: *Reader, text: []const u8) Error!Policy {
        var lists: [2]?[]const u8 = undefined;
        json.pick(text, &.{ "allow", "deny" }, &lists);
        const allow = try reader.rules(lists[0]);
        const deny = try reader.rules(lists[1]);
        return .{ .gpa = reader.allocator, .allow = allow, .deny = deny, .claims = reader.claims.items };
    }

    fn rules(reader: *Reader, list: ?[]const u8) Error![]const Rule {
        const text = list orelse return &.{};
        const found = try selection.room(Rule, reader.allocator, text);
        var each: selection.Each = .init(text);
        const count = Selector.names.len;
        var members: [count + 4]?[]const u8 = undefined;
        for (found) |*rule| {
            const item = each.next() orelse @trap();
            json.pick(item, Selector.names ++ .{ "methods", "paths", "scopes", "claims" }, &members);
            const selector: Selector = try .of(reader.allocator, members[0..count]);
            rule.* = .{
                .selector = selector,
                .everything = selector.isEmpty(),
                .methods = try reader.texts(members[count]),
                .paths = try reader.texts(members[count + 1]),
                .condition = try reader.conditionOf(members[count + 2], members[count + 3]),
            };
        }
        return found;
    }

    fn texts(reader: *Reader, list: ?[]const u8) Error!?Texts {
        return try selection.strings(reader.allocator, list orelse return null);
    }

    pub fn condition(reader: *Reader, text: []const u8) Error!Condition {
        return reader.conditionOf(json.member(text, "scopes"), json.member(text, "claims"));
    }

    fn conditionOf(reader: *Reader, scopes: ?[]const u8, list: ?[]const u8) Error!Condition {
        const text = list orelse "[]";
        const claims = try selection.room(Claim, reader.allocator, text);
        var each: selection.Each = .init(text);
        for (claims) |*one| {
            const item = each.next() orelse @trap();
            const given = json.member(item, "values") orelse "[]";
            const values = try selection.room(Claim.Scalar, reader.allocator, given);
            var value: selection.Each = .init(given);
            for (values) |*scalar| {
                const raw = value.next() orelse @trap();
                scalar.* = .{ .string = raw[0] == '"', .text = raw };
                if (scalar.string) scalar.text = try json.decodeString(reader.allocator, raw);
            }
            const path = try reader.texts(json.member(item, "path")) orelse @trap();
            one.* = .{ .index = try reader.claim(path), .values = values };
        }
        return .{ .scopes = try reader.texts(scopes) orelse &.{}, .claims = claims };
    }

    /// Return the index of a claim, added if it is new.
    fn claim(reader: *Reader, path: Texts) Error!usize {
        for (reader.claims.items, 0..) |known, index| {
            if (known.len == path.len and for (known, path) |a, b| {
                if (!bytes.equal(a, b)) break false;
            } else true) return index;
        }
        try reader.claims.append(reader.allocator, path);
        return reader.claims.items.len - 1;
    }
};

const testing = std.testing;

fn matchOf(claims: []const u8, path: Texts, values: []const Claim.Scalar) Match {
    return hasOne(read(claims, path), values);
}

fn plain(comptime text: []const u8) Claim.Scalar {
    return .{ .string = false, .text = text };
}

test "claims are compared by value, and unclear ones are neither present nor absent" {
    const roles: Texts = &.{"roles"};
    const admin: []const Claim.Scalar = &.{.{ .string = true, .text = "admin" }};
    try testing.expectEqual(.yes, matchOf("{\"roles\":\"admin\"}", roles, admin));
    try testing.expectEqual(.yes, matchOf("{\"roles\":[1,\"x\",\"\\u0061dmin\"]}", roles, admin));
    try testing.expectEqual(.yes, matchOf("{\"r\\u006fles\":[\"admin\"]}", roles, admin));
    for ([_][]const u8{
        "{}",
        "[]",
        "{\"roles\":\"Admin\"}",
        "{\"roles\":\"admins\"}",
        "{\"roles\":\"admin \"}",
        "{\"roles\":[[\"admin\"]]}",
        "{\"roles\":{\"admin\":1}}",
        "{\"Roles\":\"admin\"}",
        "{\"roles\":\"admin,x\"}",
        "{\"roles\":null}",
        "{\"roles\":true}",
        "{\"roles\":\"\\ud835\\udd1admin\"}",
    }) |claims| try testing.expectEqual(.no, matchOf(claims, roles, admin));
    for ([_][]const u8{
        "{\"roles\":\"x\",\"roles\":\"admin\"}",
        "{\"roles\":\"admin\",\"r\\u006fles\":\"x\"}",
        "{",
    }) |claims| try testing.expectEqual(.unclear, matchOf(claims, roles, admin));
    const deep: Texts = &.{ "a", "b" };
    try testing.expectEqual(.yes, matchOf("{\"a\":{\"b\":true}}", deep, &.{plain("true")}));
    try testing.expectEqual(.no, matchOf("{\"a\":{\"b\":\"true\"}}", deep, &.{plain("true")}));
    try testing.expectEqual(.no, matchOf("{\"a.b\":true}", deep, &.{plain("true")}));
    try testing.expectEqual(.yes, matchOf("{\"a\":{\"b\":5}}", deep, &.{ plain("4"), plain("5") }));
    try testing.expectEqual(.no, matchOf("{\"a\":{\"b\":50}}", deep, &.{plain("5")}));
    try testing.expectEqual(.unclear, matchOf("{\"a\":{\"b\":5.0}}", deep, &.{plain("5")}));
    try testing.expectEqual(.yes, matchOf("{\"a\":{\"b\":[5.0,5]}}", deep, &.{plain("5")}));
}
