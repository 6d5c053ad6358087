//! Parser of serialised tools, for middleware that inspects or changes a list.

const std = @import("std");
const lib = @import("lib");
const types = @import("wit.zig").types;

const json = lib.json;
const Error = std.mem.Allocator.Error;

/// Return the tools in the items of a list, which this component has written or validated. Members with a wrong type
/// are left out.
pub fn read(allocator: std.mem.Allocator, items: []const u8) Error![]const types.Tool {
    const array = try std.mem.concat(allocator, u8, &.{ "[", items, "]" });
    var tools: lib.List(types.Tool) = .empty;
    var scanner = json.Scanner.init(array);
    scanner.surrogates = .any;
    var each = scanner.items() catch return &.{};
    while (each.next() catch false) {
        const text = scanner.value() catch break;
        if (text[0] == '{') try tools.append(allocator, try readTool(allocator, text));
    }
    return tools.items;
}

fn readTool(allocator: std.mem.Allocator, text: []const u8) Error!types.Tool {
    var tool: types.Tool = .{ .name = "", .input_schema = "{}" };
    var extra = lib.Writer.init(allocator);
    var scanner = json.Scanner.init(text);
    scanner.surrogates = .any;
    var members = scanner.members() catch return tool;
    while (members.next() catch null) |name| {
        const value = scanner.value() catch break;
        if (json.equals(name, "name")) {
            tool.name = try string(allocator, value) orelse "";
        } else if (json.equals(name, "title")) {
            tool.title = try string(allocator, value);
        } else if (json.equals(name, "description")) {
            tool.description = try string(allocator, value);
        } else if (json.equals(name, "inputSchema")) {
            tool.input_schema = value;
        } else if (json.equals(name, "outputSchema")) {
            tool.output_schema = value;
        } else if (json.equals(name, "annotations")) {
            tool.annotations = .{
                .title = if (json.member(value, "title")) |title| try string(allocator, title) else null,
                .read_only = flag(value, "readOnlyHint"),
                .destructive = flag(value, "destructiveHint"),
                .idempotent = flag(value, "idempotentHint"),
                .open_world = flag(value, "openWorldHint"),
            };
        } else if (json.equals(name, "icons")) {
            tool.icons = try icons(allocator, value);
        } else if (json.equals(name, "_meta")) {
            tool.meta = value;
        } else {
            if (extra.text().len == 0) try extra.open('{');
            try extra.value(name);
            try extra.raw(":");
            try extra.value(value);
        }
    }
    if (extra.text().len > 0) {
        try extra.close('}');
        tool.extra = extra.text();
    }
    return tool;
}

fn string(allocator: std.mem.Allocator, value: []const u8) Error!?[]const u8 {
    return if (value[0] == '"') try json.decodeString(allocator, value) else null;
}

fn flag(object: []const u8, name: []const u8) ?bool {
    return switch ((json.member(object, name) orelse return null)[0]) {
        't' => true,
        'f' => false,
        else => null,
    };
}

fn icons(allocator: std.mem.Allocator, array: []const u8) Error![]const types.Icon {
    var list: lib.List(types.Icon) = .empty;
    var scanner = json.Scanner.init(array);
    var each = scanner.items() catch return &.{};
    while (each.next() catch false) {
        const text = scanner.value() catch break;
        try list.append(allocator, .{
            .src = try string(allocator, json.member(text, "src") orelse "\"\"") orelse "",
            .mime_type = if (json.member(text, "mimeType")) |value| try string(allocator, value) else null,
            .sizes = try sizes(allocator, json.member(text, "sizes") orelse "[]"),
            .theme = if (json.member(text, "theme")) |value| theme(value) else null,
        });
    }
    return list.items;
}

fn sizes(allocator: std.mem.Allocator, array: []const u8) Error![]const []const u8 {
    var list: lib.List([]const u8) = .empty;
    var scanner = json.Scanner.init(array);
    var each = scanner.items() catch return &.{};
    while (each.next() catch false) {
        const value = scanner.value() catch break;
        if (try string(allocator, value)) |text| try list.append(allocator, text);
    }
    return list.items;
}

fn theme(value: []const u8) ?types.IconTheme {
    if (value[0] != '"') return null;
    return if (json.equals(value, "dark")) .dark else if (json.equals(value, "light")) .light else null;
}
