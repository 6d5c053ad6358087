//! Access rules of a server, applied to each request: which entries exist under the path of the request, and which
//! requests its principal may send. The transport calls `check` before a request is answered, and lists pass `handle`,
//! so that a list contains only entries that `check` allows.
//!
//! The policy is about HTTP. Requests on stdio have no authorization: their client is the local user.
//! Specification: basic/authorization, "Protocol Requirements".

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

const policies = lib.policy;
const rule_set = lib.access;
const json = lib.json;
const code = @import("protocol_table").code;
const messages = bindings.messages;
const allocator = bindings.memory.allocator;
const Error = std.mem.Allocator.Error;
const Reply = messages.Reply;
const Request = messages.Request;

pub const stored_lists = true;

var known: ?rule_set.Rules = null;

/// Recorded templates in the layout of the Canonical ABI: see `abi.StoredList`.
var templates: []const [4]usize = &.{};

/// Return the rules, constants of the composition: they are read once.
fn rules() Error!*const rule_set.Rules {
    if (known == null) {
        const gpa = bindings.memory.gpa;
        known = try rule_set.Rules.read(gpa, try gpa.dupe(u8, bindings.access_rules.rules()));
        const recorded = known.?.entries.get(.templates);
        const all = try gpa.alloc([4]usize, recorded.len);
        for (recorded, all) |one, *words| {
            const variables = try stored(gpa, one.variables);
            words.* = .{ @intFromPtr(one.name.ptr), one.name.len, variables.address, variables.len };
        }
        templates = all;
    }
    return &known.?;
}

fn stored(gpa: std.mem.Allocator, texts: []const []const u8) Error!bindings.abi.List([]const u8) {
    if (texts.len == 0) return .{};
    const all = try gpa.alloc([2]usize, texts.len);
    for (texts, all) |text, *words| words.* = .{ @intFromPtr(text.ptr), text.len };
    return .{ .address = @intFromPtr(all.ptr), .len = texts.len };
}

/// Matcher of URIs against the recorded templates by the code of `server-io`.
const Templates = struct {
    request: Request,

    pub fn append(
        self: Templates,
        gpa: std.mem.Allocator,
        list: *lib.List(?*rule_set.Entry),
        uri: []const u8,
        recorded: []rule_set.Entry,
    ) Error!void {
        var from: usize = 0;
        while (from < recorded.len) : (from += 1) {
            const rest = templates[from..];
            const match = self.request.matchTemplate(uri, .{ .address = @intFromPtr(rest.ptr), .len = rest.len });
            from += (match orelse return).template;
            try list.append(gpa, &recorded[from]);
        }
    }
};

/// Facts about a request that decisions depend on.
const Asked = struct {
    place: rule_set.Place,
    /// Set if the policy applies.
    policy: ?*const policies.Policy = null,
    path: []const u8 = "",
    principal: policies.Principal = .{},

    fn of(request: Request) Error!Asked {
        const all = try rules();
        const facts = request.http() orelse return .{ .place = all.at(null) };
        var asked: Asked = .{ .place = all.at(facts.path), .path = rule_set.Rules.pathOf(facts.path) };
        if (all.policy) |*policy| asked.policy = policy;
        if (asked.policy != null) if (request.identity()) |identity| {
            asked.principal = .{ .scopes = identity.scopes.all(), .claims = identity.claims };
        };
        return asked;
    }

    /// Return whether a target exists under the path of the request.
    fn has(asked: *const Asked, target: *const rule_set.Target) bool {
        return switch (asked.place) {
            .filter => |filter| filter.has(target),
            .whole, .missing => true,
        };
    }

    fn decide(
        asked: *Asked,
        action: policies.Action,
        method: []const u8,
        target: ?*const rule_set.Target,
    ) Error!policies.Verdict {
        const policy = asked.policy orelse return .allowed;
        return policy.decide(allocator, &.{
            .action = action,
            .method = method,
            .path = asked.path,
            .principal = &asked.principal,
        }, target);
    }
};

fn rejected(failure: bindings.types.Error) bindings.access.Rejection {
    return .{ .reply = Reply.failure(failure), .denied = null };
}

