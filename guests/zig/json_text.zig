//! Members of JSON objects as they stand in the text, for answers of clients, which may hold more than is looked at.
const std = @import("std");
const memory = @import("bindings").memory;

pub const Member = struct { name: []const u8, value: []const u8 };

/// The members of an object, in order; null when the text is none.
pub fn members(text: []const u8) ?[]const Member {
    var scanner: std.json.Scanner = .initCompleteInput(memory.allocator, text);
    if ((scanner.next() catch return null) != .object_begin) return null;
    var list: std.ArrayList(Member) = .empty;
    while ((scanner.peekNextTokenType() catch return null) != .object_end) {
        const name = switch (scanner.nextAlloc(memory.allocator, .alloc_if_needed) catch return null) {
            .string, .allocated_string => |name| name,
            else => return null,
        };
        _ = scanner.peekNextTokenType() catch return null;
        const start = scanner.cursor;
        scanner.skipValue() catch return null;
        list.append(memory.allocator, .{ .name = name, .value = text[start..scanner.cursor] }) catch return null;
    }
    return list.items;
}

/// The value of a member of an object; of two with one name the last.
pub fn member(text: []const u8, name: []const u8) ?[]const u8 {
    var found: ?[]const u8 = null;
    for (members(text) orelse return null) |each| {
        if (std.mem.eql(u8, each.name, name)) found = each.value;
    }
    return found;
}

/// What a string says; null when the value is none.
pub fn string(value: ?[]const u8) ?[]const u8 {
    const text = value orelse return null;
    var scanner: std.json.Scanner = .initCompleteInput(memory.allocator, text);
    return switch (scanner.nextAlloc(memory.allocator, .alloc_if_needed) catch return null) {
        .string, .allocated_string => |plain| plain,
        else => null,
    };
}
