//! Tools that use the world around a server: HTTP, clocks, random numbers, stored values, and its client.
const std = @import("std");
const bindings = @import("bindings");
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("fetch", "Send a request, and return status and body.", fetch),
    mcp.tool("now", "Return the time of day in milliseconds.", now),
    mcp.tool("elapsed", "Return the monotonic clock in milliseconds.", elapsed),
    mcp.tool("sleep", "Wait, and return the milliseconds that passed.", sleep),
    mcp.tool("wake", "Wait until a point of the monotonic clock, and return it in milliseconds.", wake),
    mcp.tool("draw", "Return random numbers.", draw),
    mcp.tool("keep", "Set a value.", keep),
    mcp.tool("count", "Increment a counter.", count),
    mcp.tool("report", "Report progress and a log message.", report),
    mcp.tool("greet", "Greet the user by the name of an elicitation.", greet),
    mcp.tool("variable", "Read an environment variable.", variable),
    mcp.tool("fail", "Return a tool error.", fail),
    mcp.tool("crash", "Trap.", crash),
};

const clock = bindings.wasi_clocks.monotonic_clock;

const Fetched = struct { url: []const u8, method: mcp.http.Method = .get, body: ?[]const u8 = null };

fn fetch(args: Fetched) !struct { status: u16, body: []const u8 } {
    const response = mcp.http.fetch(.{
        .url = args.url,
        .method = args.method,
        .body = args.body,
        .headers = &.{.{ .name = "authorization", .value = "Bearer secret" }},
    }) catch |problem| return .{ .status = 0, .body = @errorName(problem) };
    return .{ .status = response.status, .body = response.body };
}

fn now() u64 {
    const time = bindings.wasi_clocks.wall_clock.now();
    return time.seconds * 1000 + time.nanoseconds / 1_000_000;
}

fn elapsed() u64 {
    return clock.now() / 1_000_000;
}

fn sleep(args: struct { milliseconds: u64 }) u64 {
    const begun = clock.now();
    const timer = clock.subscribeDuration(args.milliseconds * 1_000_000);
    defer timer.drop();
    timer.block();
    return (clock.now() - begun) / 1_000_000;
}

fn wake(args: struct { milliseconds: u64 }) u64 {
    const timer = clock.subscribeInstant(args.milliseconds * 1_000_000);
    defer timer.drop();
    timer.block();
    return elapsed();
}

fn draw() ![]const u8 {
    return std.fmt.allocPrint(mcp.allocator, "{x} {x}", .{
        bindings.wasi_random.random.getRandomBytes(4),
        bindings.wasi_random.random.getRandomU64(),
    });
}

fn keep(args: struct { bucket: []const u8 = "", key: []const u8, text: []const u8 }) !void {
    const bucket = try mcp.kv.open(args.bucket);
    defer bucket.close();
    try bucket.set(args.key, args.text);
}

fn count(args: struct { key: []const u8 }) !i64 {
    const bucket = try mcp.kv.open("");
    defer bucket.close();
    return bucket.increment(args.key, 1);
}

fn report(context: mcp.Context) void {
    context.progress(1, 2, "half");
    context.log(.info, "read {d} rows", .{3});
}

fn greet(context: mcp.Context) ![]const u8 {
    return switch (try context.elicit("Who?", struct { name: []const u8 })) {
        .accept => |form| std.fmt.allocPrint(mcp.allocator, "Hello {s}", .{form.name}),
        else => "Hello",
    };
}

fn variable(args: struct { name: []const u8 }) ?[]const u8 {
    return mcp.config.environment(args.name);
}

fn fail() error{NoSuchNote}!void {
    return error.NoSuchNote;
}

fn crash() void {
    @trap();
}