pub const exports = struct {
    pub const access = struct {
        pub fn check(request: Request) Error!?bindings.access.Rejection {
            var asked: Asked = try .of(request);
            if (asked.place == .missing) return rejected(.{
                .code = code.method_not_found,
                .message = "Not found: the server has no MCP endpoint at this path",
            });
            if (asked.place == .whole and asked.policy == null) return null;
            var subjects: Subjects = .{ .request = request };
            try subjects.read();
            if (subjects.too_many)
                return rejected(.{ .code = code.invalid_params, .message = lib.limits.too_many_resources });
            var needed: lib.List([]const u8) = .empty;
            for (subjects.found.items) |subject| {
                const target = try targetOf(request, subject);
                if (!asked.has(&target)) return rejected(try unknown(subject));
                switch (try asked.decide(subjects.action, "", &target)) {
                    .allowed => {},
                    .denied => |scopes| {
                        if (scopes.len == 0) return try denied(scopes);
                        try policies.join(allocator, &needed, scopes);
                    },
                }
            }
            if (subjects.method) |method| switch (try asked.decide(.other, method, null)) {
                .allowed => {},
                .denied => |scopes| return try denied(scopes),
            };
            return if (needed.items.len > 0) try denied(needed.items) else null;
        }

        pub fn isMissing(path: []const u8) Error!bool {
            return (try rules()).at(path) == .missing;
        }

        pub fn capabilities(request: Request) Error!?[]const u8 {
            const all = try rules();
            const filter = switch (all.at(if (request.http()) |facts| facts.path else null)) {
                .filter => |filter| filter,
                .whole, .missing => return null,
            };
            const whole = bindings.server_metadata.capabilities();
            return try all.announced(allocator, filter, whole, Templates{ .request = request });
        }
    };

    pub const server_handler = struct {
        pub fn handle(request: Request) Error!?Reply {
            const reply = bindings.server_handler.handle(request) orelse return null;
            const kind: Kind, const member: []const u8, const action: policies.Action = switch (request.method()) {
                .tools_list => .{ .tools, "tools", .call },
                .resources_list => .{ .resources, "resources", .read },
                .resources_templates_list => .{ .templates, "resourceTemplates", .read },
                .prompts_list => .{ .prompts, "prompts", .get },
                .other => if (lib.bytes.equal(request.name(), "skills/list"))
                    .{ .resources, "skills", .read }
                else if (lib.bytes.equal(request.name(), "resources/directory/read"))
                    .{ .resources, "resources", .read }
                else
                    return reply,
                else => return reply,
            };
            var asked: Asked = try .of(request);
            if (asked.place == .whole and asked.policy == null) return reply;
            return try visible(request, reply, kind, member, action, request.method() == .other, &asked);
        }
    };
};

const Kind = rule_set.Kind;
const Subject = struct {
    kind: Kind,
    name: []const u8,
    form: Form = .entry,

    const Form = enum { entry, completed, skill, directory };
};

/// Entries that a request is about.
const Subjects = struct {
    request: Request,
    found: lib.List(Subject) = .empty,
    too_many: bool = false,
    /// Action on the entries.
    action: policies.Action = .other,
    /// Set for a method that the protocol does not have.
    method: ?[]const u8 = null,

    fn read(self: *Subjects) Error!void {
        const request = self.request;
        switch (request.method()) {
            .tools_call => try self.add(.call, .tools, request.target()),
            .prompts_get => try self.add(.get, .prompts, request.target()),
            .resources_read => try self.add(.read, .resources, request.target()),
            .completion_complete => {
                self.action = .complete;
                const reference = json.member(request.params(), "ref") orelse return;
                const name = request.target() orelse return;
                const prompt = json.equals(json.member(reference, "type") orelse "0", "ref/prompt");
                try self.found.append(allocator, .{
                    .kind = if (prompt) .prompts else .templates,
                    .name = name,
                    .form = .completed,
                });
            },
            .subscriptions_listen => {
                const wanted = json.member(request.params(), "notifications") orelse return;
                var each: rule_set.Each = .init(json.member(wanted, "resourceSubscriptions") orelse return);
                while (each.next()) |raw| {
                    if (raw[0] != '"') continue;
                    self.too_many = self.found.items.len == lib.limits.subscribed_resources;
                    if (self.too_many) return;
                    try self.add(.subscribe, .resources, try json.decodeString(allocator, raw));
                }
            },
            .other => {
                const name = request.name();
                if (lib.bytes.equal(name, "skills/list")) return; // the entries of the list are checked
                const directory = lib.bytes.equal(name, "resources/directory/read");
                if (directory or lib.bytes.equal(name, "skills/get")) {
                    const raw = json.member(request.params(), "uri") orelse return;
                    if (raw[0] != '"') return;
                    const uri = try json.decodeString(allocator, raw);
                    try self.add(.read, .resources, uri);
                    self.found.items[0].form = if (directory) .directory else .skill;
                    return;
                }
                if (!lib.bytes.equal(name, "resources/subscribe") and !lib.bytes.equal(name, "resources/unsubscribe")) {
                    if (!isFree(name)) self.method = name;
                    return;
                }
                const raw = json.member(request.params(), "uri") orelse return;
                if (raw[0] == '"') try self.add(.subscribe, .resources, try json.decodeString(allocator, raw));
            },
            else => {},
        }
    }

    /// Return true if the policy permits a method to all clients: it is about the connection, not about entries.
    fn isFree(name: []const u8) bool {
        for ([_][]const u8{ "initialize", "ping", "logging/setLevel" }) |free|
            if (lib.bytes.equal(name, free)) return true;
        return false;
    }

    fn add(self: *Subjects, action: policies.Action, kind: Kind, name: ?[]const u8) Error!void {
        self.action = action;
        try self.found.append(allocator, .{ .kind = kind, .name = name orelse return });
    }
};

