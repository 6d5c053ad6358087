//! Component of the shared tables, in Zig.
const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("check", "", check),
    mcp.tool("nothing", "", nothing),
    mcp.tool("steps", "", steps),
    mcp.tool("both", "", both),
    mcp.tool("each", "", each),
    mcp.tool("count", "", count).with(.{
        .task = .{ .steps = true, .ttl_ms = 60_000 },
        .tags = &.{"slow"},
    }),
    mcp.tool("work", "", work).with(.{ .task = .{ .required = true } }),
    mcp.tool("link", "", link),
    mcp.tool("keys", "", keys),
    mcp.tool("fallback", "", fallback),
    mcp.tool("refuse", "", refuse),
};
pub const prompts = .{
    mcp.prompt("trip", "", trip),
    mcp.prompt("plain", "", plain),
    mcp.prompt("asks", "", asks),
};
pub const resources = .{
    mcp.template("trips://{kind}/{open}/{name}", "listed", "", listed),
    mcp.template("asks://{id}", "asked", "", asked),
    mcp.skill(.{
        .name = "daily-report",
        .description = "Report of \"today\": é😀 #1\n- [x]",
        .prefix = "reports",
        .license = "Apache-2.0",
        .compatibility = "yes",
        .allowed_tools = "Bash(git:*) Read",
        .metadata = &.{.{ "version", "2.1" }},
    }, daily),
    mcp.skill(.{ .name = "true", .description = "About true" }, plain).with(.{ .tags = &.{"x"}, .meta = "{\"a\":1}" }),
    mcp.resource("skill://reports/daily-report/references/note.md", "note", "", plain).with(.{
        .cache = .{ .ttl_ms = 30_000, .scope = .private },
    }),
};
pub const cache_lists: mcp.Cache = .{ .ttl_ms = 60_000, .scope = .public };
pub const completions = .{
    mcp.completion(.{ .prompt = "trip" }, "city", cities),
    mcp.completion(.{ .prompt = "trip" }, "days", days),
    mcp.completion(.{ .prompt = "trip" }, "pages", pages),
};

const Check = struct {
    count: u8,
    price: f64,
    size: enum { small, Large },
    stops: []const struct { town: []const u8, days: i64 },
    open: bool = true,
};

fn check(args: Check) ![]const u8 {
    return std.fmt.allocPrint(mcp.allocator, "{any}", .{args});
}

fn nothing() []const u8 {
    return "nothing";
}

const Trip = struct {
    city: []const u8,
    size: enum { small, Large },
    deep: ?bool = null,
    days: ?i64 = null,
    pages: []const u8 = "",
};

fn trip(args: Trip) ![]const u8 {
    return std.fmt.allocPrint(mcp.allocator, "{s} {any}", .{ args.city, args });
}

fn daily(context: mcp.Context) ![]const u8 {
    return std.fmt.allocPrint(mcp.allocator, "# Report for {s}\n", .{context.request.protocolVersion()});
}

fn plain() []const u8 {
    return "plain";
}

fn cities(_: mcp.Typed) mcp.Choices {
    return .{ .values = &.{ "Bremen", "Berlin", "Łódź" } };
}

fn days(typed: mcp.Typed) ![]const []const u8 {
    if (std.mem.eql(u8, typed.value, "many")) return &@as([150][]const u8, @splat("x"));
    var values: std.ArrayList([]const u8) = .empty;
    try values.append(mcp.allocator, typed.value);
    for (typed.filled) |pair| try values.append(mcp.allocator, pair[1]);
    return values.items;
}

fn pages(typed: mcp.Typed, context: mcp.Context) !mcp.types.Completion {
    if (std.mem.eql(u8, typed.value, "secret")) return error.xyzzy;
    if (std.mem.eql(u8, typed.value, "none")) return context.fail("no page", .{});
    const more = std.mem.eql(u8, typed.value, "more");
    return .{ .values = &.{ "1", "2" }, .total = if (more) null else 7, .has_more = if (more) true else null };
}

