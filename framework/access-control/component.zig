//! Access rules of a server, applied to each request: which entries exist under the path of the request. The transport
//! calls `check` before a request is answered, and lists pass `handle`, so that a list shows what `check` lets through.

const std = @import("std");
const bindings = @import("bindings");
const lib = @import("lib");

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

/// Return the rules, constants of the composition: they are read once.
fn rules() Error!*const rule_set.Rules {
    if (known == null) {
        const gpa = bindings.memory.gpa;
        known = try rule_set.Rules.read(gpa, try gpa.dupe(u8, bindings.access_rules.rules()));
    }
    return &known.?;
}

fn place(request: Request) Error!rule_set.Place {
    return (try rules()).at(if (request.http()) |facts| facts.path else null);
}

pub const exports = struct {
    pub const access = struct {
        pub fn check(request: Request) Error!?Reply {
            const filter = switch (try place(request)) {
                .whole => return null,
                .missing => return Reply.failure(.{
                    .code = code.method_not_found,
                    .message = "Not found: the server has no MCP endpoint at this path",
                }),
                .filter => |filter| filter,
            };
            var subjects: Subjects = .{ .request = request };
            try subjects.read();
            if (subjects.too_many) return Reply.failure(.{
                .code = code.invalid_params,
                .message = lib.limits.too_many_resources,
            });
            for (subjects.found.items) |subject| {
                if (!filter.has(try targetOf(subject))) return try unknown(subject);
            }
            return null;
        }
    };

    pub const server_handler = struct {
        pub fn handle(request: Request) Error!?Reply {
            const reply = bindings.server_handler.handle(request) orelse return null;
            const kind: Kind = switch (request.method()) {
                .tools_list => .tools,
                .resources_list => .resources,
                .resources_templates_list => .templates,
                .prompts_list => .prompts,
                else => return reply,
            };
            const filter = switch (try place(request)) {
                .filter => |filter| filter,
                else => return reply,
            };
            return listed(reply, kind, filter);
        }
    };
};

const Kind = rule_set.Kind;
const Subject = struct { kind: Kind, name: []const u8, completed: bool = false };

/// Entries that a request is about.
const Subjects = struct {
    request: Request,
    found: std.ArrayList(Subject) = .empty,
    too_many: bool = false,

    fn read(self: *Subjects) Error!void {
        const request = self.request;
        switch (request.method()) {
            .tools_call => try self.add(.tools, request.target()),
            .prompts_get => try self.add(.prompts, request.target()),
            .resources_read => try self.add(.resources, request.target()),
            .completion_complete => {
                const reference = json.member(request.params(), "ref") orelse return;
                const name = request.target() orelse return;
                const prompt = json.equals(json.member(reference, "type") orelse "0", "ref/prompt");
                try self.found.append(allocator, .{
                    .kind = if (prompt) .prompts else .templates,
                    .name = name,
                    .completed = true,
                });
            },
            .subscriptions_listen => {
                const wanted = json.member(request.params(), "notifications") orelse return;
                var each: rule_set.Each = .init(json.member(wanted, "resourceSubscriptions") orelse return);
                while (each.next()) |raw| {
                    if (raw[0] != '"') continue;
                    self.too_many = self.found.items.len == lib.limits.subscribed_resources;
                    if (self.too_many) return;
                    try self.add(.resources, try json.decodeString(allocator, raw));
                }
            },
            .other => {
                const name = request.name();
                if (!lib.bytes.equal(name, "resources/subscribe") and !lib.bytes.equal(name, "resources/unsubscribe"))
                    return;
                const raw = json.member(request.params(), "uri") orelse return;
                if (raw[0] == '"') try self.add(.resources, try json.decodeString(allocator, raw));
            },
            else => {},
        }
    }

    fn add(self: *Subjects, kind: Kind, name: ?[]const u8) Error!void {
        try self.found.append(allocator, .{ .kind = kind, .name = name orelse return });
    }
};

fn targetOf(subject: Subject) Error!rule_set.Target {
    return (try rules()).target(allocator, subject.kind, subject.name, lib.uri_matching.Uri);
}

/// Return the error for an entry that does not exist: the same as where no component has it.
fn unknown(subject: Subject) Error!Reply {
    if (subject.completed) return Reply.failure(.{
        .code = code.invalid_params,
        .message = "Invalid params: `params.ref` is of an unknown prompt or resource template",
    });
    if (subject.kind == .resources) {
        var w: lib.Writer = .init(allocator);
        try w.open('{');
        try w.key("uri");
        try w.string(subject.name);
        try w.close('}');
        const words = try std.mem.concat(allocator, u8, &.{ "Resource not found: ", subject.name });
        return Reply.failure(.{ .code = code.resource_not_found, .message = words, .data = w.text() });
    }
    const start: []const u8 = if (subject.kind == .tools) "Unknown tool: " else "Unknown prompt: ";
    return Reply.failure(.{
        .code = code.invalid_params,
        .message = try std.mem.concat(allocator, u8, &.{ start, subject.name }),
    });
}

/// Return a list with the entries that exist.
fn listed(reply: Reply, kind: Kind, filter: *const rule_set.Filter) Error!?Reply {
    if (reply.@"error"() != null) return reply;
    const text = reply.asJson();
    const member: []const u8 = if (kind == .templates) "resourceTemplates" else @tagName(kind);
    const identity: []const u8 = switch (kind) {
        .tools, .prompts => "name",
        .resources => "uri",
        .templates => "uriTemplate",
    };
    var w: lib.Writer = .init(allocator);
    try w.open('[');
    var each: rule_set.Each = .init(json.member(text, member) orelse return reply);
    while (each.next()) |item| {
        const raw = json.member(item, identity) orelse continue;
        if (raw[0] != '"') continue;
        const name = try json.decodeString(allocator, raw);
        if (filter.has(try targetOf(.{ .kind = kind, .name = name }))) try w.value(item);
    }
    try w.close(']');
    const next = reply.next();
    const cache = hint(text);
    reply.drop();
    return switch (kind) {
        inline else => |one| @field(Reply, @tagName(one) ++ "Json")(w.text(), next, cache),
    };
}

/// Return the cache hint of a list, which only the latest revision has.
fn hint(list: []const u8) ?bindings.types.CacheHint {
    const time = json.member(list, "ttlMs") orelse return null;
    const scope = json.member(list, "cacheScope") orelse return null;
    return .{
        .ttl_ms = lib.decimal.parse(time, std.math.maxInt(u64)) orelse 0,
        .scope = if (json.equals(scope, "public")) .public else .private,
    };
}
