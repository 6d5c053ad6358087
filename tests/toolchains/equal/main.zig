//! Component of the shared tables, in Zig.
const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("check", "", check),
    mcp.tool("nothing", "", nothing),
};
pub const prompts = .{
    mcp.prompt("trip", "", trip),
    mcp.prompt("plain", "", plain),
};
pub const resources = .{
    mcp.template("trips://{kind}/{open}/{name}", "listed", "", listed),
};
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

fn pages(typed: mcp.Typed) mcp.types.Completion {
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
