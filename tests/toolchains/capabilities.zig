const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("add", "Add.", add),
    mcp.tool("book", "Book seats.", book),
    mcp.tool("picture", "A picture.", picture),
    mcp.tool("visits", "Count.", visits),
    mcp.tool("remember", "Per session.", remember),
    mcp.tool("fetch", "Fetch.", fetch),
    mcp.tool("settings", "Config.", settings),
    mcp.tool("folders", "Roots.", folders),
    mcp.tool("sign", "A link.", sign),
    mcp.tool("both", "Two requests at once.", both),
};
pub const resources = .{
    mcp.resource("notes://index", "index", "All notes.", index).with(.{
        .title = "Index",
        .cache = .{ .ttl_ms = 1000, .scope = .public },
    }),
    mcp.resource("notes://logo", "logo", "", logo)
        .with(.{ .mime_type = "image/png", .tags = &.{"picture"}, .scopes = &.{"pictures:read"} }),
    mcp.template("notes://note/{name}", "note", "One note.", note),
    mcp.template("notes://page/{number}/of/{+path}", "page", "One page.", page),
};
pub const prompts = .{
    mcp.prompt("review", "Review code.", review)
        .with(.{ .title = "Draft", .meta = "{\"kept\":true}" })
        .with(.{ .title = "Review", .tags = &.{"code"}, .scopes = &.{ "code:read", "code:write" } }),
    mcp.prompt("hello", "Say hello.", hello),
};
pub const completions = .{
    mcp.completion(.{ .prompt = "review" }, "language", languages),
    mcp.completion(.{ .resource_template = "notes://note/{name}" }, "name", noteNames),
};

fn add(args: struct { a: f64, b: f64 }) f64 {
    return args.a + args.b;
}

const Seats = struct {
    count: u8 = 2,
    row: enum { front, back },
    note: ?[]const u8 = null,
    pub const descriptions = .{ .count = "How many." };
};
fn ticket() !u64 {
    return 7;
}
fn book(args: struct { show: []const u8 }, context: mcp.Context) ![]const u8 {
    const number = try context.once("ticket", ticket);
    const answer = try context.elicit(try std.fmt.allocPrint(mcp.allocator, "Seats for {s}?", .{args.show}), Seats);
    const seats = switch (answer) {
        .accept => |seats| seats,
        .decline, .cancel => return "nothing booked",
    };
    const thanks = try context.sample("Say thanks.", .{ .max_tokens = 20, .temperature = 0.5 });
    return std.fmt.allocPrint(
        mcp.allocator,
        "{s} {d} seats, {s}, ticket {d}",
        .{ thanks.text, seats.count, @tagName(seats.row), number },
    );
}
fn picture() ![]const mcp.Content {
    return mcp.content.blocks(
        &.{
            mcp.content.text("A dot:"),
            mcp.content.image("\x89PNG", "image/png"),
            mcp.content.link("notes://index", "index"),
            mcp.content.embedded("notes://x", "text/plain", "x"),
        },
    );
}
const Last = struct { at: []const u8, times: u32 };
fn visits() !struct { count: i64, last: ?Last } {
    const bucket = try mcp.kv.open("");
    defer bucket.close();
    const last = try bucket.get(Last, "last");
    const count = try bucket.increment("count", 1);
    try bucket.set("last", Last{ .at = "now", .times = @intCast(count) });
    try bucket.set("name", "Zig");
    if (!std.mem.eql(u8, (try bucket.get([]const u8, "name")).?, "Zig")) return error.Lost;
    return .{ .count = count, .last = last };
}
fn remember(args: struct { word: []const u8 }, context: mcp.Context) !?[]const u8 {
    const session = context.session();
    const before = try session.get([]const u8, "word");
    try session.set("word", args.word);
    if (!try session.has("word") or try session.has("absent")) return error.Lost;
    const word = try mcp.kv.value(args.word);
    if (!try session.compareAndSwap("word", word, args.word)) return error.Lost;
    if (try session.compareAndSwap("word", null, "another")) return error.Lost;
    const length: i64 = @intCast(args.word.len);
    const letters = try session.update(i64, "letters", length, plus);
    if (try session.get(i64, "letters") != letters) return error.Lost;
    return before;
}
fn plus(length: i64, before: ?i64) i64 {
    return (before orelse 0) + length;
}
fn fetch(args: struct { url: []const u8, body: ?[]const u8 = null, timeout: u64 = 2000 }) !struct {
    status: u16,
    kind: ?[]const u8,
    body: []const u8,
} {
    const answer = try mcp.http.fetch(
        .{
            .url = args.url,
            .method = if (args.body == null) .get else .post,
            .body = args.body,
            .headers = &.{.{ .name = "x-from", .value = "zig" }},
            .timeout = args.timeout,
        },
    );
    return .{ .status = answer.status, .kind = answer.header("Content-Type"), .body = answer.body };
}
fn settings() !struct { greeting: []const u8, home: ?[]const u8 } {
    const table = try mcp.config.read(struct { greeting: []const u8 = "none" });
    return .{ .greeting = table.greeting, .home = mcp.config.environment("ZIG_TEST") };
}
fn folders(context: mcp.Context) ![]const u8 {
    var text: std.ArrayList(u8) = .empty;
    for (try context.roots()) |root| try text.print(mcp.allocator, "{s}={s};", .{ root.uri, root.name orelse "" });
    return text.items;
}
fn both(context: mcp.Context) ![]const u8 {
    const link = context.elicitUrl("Sign, please.", "https://example.com/sign");
    const found = context.roots();
    return std.fmt.allocPrint(mcp.allocator, "{} {d}", .{ try link, (try found).len });
}
fn sign(context: mcp.Context) ![]const u8 {
    return if (try context.elicitUrl("Sign, please.", "https://example.com/sign")) "signed" else "not signed";
}

const names: []const []const u8 = &.{ "mail", "milk", "tea" };
fn index() []const []const u8 {
    return names;
}
fn logo() mcp.Blob {
    return .{ .bytes = "\x89PNG\xff" };
}
fn note(which: struct { name: []const u8 }) ![]const u8 {
    for (names) |name|
        if (std.mem.eql(u8, name, which.name)) return std.fmt.allocPrint(mcp.allocator, "About {s}.", .{name});
    return error.ResourceNotFound;
}
fn page(
    which: struct { number: u32, path: []const u8 },
    context: mcp.Context,
) !struct { number: u32, path: []const u8 } {
    if (which.number == 0) return context.fail("page 0 does not exist", .{});
    return .{ .number = which.number, .path = which.path };
}
const Review = struct {
    code: []const u8,
    language: ?[]const u8 = null,
    depth: u8 = 1,
    pub const descriptions = .{ .code = "What to review." };
};
fn review(args: Review) ![]const mcp.Message {
    const words = try std.fmt.allocPrint(
        mcp.allocator,
        "Review this {s} code, depth {d}: {s}",
        .{ args.language orelse "unknown", args.depth, args.code },
    );
    return mcp.content.conversation(
        &.{ mcp.content.user(mcp.content.text(words)), mcp.content.assistant(mcp.content.text("Let me see.")) },
    );
}
fn hello() []const u8 {
    return "Hello!";
}
fn languages(_: mcp.Typed) mcp.Choices {
    return .{ .values = &.{ "Python", "PHP", "Zig" } };
}
fn noteNames(_: mcp.Typed) !mcp.Choices {
    return .{ .values = names };
}