fn targetOf(request: Request, subject: Subject) Error!rule_set.Target {
    const name = if (subject.form == .directory) try inside(subject.name) else subject.name;
    return (try rules()).target(allocator, subject.kind, name, Templates{ .request = request });
}

/// Return the error for an entry that does not exist: the same as where no component has it.
fn unknown(subject: Subject) Error!bindings.types.Error {
    var failure: bindings.types.Error = .{ .code = code.invalid_params, .message = "" };
    var start: []const u8 = "";
    var end: []const u8 = "";
    switch (subject.form) {
        .completed => {
            failure.message = "Invalid params: `params.ref` is of an unknown prompt or resource template";
            return failure;
        },
        .skill => start = lib.absence.skill,
        .directory => end = lib.absence.directory,
        .entry => switch (subject.kind) {
            .tools => start = "Unknown tool: ",
            .prompts => start = "Unknown prompt: ",
            else => {
                var w: lib.Writer = .init(allocator);
                try w.open('{');
                try w.key("uri");
                try w.string(subject.name);
                try w.close('}');
                start = "Resource not found: ";
                failure.code = code.resource_not_found;
                failure.data = w.text();
            },
        },
    }
    failure.message = try std.mem.concat(allocator, u8, &.{ start, subject.name, end });
    return failure;
}

/// Return the rejection of a request that the policy denies.
fn denied(scopes: []const []const u8) Error!bindings.access.Rejection {
    const reply = Reply.failure(.{
        .code = code.invalid_request,
        .message = if (scopes.len > 0) "Forbidden: the token lacks a scope that this request needs" else "Forbidden",
    });
    return .{ .reply = reply, .denied = try stored(allocator, scopes) };
}

/// Return the URI by which rules select a directory: patterns for the resources inside it match it.
fn inside(directory: []const u8) Error![]const u8 {
    return std.mem.concat(allocator, u8, &.{ directory, "/" });
}

/// Return a list with the entries that exist and that the principal may use.
///
/// `whole`: all of them are on one page. The cursors of skills and directories, and the numbers of entries on their
/// pages, would tell how many entries are hidden.
fn visible(
    request: Request,
    first: Reply,
    kind: Kind,
    member: []const u8,
    action: policies.Action,
    whole: bool,
    asked: *Asked,
) Error!Reply {
    const identity: []const u8 = switch (kind) {
        .tools, .prompts => "name",
        .resources => "uri",
        .templates => "uriTemplate",
    };
    var w: lib.Writer = .init(allocator);
    try w.open('{');
    try w.keyText(member);
    try w.open('[');
    // No cursor of a complete list was issued.
    var reply = if (whole and json.member(request.params(), "cursor") != null) page(request, first, "") else first;
    const text = while (true) {
        if (reply.@"error"() != null) return reply;
        const text = reply.asJson();
        var each: rule_set.Each = .init(json.member(text, member) orelse return reply);
        while (each.next()) |item| {
            const raw = json.member(item, identity) orelse continue;
            if (raw[0] != '"') continue;
            const directory = whole and json.equals(json.member(item, "mimeType") orelse "0", "inode/directory");
            const target = try targetOf(request, .{
                .kind = kind,
                .name = try json.decodeString(allocator, raw),
                .form = if (directory) .directory else .entry,
            });
            if (asked.has(&target) and try asked.decide(action, "", &target) == .allowed) try w.value(item);
        }
        const cursor = if (whole) json.member(text, "nextCursor") else null;
        reply = page(request, reply, try json.decodeString(allocator, cursor orelse break text));
    };
    try w.close(']');
    // Only the latest revision has cache hints.
    if (json.member(text, "ttlMs")) |time| {
        try w.key("ttlMs");
        try w.value(time);
        // Another principal may use other entries.
        const scope = if (asked.policy == null) json.member(text, "cacheScope") else null;
        try w.key("cacheScope");
        try w.value(scope orelse "\"private\"");
    }
    try w.close('}');
    const kept = Reply.raw(w.text());
    if (!whole) kept.setNext(reply.next());
    reply.drop();
    return kept;
}

/// Return the reply to the same request with another cursor, in place of a reply.
fn page(request: Request, before: Reply, cursor: []const u8) Reply {
    before.drop();
    const other = request.derivePage(cursor);
    defer other.drop();
    return bindings.server_handler.handle(other).?;
}