const Listed = struct {
    kind: enum { day, night },
    open: bool,
    name: []const u8,
};

fn listed(variables: Listed) Listed {
    return variables;
}

var runs: u32 = 0;

fn run() u32 {
    runs += 1;
    return runs;
}

const Person = struct { name: []const u8, loud: ?bool = null };

fn steps(context: mcp.Context) ![]const u8 {
    const ticket = try context.once("ticket", run);
    const person = switch (try context.elicit("Who?", Person)) {
        .accept => |person| person,
        .decline => return "decline",
        .cancel => return "cancel",
    };
    const words = try std.fmt.allocPrint(mcp.allocator, "Greet {s}", .{person.name});
    const greeting = try context.sample(words, .{ .max_tokens = 5 });
    var uris: std.ArrayList(u8) = .empty;
    for (try context.roots(), 0..) |root, i| {
        if (i > 0) try uris.appendSlice(mcp.allocator, ", ");
        try uris.print(mcp.allocator, "'{s}'", .{root.uri});
    }
    const same = if (ticket == try context.once("ticket", run)) "True" else "False";
    const loud = if (person.loud) |loud| (if (loud) "true" else "false") else "none";
    return std.fmt.allocPrint(
        mcp.allocator,
        "{s} {s} {s} [{s}] {s}",
        .{ person.name, loud, greeting.text, uris.items, same },
    );
}

fn count(context: mcp.Context) ![]const u8 {
    const done = context.state(u32) orelse 0;
    if (done == 1) switch (try context.elicit("Who?", Person)) {
        .accept => {},
        else => return "nobody",
    };
    if (done < 3) return context.checkpoint(done + 1);
    return std.fmt.allocPrint(mcp.allocator, "{d} steps", .{done});
}

fn work() []const u8 {
    return "done";
}

fn both(context: mcp.Context) ![]const u8 {
    const person, const roots = try context.all(.{ context.elicit("Who?", Person), context.roots() });
    return std.fmt.allocPrint(mcp.allocator, "{s} {d}", .{ @tagName(person), roots.len });
}

fn each(args: struct { words: []const []const u8 }, context: mcp.Context) ![]const u8 {
    const replies = try mcp.allocator.alloc(@TypeOf(context.sample("", .{})), args.words.len);
    for (args.words, replies) |word, *reply| reply.* = context.sample(word, .{ .max_tokens = 5 });
    var texts: std.ArrayList([]const u8) = .empty;
    for (try context.all(replies)) |reply| try texts.append(mcp.allocator, reply.text);
    return std.mem.join(mcp.allocator, ", ", texts.items);
}

fn link(args: struct { url: []const u8 }, context: mcp.Context) ![]const u8 {
    return if (try context.elicitUrl("Pay", args.url)) "opened" else "not opened";
}

fn keys(args: struct { first: []const u8, second: []const u8 }, context: mcp.Context) ![]const u8 {
    _ = try context.withKey(args.first).roots();
    _ = try context.withKey(args.second).roots();
    return "done";
}

fn fallback(context: mcp.Context) ![]const u8 {
    const params =
        \\{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}],"maxTokens":5}
    ;
    const found = context.sampleJson(params) catch |problem| switch (problem) {
        error.MissingCapability => return "no model",
        else => return problem,
    };
    return found.text;
}

fn refuse(context: mcp.Context) ![]const u8 {
    return context.failProtocol(.{ .code = -32001, .message = "gone", .data = "{\"id\":1}" });
}

fn asks(context: mcp.Context) ![]const u8 {
    return switch (try context.elicit("Who?", Person)) {
        .accept => |person| person.name,
        else => "",
    };
}

fn asked(variables: struct { id: []const u8 }, context: mcp.Context) ![]const u8 {
    return std.fmt.allocPrint(mcp.allocator, "{s} {d}", .{ variables.id, (try context.roots()).len });
}
