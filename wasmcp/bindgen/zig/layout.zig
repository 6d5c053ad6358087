//! Values in memory: alignment, size, loading and storing (CanonicalABI.md, "Alignment" to "Storing").
const std = @import("std");
const memory = @import("memory.zig");
const wit = @import("types.zig");

const Backing = wit.Backing;
const kind = wit.kind;

fn Discriminant(comptime T: type) type {
    const cases = @typeInfo(T).@"union".field_names.len;
    return if (cases <= 1 << 8) u8 else if (cases <= 1 << 16) u16 else u32;
}

/// Return the alignment of a value in memory, in bytes.
pub fn alignOf(comptime T: type) usize {
    if (T == void) return 1;
    switch (kind(T)) {
        .bool => return 1,
        .int, .float => return @sizeOf(T),
        .char, .list, .stored_list, .own, .borrowed => return 4,
        .flags, .enumeration => return @sizeOf(Backing(T)),
        .option => return alignOf(@typeInfo(T).optional.child),
        .record => return maxAlign(1, @typeInfo(T).@"struct".field_types),
        .variant => return maxAlign(@sizeOf(Discriminant(T)), @typeInfo(T).@"union".field_types),
    }
}

fn maxAlign(comptime least: usize, comptime types: []const type) usize {
    @setEvalBranchQuota(1_000_000);
    var result = least;
    for (types) |T| result = @max(result, alignOf(T));
    return result;
}

/// Return the size of a value in memory, in bytes, a multiple of its alignment.
pub fn sizeOf(comptime T: type) usize {
    @setEvalBranchQuota(1_000_000);
    if (T == void) return 0;
    switch (kind(T)) {
        .bool => return 1,
        .int, .float => return @sizeOf(T),
        .char, .own, .borrowed => return 4,
        .list, .stored_list => return 8,
        .flags, .enumeration => return @sizeOf(Backing(T)),
        .option => {
            const end = payloadOffset(T) + sizeOf(@typeInfo(T).optional.child);
            return std.mem.alignForward(usize, end, alignOf(T));
        },
        .record => {
            const types = @typeInfo(T).@"struct".field_types;
            return std.mem.alignForward(usize, fieldOffset(types, types.len), alignOf(T));
        },
        .variant => {
            var largest: usize = 0;
            for (@typeInfo(T).@"union".field_types) |P| largest = @max(largest, sizeOf(P));
            return std.mem.alignForward(usize, payloadOffset(T) + largest, alignOf(T));
        },
    }
}

/// Return the offset of field `index`; for `index == types.len`, the end of the last one.
fn fieldOffset(comptime types: []const type, comptime index: usize) usize {
    @setEvalBranchQuota(1_000_000);
    var offset: usize = 0;
    for (types, 0..) |T, i| {
        offset = std.mem.alignForward(usize, offset, alignOf(T));
        if (i == index) return offset;
        offset += sizeOf(T);
    }
    return offset;
}

fn payloadOffset(comptime T: type) usize {
    const discriminant = if (kind(T) == .option) 1 else @sizeOf(Discriminant(T));
    const alignment = switch (@typeInfo(T)) {
        .optional => |info| alignOf(info.child),
        .@"union" => |info| maxAlign(1, info.field_types),
        else => unreachable,
    };
    return std.mem.alignForward(usize, discriminant, alignment);
}

/// Read a value from memory. Strings and lists of plain values are not copied; other lists are.
pub fn load(comptime T: type, from: [*]const u8) T {
    if (T == void) return {};
    switch (comptime kind(T)) {
        .bool => return from[0] != 0,
        .int, .float => return @as(*align(1) const T, @ptrCast(from)).*,
        .char => return @truncate(load(u32, from)),
        .own => return .{ .handle = load(u32, from) },
        .borrowed => return liftBorrowed(T, load(u32, from)),
        .list => return liftList(@typeInfo(T).pointer.child, load(u32, from), load(u32, from + 4)),
        .stored_list => return .{ .address = load(u32, from), .len = load(u32, from + 4) },
        .flags => return @bitCast(load(Backing(T), from)),
        .enumeration => return @fromBackingInt(@intCast(load(Backing(T), from))),
        .option => return if (from[0] == 0)
            null
        else
            load(@typeInfo(T).optional.child, from + comptime payloadOffset(T)),
        .record => {
            const info = @typeInfo(T).@"struct";
            var value: T = undefined;
            inline for (info.field_names, info.field_types, 0..) |name, F, i| {
                @field(value, name) = load(F, from + comptime fieldOffset(info.field_types, i));
            }
            return value;
        },
        .variant => {
            switch (caseOf(T, load(Discriminant(T), from))) {
                inline else => |case| {
                    const P = @FieldType(T, @tagName(case));
                    return @unionInit(T, @tagName(case), load(P, from + comptime payloadOffset(T)));
                },
            }
        },
    }
}

