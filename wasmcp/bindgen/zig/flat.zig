//! Values as core parameters and results (CanonicalABI.md, "Flattening", "Flat Lifting", "Flat Lowering").
//!
//! A flat value is stored in a slot of 64 raw bits. The joins of variant cases (i32 with f32, f32 with i64, ...)
//! therefore need no code: only the boundary to the core function uses the core type.
const std = @import("std");
const layout = @import("layout.zig");
const wit = @import("types.zig");

const Backing = wit.Backing;
const kind = wit.kind;

/// The core types of flat values.
pub const Core = enum { i32, i64, f32, f64 };

pub fn CoreType(comptime core: Core) type {
    return switch (core) {
        .i32 => i32,
        .i64 => i64,
        .f32 => f32,
        .f64 => f64,
    };
}

/// Return the core types that a value flattens to.
pub fn flatten(comptime T: type) []const Core {
    comptime {
        @setEvalBranchQuota(1_000_000);
        if (T == void) return &.{};
        return switch (kind(T)) {
            .bool, .char, .flags, .enumeration, .own, .borrowed => &.{.i32},
            .int => if (@bitSizeOf(T) == 64) &.{.i64} else &.{.i32},
            .float => if (T == f64) &.{.f64} else &.{.f32},
            .list, .stored_list => &.{ .i32, .i32 },
            .option => &[_]Core{.i32} ++ flatten(@typeInfo(T).optional.child),
            .record => flattenAll(@typeInfo(T).@"struct".field_types),
            .variant => {
                var joined: []const Core = &.{};
                for (@typeInfo(T).@"union".field_types) |P| joined = join(joined, flatten(P));
                return &[_]Core{.i32} ++ joined;
            },
        };
    }
}

pub fn flattenAll(comptime types: []const type) []const Core {
    comptime {
        @setEvalBranchQuota(1_000_000);
        var result: []const Core = &.{};
        for (types) |T| result = result ++ flatten(T);
        return result;
    }
}

fn join(comptime a: []const Core, comptime b: []const Core) []const Core {
    comptime {
        var result: []const Core = &.{};
        for (0..@max(a.len, b.len)) |i| {
            const core: Core = if (i >= a.len)
                b[i]
            else if (i >= b.len or a[i] == b[i])
                a[i]
            else if ((a[i] == .i32 and b[i] == .f32) or (a[i] == .f32 and b[i] == .i32))
                .i32
            else
                .i64;
            result = result ++ &[_]Core{core};
        }
        return result;
    }
}

/// Fill `flatten(T).len` slots.
pub fn lower(comptime T: type, value: T, slots: [*]u64) void {
    if (T == void) return;
    switch (comptime kind(T)) {
        .bool => slots[0] = @intFromBool(value),
        .int => slots[0] = if (@bitSizeOf(T) == 64)
            @bitCast(value)
        else if (@typeInfo(T).int.signedness == .signed)
            @as(u32, @bitCast(@as(i32, value)))
        else
            value,
        .float => slots[0] = if (T == f64) @as(u64, @bitCast(value)) else @as(u32, @bitCast(value)),
        .char => slots[0] = value,
        .own => slots[0] = value.handle,
        .borrowed => slots[0] = layout.lowerBorrowed(T, value),
        .list => {
            const list = layout.lowerList(@typeInfo(T).pointer.child, value);
            slots[0] = list[0];
            slots[1] = list[1];
        },
        .stored_list => {
            slots[0] = value.address;
            slots[1] = value.len;
        },
        .flags => slots[0] = @as(Backing(T), @bitCast(value)),
        .enumeration => slots[0] = @backingInt(value),
        .option => {
            slots[0] = @intFromBool(value != null);
            if (value) |payload|
                lower(@typeInfo(T).optional.child, payload, slots + 1)
            else
                @memset(slots[1..comptime flatten(T).len], 0);
        },
        .record => {
            const info = @typeInfo(T).@"struct";
            inline for (info.field_names, info.field_types, 0..) |name, F, i| {
                lower(F, @field(value, name), slots + comptime flattenAll(info.field_types[0..i]).len);
            }
        },
        .variant => {
            const all = comptime flatten(T).len;
            switch (value) {
                inline else => |payload, case| {
                    slots[0] = comptime layout.indexOf(T, case);
                    lower(@TypeOf(payload), payload, slots + 1);
                    const used = 1 + comptime flatten(@TypeOf(payload)).len;
                    if (used < all) @memset(slots[used..all], 0);
                },
            }
        },
    }
}

/// Read `flatten(T).len` slots.
pub fn lift(comptime T: type, slots: [*]const u64) T {
    if (T == void) return {};
    switch (comptime kind(T)) {
        .bool => return @as(u32, @truncate(slots[0])) != 0,
        .int => return if (@typeInfo(T).int.signedness == .signed)
            @bitCast(@as(@Int(.unsigned, @bitSizeOf(T)), @truncate(slots[0])))
        else
            @truncate(slots[0]),
        .float => return if (T == f64) @bitCast(slots[0]) else @bitCast(@as(u32, @truncate(slots[0]))),
        .char => return @truncate(slots[0]),
        .own => return .{ .handle = @truncate(slots[0]) },
        .borrowed => return layout.liftBorrowed(T, @truncate(slots[0])),
        .list => return layout.liftList(
            @typeInfo(T).pointer.child,
            @as(u32, @truncate(slots[0])),
            @as(u32, @truncate(slots[1])),
        ),
        .stored_list => return .{ .address = @as(u32, @truncate(slots[0])), .len = @as(u32, @truncate(slots[1])) },
        .flags => return @bitCast(@as(Backing(T), @truncate(slots[0]))),
        .enumeration => return @fromBackingInt(@intCast(@as(Backing(T), @truncate(slots[0])))),
        .option => return if (@as(u32, @truncate(slots[0])) == 0)
            null
        else
            lift(@typeInfo(T).optional.child, slots + 1),
        .record => {
            const info = @typeInfo(T).@"struct";
            var value: T = undefined;
            inline for (info.field_names, info.field_types, 0..) |name, F, i| {
                @field(value, name) = lift(F, slots + comptime flattenAll(info.field_types[0..i]).len);
            }
            return value;
        },
        .variant => {
            switch (layout.caseOf(T, @truncate(slots[0]))) {
                inline else => |case| return @unionInit(
                    T,
                    @tagName(case),
                    lift(@FieldType(T, @tagName(case)), slots + 1),
                ),
            }
        },
    }
}

/// Return the bits of a core value.
pub fn raw(value: anytype) u64 {
    return switch (@TypeOf(value)) {
        i32 => @as(u32, @bitCast(value)),
        i64 => @bitCast(value),
        f32 => @as(u32, @bitCast(value)),
        f64 => @bitCast(value),
        else => @compileError("not a core type"),
    };
}

pub fn cooked(comptime T: type, bits: u64) T {
    return switch (T) {
        void => {},
        i32 => @bitCast(@as(u32, @truncate(bits))),
        i64 => @bitCast(bits),
        f32 => @bitCast(@as(u32, @truncate(bits))),
        f64 => @bitCast(bits),
        else => @compileError("not a core type"),
    };
}
