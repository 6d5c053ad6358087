//! Params of `completion/complete`. Specification: schema `CompleteRequestParams`.

const std = @import("std");
const List = @import("list.zig").List;
const bytes = @import("bytes.zig");
const json = @import("json.zig");

const Completion = @This();

kind: Kind,
/// Name of the prompt, or URI template.
reference: []const u8,
/// Name of the argument, and the prefix that the user has typed.
name: []const u8,
value: []const u8,
/// Arguments that are already filled in: pairs of name and value.
context: []const Pair,

pub const Kind = enum { prompt, template };
pub const Pair = struct { []const u8, []const u8 };

pub const Outcome = union(enum) {
    read: Completion,
    /// Error message for the client.
    wrong: []const u8,
};

/// Limit on the entries of the context: each is compared with all before it.
const max_context = 1000;

/// Read the params. `with_context`: read the context too, which is needed only to call a component.
pub fn read(
    allocator: std.mem.Allocator,
    params: []const u8,
    comptime with_context: bool,
) std.mem.Allocator.Error!Outcome {
    const reference = object(params, "ref") orelse return .{
        .wrong = "Invalid params: `params.ref` must be an object",
    };
    const kind_text = json.member(reference, "type") orelse "0";
    const kind: Kind = if (kind_text[0] == '"' and json.equals(kind_text, "ref/prompt"))
        .prompt
    else if (kind_text[0] == '"' and json.equals(kind_text, "ref/resource"))
        .template
    else
        return .{ .wrong = "Invalid params: `params.ref.type` must be `ref/prompt` or `ref/resource`" };
    const target = try string(allocator, reference, if (kind == .prompt) "name" else "uri") orelse
        return .{ .wrong = if (kind == .prompt)
            "Invalid params: `params.ref.name` must be a string"
        else
            "Invalid params: `params.ref.uri` must be a string" };
    const argument = object(params, "argument") orelse return .{
        .wrong = "Invalid params: `params.argument` must be an object",
    };
    const name = try string(allocator, argument, "name") orelse return .{
        .wrong = "Invalid params: `params.argument.name` must be a string",
    };
    const value = try string(allocator, argument, "value") orelse return .{
        .wrong = "Invalid params: `params.argument.value` must be a string",
    };
    const context = if (!with_context) &.{} else try filledIn(allocator, params) orelse
        return .{ .wrong = "Invalid params: `params.context.arguments` must be an object of at most 1000 strings" };
    return .{ .read = .{ .kind = kind, .reference = target, .name = name, .value = value, .context = context } };
}

/// Return the key under which a catalogue records the component that completes this: `prompt NAME` or `template URI`.
pub fn key(self: Completion, allocator: std.mem.Allocator) std.mem.Allocator.Error![]const u8 {
    return std.mem.concat(allocator, u8, &.{ @tagName(self.kind), " ", self.reference });
}

fn object(text: []const u8, name: []const u8) ?[]const u8 {
    const value = json.member(text, name) orelse return null;
    return if (value[0] == '{') value else null;
}

fn string(allocator: std.mem.Allocator, text: []const u8, name: []const u8) std.mem.Allocator.Error!?[]const u8 {
    const value = json.member(text, name) orelse return null;
    return if (value[0] == '"') try json.decodeString(allocator, value) else null;
}

/// Return the context, or null if it is present but invalid. The last of two entries with one name counts.
fn filledIn(allocator: std.mem.Allocator, params: []const u8) std.mem.Allocator.Error!?[]const Pair {
    const context = json.member(params, "context") orelse return &.{};
    if (context[0] == 'n') return &.{};
    if (context[0] != '{') return null;
    const arguments = json.member(context, "arguments") orelse return &.{};
    if (arguments[0] == 'n') return &.{};
    if (arguments[0] != '{') return null;
    var pairs: List(Pair) = .empty;
    var scanner = json.Scanner.init(arguments);
    scanner.surrogates = .any;
    var members = scanner.members() catch return null;
    while (members.next() catch return null) |raw| {
        const value = scanner.value() catch return null;
        if (value[0] != '"' or pairs.items.len == max_context) return null;
        const pair: Pair = .{ try json.decodeString(allocator, raw), try json.decodeString(allocator, value) };
        for (pairs.items, 0..) |earlier, i| if (bytes.equal(earlier[0], pair[0])) {
            _ = pairs.orderedRemove(i);
            break;
        };
        try pairs.append(allocator, pair);
    }
    return pairs.items;
}

test "valid params" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const text =
        \\{"ref":{"type":"ref\/prompt","name":"\u0070"},"argument":{"name":"n","value":""},
        \\"context":{"arguments":{"a":"1","b":"2","\u0061":"3"}}}
    ;
    const got = (try read(arena.allocator(), text, true)).read;
    try std.testing.expectEqual(.prompt, got.kind);
    try std.testing.expectEqualStrings("prompt p", try got.key(arena.allocator()));
    try std.testing.expectEqualStrings("n", got.name);
    try std.testing.expectEqualStrings("", got.value);
    try std.testing.expectEqual(2, got.context.len);
    try std.testing.expectEqualStrings("3", got.context[1][1]);
}

test "invalid params" {
    var arena = std.heap.ArenaAllocator.init(std.testing.allocator);
    defer arena.deinit();
    const good = "\"ref\":{\"type\":\"ref/resource\",\"uri\":\"a:{b}\"},\"argument\":{\"name\":\"b\",\"value\":\"\"}";
    for ([_][]const u8{
        "{" ++ good ++ "}",
        "{" ++ good ++ ",\"context\":null}",
        "{" ++ good ++ ",\"context\":{}}",
    }) |text|
        try std.testing.expectEqual(.template, (try read(arena.allocator(), text, true)).read.kind);
    for ([_][]const u8{
        "{}",
        "{\"ref\":1}",
        "{\"ref\":{}}",
        "{\"ref\":{\"type\":\"ref/x\"}}",
        "{\"ref\":{\"type\":\"ref/prompt\",\"uri\":\"x\"}}",
        "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"x\"}}",
        "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"x\"},\"argument\":{\"name\":1}}",
        "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"x\"},\"argument\":{\"name\":\"y\"}}",
        "{" ++ good ++ ",\"context\":1}",
        "{" ++ good ++ ",\"context\":{\"arguments\":[]}}",
        "{" ++ good ++ ",\"context\":{\"arguments\":{\"a\":1}}}",
    }) |text| switch (try read(arena.allocator(), text, true)) {
        .wrong => {},
        .read => return error.TestUnexpectedResult,
    };
}
