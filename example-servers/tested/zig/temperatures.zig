const std = @import("std");
const mcp = @import("wasmcp");

const Scale = enum { celsius, fahrenheit, kelvin };

pub const tools = .{
    mcp.tool("convert", "Convert a temperature to another scale.", convert)
        .with(.{ .annotations = .{ .read_only = true } }),
    mcp.tool("average", "Average temperatures of one scale.", average)
        .with(.{ .annotations = .{ .read_only = true } }),
};

pub const resources = .{
    mcp.resource("temperatures://scales", "scales", "The names of all scales.", scales),
    mcp.template("temperatures://scales/{scale}", "scale", "The zero of a scale, in kelvin.", zero),
};

pub const prompts = .{
    mcp.prompt("explain", "Have a scale explained.", explain),
};

const Conversion = struct {
    degrees: f64,
    from: Scale,
    to: Scale = .celsius,
    digits: ?u8 = null,

    pub const descriptions = .{
        .degrees = "The temperature.",
        .from = "Its scale.",
        .to = "The scale of the result.",
        .digits = "Digits after the point of the result; all if left out.",
    };
};

const Temperature = struct {
    degrees: f64,
    scale: Scale,

    pub const descriptions = .{ .degrees = "The temperature.", .scale = "Its scale." };
};

fn convert(args: Conversion, context: mcp.Context) !Temperature {
    const kelvin = switch (args.from) {
        .celsius => args.degrees + 273.15,
        .fahrenheit => (args.degrees + 459.67) / 1.8,
        .kelvin => args.degrees,
    };
    if (kelvin < 0) return context.fail("{d} {s} is below absolute zero", .{ args.degrees, @tagName(args.from) });
    const converted = switch (args.to) {
        .celsius => kelvin - 273.15,
        .fahrenheit => kelvin * 1.8 - 459.67,
        .kelvin => kelvin,
    };
    if (!std.math.isFinite(converted)) return context.fail("the temperature is too high to be converted", .{});
    const digits = args.digits orelse return .{ .degrees = converted, .scale = args.to };
    const factor = std.math.pow(f64, 10, @floatFromInt(@min(digits, 12)));
    const scaled = @round(converted * factor) / factor;
    return .{ .degrees = if (std.math.isFinite(scaled)) scaled else converted, .scale = args.to };
}

const Series = struct {
    degrees: []const f64,

    pub const descriptions = .{ .degrees = "The temperatures." };
};

fn average(args: Series, context: mcp.Context) !f64 {
    if (args.degrees.len == 0) return context.fail("there are no temperatures", .{});
    var sum: f64 = 0;
    for (args.degrees) |one| sum += one / @as(f64, @floatFromInt(args.degrees.len));
    return sum;
}

fn scales() []const []const u8 {
    return std.meta.fieldNames(Scale);
}

fn zero(args: struct { scale: Scale }) []const u8 {
    return switch (args.scale) {
        .celsius => "273.15",
        .fahrenheit => "255.37",
        .kelvin => "0",
    };
}

const Explanation = struct {
    scale: Scale,
    words: u16 = 100,

    pub const descriptions = .{ .scale = "The scale.", .words = "How many words at most." };
};

fn explain(args: Explanation) ![]const u8 {
    return std.fmt.allocPrint(
        mcp.allocator,
        "Explain the scale {s} in at most {d} words.",
        .{ @tagName(args.scale), args.words },
    );
}
