//! JSON text: members of objects as raw text, for answers of clients with unknown members.
const std = @import("std");
const memory = @import("bindings").memory;

pub const Member = struct { name: []const u8, value: []const u8 };

/// Return the members of an object, in order; null if the text is not an object.
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

/// Return the items of an array, in order; null if the text is not an array.
pub fn items(text: []const u8) ?[]const []const u8 {
    var scanner: std.json.Scanner = .initCompleteInput(memory.allocator, text);
    if ((scanner.next() catch return null) != .array_begin) return null;
    var list: std.ArrayList([]const u8) = .empty;
    while ((scanner.peekNextTokenType() catch return null) != .array_end) {
        const start = scanner.cursor;
        scanner.skipValue() catch return null;
        list.append(memory.allocator, text[start..scanner.cursor]) catch return null;
    }
    return list.items;
}

/// Return the value of a member of an object; the last one of duplicates.
pub fn member(text: []const u8, name: []const u8) ?[]const u8 {
    var found: ?[]const u8 = null;
    for (members(text) orelse return null) |each| {
        if (std.mem.eql(u8, each.name, name)) found = each.value;
    }
    return found;
}

/// Decode a JSON string; null for other values.
pub fn string(value: ?[]const u8) ?[]const u8 {
    const text = value orelse return null;
    var scanner: std.json.Scanner = .initCompleteInput(memory.allocator, text);
    return switch (scanner.nextAlloc(memory.allocator, .alloc_if_needed) catch return null) {
        .string, .allocated_string => |plain| plain,
        else => null,
    };
}