/// Write a value to memory. Strings and lists of plain values are referenced, not copied.
pub fn store(comptime T: type, value: T, to: [*]u8) void {
    if (T == void) return;
    switch (comptime kind(T)) {
        .bool => to[0] = @intFromBool(value),
        .int, .float => @as(*align(1) T, @ptrCast(to)).* = value,
        .char => store(u32, value, to),
        .own => store(u32, value.handle, to),
        .borrowed => store(u32, lowerBorrowed(T, value), to),
        .list => {
            const list = lowerList(@typeInfo(T).pointer.child, value);
            store(u32, list[0], to);
            store(u32, list[1], to + 4);
        },
        .stored_list => {
            store(u32, value.address, to);
            store(u32, value.len, to + 4);
        },
        .flags => store(Backing(T), @bitCast(value), to),
        .enumeration => store(Backing(T), @backingInt(value), to),
        .option => {
            to[0] = @intFromBool(value != null);
            if (value) |payload| store(@typeInfo(T).optional.child, payload, to + comptime payloadOffset(T));
        },
        .record => {
            const info = @typeInfo(T).@"struct";
            inline for (info.field_names, info.field_types, 0..) |name, F, i| {
                store(F, @field(value, name), to + comptime fieldOffset(info.field_types, i));
            }
        },
        .variant => {
            switch (value) {
                inline else => |payload, case| {
                    store(Discriminant(T), comptime indexOf(T, case), to);
                    store(@TypeOf(payload), payload, to + comptime payloadOffset(T));
                },
            }
        },
    }
}

fn Tag(comptime T: type) type {
    return @typeInfo(T).@"union".tag_type.?;
}

// The tag values of a generated union are the indices of its cases.
pub fn caseOf(comptime T: type, discriminant: u32) Tag(T) {
    return @fromBackingInt(@intCast(@as(@typeInfo(Tag(T)).@"enum".tag_type, @intCast(discriminant))));
}

pub fn indexOf(comptime T: type, comptime case: Tag(T)) comptime_int {
    return @backingInt(case);
}

/// Return true if Zig stores the type exactly as the Canonical ABI does, so that lists need no conversion.
pub fn isPlain(comptime T: type) bool {
    return switch (kind(T)) {
        .bool, .int, .float, .flags, .enumeration => true,
        else => false,
    };
}

pub fn liftList(comptime E: type, address: usize, len: usize) []const E {
    if (comptime isPlain(E)) {
        // Lists without items have an address too: that of `cabi_realloc`, or any that the caller passes.
        @setRuntimeSafety(false);
        return @as([*]const E, @ptrFromInt(address))[0..len];
    }
    if (len == 0) return &.{};
    const from: [*]const u8 = @ptrFromInt(address);
    const list = memory.alloc(E, len);
    for (list, 0..) |*element, i| element.* = load(E, from + i * comptime sizeOf(E));
    return list;
}

/// Return pointer and length.
pub fn lowerList(comptime E: type, list: []const E) [2]u32 {
    // The pointer of an empty slice can be undefined; the ABI requires an aligned one within memory.
    if (list.len == 0) return .{ 8, 0 };
    if (comptime isPlain(E)) return .{ @intFromPtr(list.ptr), list.len };
    const size = comptime sizeOf(E);
    const to = memory.alignedBytes(std.math.mul(usize, list.len, size) catch @trap(), comptime alignOf(E));
    for (list, 0..) |element, i| store(E, element, to + i * size);
    return .{ @intFromPtr(to), list.len };
}

pub fn liftBorrowed(comptime T: type, core: u32) T {
    if (T.Resource.is_exported) return .{ .resource = @ptrFromInt(core) };
    return .{ .resource = .{ .handle = core } };
}

pub fn lowerBorrowed(comptime T: type, value: T) u32 {
    // Only imported functions receive borrows from here, and those are of imported resources.
    return value.resource.handle;
}
