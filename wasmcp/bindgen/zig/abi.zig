//! Lifting and lowering by the Canonical ABI, directed by Zig types, all at compile time.
//!
//! Source: component-model, design/mvp/CanonicalABI.md ("Alignment", "Element Size", "Loading", "Storing",
//! "Flattening", "Flat Lifting", "Flat Lowering"). How WIT types map to Zig types is told in `wasmcp/bindgen/README.md`.
//!
//! A flat value travels in a slot of 64 raw bits. So the joins of variant cases (i32 with f32, f32 with i64, ...) need
//! no code: a slot holds the bits, and only the border to the core function knows the type.
const std = @import("std");
pub const memory = @import("memory.zig");

/// The two ways a `result<T, E>` ends. A missing `T` or `E` is `void`.
pub fn Result(comptime T: type, comptime E: type) type {
    return union(enum(u8)) {
        ok: T,
        err: E,

        pub const Ok = T;
        pub const Err = E;

        /// The value, or `error.Err`: for callers that don't care which error it was.
        pub fn get(self: @This()) error{Err}!T {
            return switch (self) {
                .ok => |value| value,
                .err => error.Err,
            };
        }
    };
}

/// A `borrow<R>` inside another type. As a parameter of its own it is unwrapped.
pub fn Borrowed(comptime R: type) type {
    return struct {
        resource: R.BorrowedAs,

        pub const wit_kind: Kind = .borrowed;
        pub const Resource = R;
    };
}

/// What this component's own resource looks like to it: an own handle to an object of its type `Implementation`.
pub fn Exported(comptime Implementation: type, comptime module: []const u8, comptime name: []const u8) type {
    return struct {
        handle: u32,

        const Self = @This();
        pub const wit_kind: Kind = .own;
        pub const is_exported = true;
        pub const Object = Implementation;
        pub const BorrowedAs = *Implementation;

        /// A new handle to an object. The object must stay where it is until its `deinit` has run.
        pub fn new(object: *Implementation) Self {
            return .{ .handle = call(module, "[resource-new]" ++ name, &.{u32}, u32, .{@intFromPtr(object)}) };
        }

        /// The object behind a handle that this component owns.
        pub fn rep(self: Self) *Implementation {
            return @ptrFromInt(call(module, "[resource-rep]" ++ name, &.{u32}, u32, .{self.handle}));
        }

        /// Give the handle up: runs `Implementation.deinit` at once.
        pub fn drop(self: Self) void {
            call(module, "[resource-drop]" ++ name, &.{u32}, void, .{self.handle});
        }
    };
}

pub const Kind = enum { bool, int, float, char, list, option, record, flags, variant, enumeration, own, borrowed };

fn kind(comptime T: type) Kind {
    if (T == u21) return .char;
    return switch (@typeInfo(T)) {
        .bool => .bool,
        .int => .int,
        .float => .float,
        .pointer => .list,
        .optional => .option,
        .@"enum" => .enumeration,
        .@"union" => .variant,
        .@"struct" => |info| if (@hasDecl(T, "wit_kind")) T.wit_kind else if (info.layout == .@"packed") .flags else .record,
        else => @compileError("`" ++ @typeName(T) ++ "` is no WIT type"),
    };
}

// ---------------------------------------------------------------------------------------------------- in memory

fn Discriminant(comptime T: type) type {
    const cases = @typeInfo(T).@"union".field_names.len;
    return if (cases <= 1 << 8) u8 else if (cases <= 1 << 16) u16 else u32;
}

fn Backing(comptime T: type) type {
    return switch (@typeInfo(T)) {
        .@"enum" => |info| info.tag_type,
        .@"struct" => |info| info.backing_integer.?,
        else => unreachable,
    };
}

/// The alignment of a value in memory, in bytes.
pub fn alignOf(comptime T: type) usize {
    if (T == void) return 1;
    switch (kind(T)) {
        .bool => return 1,
        .int, .float => return @sizeOf(T),
        .char, .list, .own, .borrowed => return 4,
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

/// The size of a value in memory, in bytes, a multiple of its alignment.
pub fn sizeOf(comptime T: type) usize {
    @setEvalBranchQuota(1_000_000);
    if (T == void) return 0;
    switch (kind(T)) {
        .bool => return 1,
        .int, .float => return @sizeOf(T),
        .char, .own, .borrowed => return 4,
        .list => return 8,
        .flags, .enumeration => return @sizeOf(Backing(T)),
        .option => return std.mem.alignForward(usize, payloadOffset(T) + sizeOf(@typeInfo(T).optional.child), alignOf(T)),
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

/// Where field `index` begins; for `index == types.len`, where the last one ends.
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

/// Read a value from memory. Strings and lists of plain values stay where they are; other lists are made anew.
pub fn load(comptime T: type, from: [*]const u8) T {
    if (T == void) return {};
    switch (comptime kind(T)) {
        .bool => return from[0] != 0,
        .int, .float => return @as(*align(1) const T, @ptrCast(from)).*,
        .char => return @truncate(load(u32, from)),
        .own => return .{ .handle = load(u32, from) },
        .borrowed => return liftBorrowed(T, load(u32, from)),
        .list => return liftList(@typeInfo(T).pointer.child, load(u32, from), load(u32, from + 4)),
        .flags => return @bitCast(load(Backing(T), from)),
        .enumeration => return @fromBackingInt(@intCast(load(Backing(T), from))),
        .option => return if (from[0] == 0) null else load(@typeInfo(T).optional.child, from + comptime payloadOffset(T)),
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

/// Write a value to memory. Strings and lists of plain values are pointed to, not copied.
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

// A union's tag values are its cases' indices: the generator never gives others.
fn caseOf(comptime T: type, discriminant: u32) Tag(T) {
    return @fromBackingInt(@intCast(@as(@typeInfo(Tag(T)).@"enum".tag_type, @intCast(discriminant))));
}

fn indexOf(comptime T: type, comptime case: Tag(T)) comptime_int {
    return @backingInt(case);
}

/// Whether Zig keeps a value in memory just as the Canonical ABI does, so that lists need no conversion.
fn isPlain(comptime T: type) bool {
    return switch (kind(T)) {
        .bool, .int, .float, .flags, .enumeration => true,
        else => false,
    };
}

fn liftList(comptime E: type, address: usize, len: usize) []const E {
    if (len == 0) return &.{};
    if (comptime isPlain(E)) return @as([*]const E, @ptrFromInt(address))[0..len];
    const from: [*]const u8 = @ptrFromInt(address);
    const list = memory.alloc(E, len);
    for (list, 0..) |*element, i| element.* = load(E, from + i * comptime sizeOf(E));
    return list;
}

/// Pointer and length.
fn lowerList(comptime E: type, list: []const E) [2]u32 {
    // An empty slice's pointer may be anything; the ABI wants an aligned one within memory.
    if (list.len == 0) return .{ 8, 0 };
    if (comptime isPlain(E)) return .{ @intFromPtr(list.ptr), list.len };
    const size = comptime sizeOf(E);
    const to = memory.alignedBytes(std.math.mul(usize, list.len, size) catch @trap(), comptime alignOf(E));
    for (list, 0..) |element, i| store(E, element, to + i * size);
    return .{ @intFromPtr(to), list.len };
}

fn liftBorrowed(comptime T: type, core: u32) T {
    if (T.Resource.is_exported) return .{ .resource = @ptrFromInt(core) };
    return .{ .resource = .{ .handle = core } };
}

fn lowerBorrowed(comptime T: type, value: T) u32 {
    // Only imported functions get borrows from here, and those are of imported resources.
    return value.resource.handle;
}

// ---------------------------------------------------------------------------------------------------------- flat

const Core = enum { i32, i64, f32, f64 };

fn CoreType(comptime core: Core) type {
    return switch (core) {
        .i32 => i32,
        .i64 => i64,
        .f32 => f32,
        .f64 => f64,
    };
}

/// The core values a value flattens to.
fn flatten(comptime T: type) []const Core {
    comptime {
        @setEvalBranchQuota(1_000_000);
        if (T == void) return &.{};
        return switch (kind(T)) {
            .bool, .char, .flags, .enumeration, .own, .borrowed => &.{.i32},
            .int => if (@bitSizeOf(T) == 64) &.{.i64} else &.{.i32},
            .float => if (T == f64) &.{.f64} else &.{.f32},
            .list => &.{ .i32, .i32 },
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

fn flattenAll(comptime types: []const type) []const Core {
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
            const core: Core = if (i >= a.len) b[i] else if (i >= b.len or a[i] == b[i]) a[i] else if ((a[i] == .i32 and b[i] == .f32) or (a[i] == .f32 and b[i] == .i32)) .i32 else .i64;
            result = result ++ &[_]Core{core};
        }
        return result;
    }
}

/// Fill `flatten(T).len` slots.
fn lower(comptime T: type, value: T, slots: [*]u64) void {
    if (T == void) return;
    switch (comptime kind(T)) {
        .bool => slots[0] = @intFromBool(value),
        .int => slots[0] = if (@bitSizeOf(T) == 64) @bitCast(value) else if (@typeInfo(T).int.signedness == .signed) @as(u32, @bitCast(@as(i32, value))) else value,
        .float => slots[0] = if (T == f64) @as(u64, @bitCast(value)) else @as(u32, @bitCast(value)),
        .char => slots[0] = value,
        .own => slots[0] = value.handle,
        .borrowed => slots[0] = lowerBorrowed(T, value),
        .list => {
            const list = lowerList(@typeInfo(T).pointer.child, value);
            slots[0] = list[0];
            slots[1] = list[1];
        },
        .flags => slots[0] = @as(Backing(T), @bitCast(value)),
        .enumeration => slots[0] = @backingInt(value),
        .option => {
            slots[0] = @intFromBool(value != null);
            if (value) |payload| lower(@typeInfo(T).optional.child, payload, slots + 1) else @memset(slots[1..comptime flatten(T).len], 0);
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
                    slots[0] = comptime indexOf(T, case);
                    lower(@TypeOf(payload), payload, slots + 1);
                    const used = 1 + comptime flatten(@TypeOf(payload)).len;
                    if (used < all) @memset(slots[used..all], 0);
                },
            }
        },
    }
}

/// Read `flatten(T).len` slots.
fn lift(comptime T: type, slots: [*]const u64) T {
    if (T == void) return {};
    switch (comptime kind(T)) {
        .bool => return @as(u32, @truncate(slots[0])) != 0,
        .int => return if (@typeInfo(T).int.signedness == .signed) @bitCast(@as(@Int(.unsigned, @bitSizeOf(T)), @truncate(slots[0]))) else @truncate(slots[0]),
        .float => return if (T == f64) @bitCast(slots[0]) else @bitCast(@as(u32, @truncate(slots[0]))),
        .char => return @truncate(slots[0]),
        .own => return .{ .handle = @truncate(slots[0]) },
        .borrowed => return liftBorrowed(T, @truncate(slots[0])),
        .list => return liftList(@typeInfo(T).pointer.child, @as(u32, @truncate(slots[0])), @as(u32, @truncate(slots[1]))),
        .flags => return @bitCast(@as(Backing(T), @truncate(slots[0]))),
        .enumeration => return @fromBackingInt(@intCast(@as(Backing(T), @truncate(slots[0])))),
        .option => return if (@as(u32, @truncate(slots[0])) == 0) null else lift(@typeInfo(T).optional.child, slots + 1),
        .record => {
            const info = @typeInfo(T).@"struct";
            var value: T = undefined;
            inline for (info.field_names, info.field_types, 0..) |name, F, i| {
                @field(value, name) = lift(F, slots + comptime flattenAll(info.field_types[0..i]).len);
            }
            return value;
        },
        .variant => {
            switch (caseOf(T, @truncate(slots[0]))) {
                inline else => |case| return @unionInit(T, @tagName(case), lift(@FieldType(T, @tagName(case)), slots + 1)),
            }
        },
    }
}

/// The bits of a core value.
fn raw(value: anytype) u64 {
    return switch (@TypeOf(value)) {
        i32 => @as(u32, @bitCast(value)),
        i64 => @bitCast(value),
        f32 => @as(u32, @bitCast(value)),
        f64 => @bitCast(value),
        else => @compileError("no core type"),
    };
}

fn cooked(comptime T: type, bits: u64) T {
    return switch (T) {
        void => {},
        i32 => @bitCast(@as(u32, @truncate(bits))),
        i64 => @bitCast(bits),
        f32 => @bitCast(@as(u32, @truncate(bits))),
        f64 => @bitCast(bits),
        else => @compileError("no core type"),
    };
}

// --------------------------------------------------------------------------------------------------------- calls

const max_flat_params = 16;
const max_flat_results = 1;

fn coreTypes(comptime flat: []const Core) []const type {
    comptime {
        var types: []const type = &.{};
        for (flat) |core| types = types ++ &[_]type{CoreType(core)};
        return types;
    }
}

fn CoreFn(comptime params: []const type, comptime R: type) type {
    return @Fn(params, &@splat(.{}), R, .{ .@"callconv" = .c });
}

/// Call an imported function.
pub fn call(comptime module: []const u8, comptime name: []const u8, comptime params: []const type, comptime R: type, args: @Tuple(params)) R {
    const flat = comptime flattenAll(params);
    const spilled = flat.len > max_flat_params;
    const flat_result = comptime flatten(R);
    const by_pointer = flat_result.len > max_flat_results;
    const types = comptime (if (spilled) &[_]type{i32} else coreTypes(flat)) ++ (if (by_pointer) &[_]type{i32} else &[_]type{});
    const CoreResult = if (by_pointer or R == void) void else CoreType(flat_result[0]);
    const function = @extern(*const CoreFn(types, CoreResult), .{ .name = name, .library_name = module });

    var slots: [types.len]u64 = undefined;
    var spill: [if (spilled) sizeOf(@Tuple(params)) else 0]u8 align(8) = undefined;
    if (spilled) {
        store(@Tuple(params), args, &spill);
        slots[0] = @intFromPtr(&spill);
    } else {
        inline for (params, 0..) |P, i| {
            if (comptime flatten(P).len > 0) lower(P, args[i], @as([*]u64, &slots) + comptime flattenAll(params[0..i]).len);
        }
    }
    var area: [if (by_pointer) sizeOf(R) else 0]u8 align(8) = undefined;
    if (by_pointer) slots[types.len - 1] = @intFromPtr(&area);

    var core: @Tuple(types) = undefined;
    inline for (types, 0..) |T, i| core[i] = cooked(T, slots[i]);
    const result = @call(.auto, function, core);
    if (by_pointer) return load(R, &area);
    if (R == void) return;
    return lift(R, &[_]u64{raw(result)});
}

/// Export `Implementation.member` under `name`. `params` and `R` are those of WIT; `signature` is what the author must write.
pub fn exportFunction(comptime name: []const u8, comptime params: []const type, comptime R: type, comptime Implementation: type, comptime member: []const u8, comptime signature: []const u8) void {
    if (!@hasDecl(Implementation, member)) @compileError("`" ++ @typeName(Implementation) ++ "` must have `pub fn " ++ signature ++ "`");
    const flat = flattenAll(params);
    const spilled = flat.len > max_flat_params;
    const flat_result = flatten(R);
    const by_pointer = flat_result.len > max_flat_results;
    const CoreResult = if (by_pointer) i32 else if (R == void) void else CoreType(flat_result[0]);

    const Glue = struct {
        // Read before this instance runs again: one is enough.
        var area: [if (by_pointer) sizeOf(R) else 0]u8 align(8) = undefined;

        fn run(slots: [*]const u64) CoreResult {
            memory.enter();
            var args: @Tuple(params) = undefined;
            if (spilled) {
                args = load(@Tuple(params), @ptrFromInt(@as(u32, @truncate(slots[0]))));
            } else {
                inline for (params, 0..) |P, i| args[i] = lift(P, slots + comptime flattenAll(params[0..i]).len);
            }
            const result = invoke(args);
            inline for (params, 0..) |P, i| dropBorrows(P, args[i]);
            if (by_pointer) {
                store(R, result, &area);
                return cooked(i32, @intFromPtr(&area));
            }
            memory.leave();
            if (R == void) return;
            var slot: [1]u64 = undefined;
            lower(R, result, &slot);
            return cooked(CoreResult, slot[0]);
        }

        inline fn invoke(args: @Tuple(params)) R {
            const types = comptime types: {
                var types: []const type = &.{};
                for (params) |P| types = types ++ &[_]type{if (isBorrowed(P)) P.Resource.BorrowedAs else P};
                break :types types;
            };
            var unwrapped: @Tuple(types) = undefined;
            inline for (params, 0..) |P, i| unwrapped[i] = if (comptime isBorrowed(P)) args[i].resource else args[i];
            const returned = @call(.auto, @field(Implementation, member), unwrapped);
            if (@typeInfo(@TypeOf(returned)) == .error_union) return returned catch @trap();
            return returned;
        }

        fn post(_: i32) callconv(.c) void {
            memory.leave();
        }
    };
    const types = if (spilled) &[_]type{i32} else coreTypes(flat);
    @export(&Shim(types, CoreResult, Glue.run).shim, .{ .name = name });
    if (by_pointer) @export(&Glue.post, .{ .name = "cabi_post_" ++ name });
}

/// Export what runs when the last handle to an exported resource is gone: `Object.deinit`, where there is one.
pub fn exportDestructor(comptime name: []const u8, comptime Object: type) void {
    const Glue = struct {
        fn run(rep: i32) callconv(.c) void {
            const object: *Object = @ptrFromInt(@as(u32, @bitCast(rep)));
            memory.enter();
            if (@hasDecl(Object, "deinit")) object.deinit();
            memory.leave();
        }
    };
    @export(&Glue.run, .{ .name = name });
}

pub fn exportRealloc() void {
    @export(&memory.cabiRealloc, .{ .name = "cabi_realloc" });
}

fn isBorrowed(comptime T: type) bool {
    return T != void and kind(T) == .borrowed;
}

/// Whether a value can hold borrowed handles that must be dropped before the call returns.
fn holdsBorrows(comptime T: type) bool {
    comptime {
        @setEvalBranchQuota(1_000_000);
        if (T == void) return false;
        const parts: []const type = switch (kind(T)) {
            .borrowed => return !T.Resource.is_exported,
            .list => &.{@typeInfo(T).pointer.child},
            .option => &.{@typeInfo(T).optional.child},
            .record => @typeInfo(T).@"struct".field_types,
            .variant => @typeInfo(T).@"union".field_types,
            else => return false,
        };
        for (parts) |P| if (holdsBorrows(P)) return true;
        return false;
    }
}

fn dropBorrows(comptime T: type, value: T) void {
    if (comptime !holdsBorrows(T)) return;
    switch (comptime kind(T)) {
        .borrowed => value.resource.drop(),
        .list => for (value) |element| dropBorrows(@typeInfo(T).pointer.child, element),
        .option => if (value) |payload| dropBorrows(@typeInfo(T).optional.child, payload),
        .record => {
            const info = @typeInfo(T).@"struct";
            inline for (info.field_names, info.field_types) |name, F| dropBorrows(F, @field(value, name));
        },
        .variant => switch (value) {
            inline else => |payload| dropBorrows(@TypeOf(payload), payload),
        },
        else => comptime unreachable,
    }
}

/// A core function of exactly these parameters, which Zig can't write with a computed count.
fn Shim(comptime P: []const type, comptime R: type, comptime run: fn ([*]const u64) R) type {
    return switch (P.len) {
        0 => struct {
            fn shim() callconv(.c) R {
                return run(&[_]u64{});
            }
        },
        1 => struct {
            fn shim(a: P[0]) callconv(.c) R {
                return run(&[_]u64{raw(a)});
            }
        },
        2 => struct {
            fn shim(a: P[0], b: P[1]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b) });
            }
        },
        3 => struct {
            fn shim(a: P[0], b: P[1], c: P[2]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c) });
            }
        },
        4 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d) });
            }
        },
        5 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e) });
            }
        },
        6 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f) });
            }
        },
        7 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g) });
            }
        },
        8 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g), raw(h) });
            }
        },
        9 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7], i: P[8]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g), raw(h), raw(i) });
            }
        },
        10 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7], i: P[8], j: P[9]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g), raw(h), raw(i), raw(j) });
            }
        },
        11 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7], i: P[8], j: P[9], k: P[10]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g), raw(h), raw(i), raw(j), raw(k) });
            }
        },
        12 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7], i: P[8], j: P[9], k: P[10], l: P[11]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g), raw(h), raw(i), raw(j), raw(k), raw(l) });
            }
        },
        13 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7], i: P[8], j: P[9], k: P[10], l: P[11], m: P[12]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g), raw(h), raw(i), raw(j), raw(k), raw(l), raw(m) });
            }
        },
        14 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7], i: P[8], j: P[9], k: P[10], l: P[11], m: P[12], n: P[13]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g), raw(h), raw(i), raw(j), raw(k), raw(l), raw(m), raw(n) });
            }
        },
        15 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7], i: P[8], j: P[9], k: P[10], l: P[11], m: P[12], n: P[13], o: P[14]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g), raw(h), raw(i), raw(j), raw(k), raw(l), raw(m), raw(n), raw(o) });
            }
        },
        16 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7], i: P[8], j: P[9], k: P[10], l: P[11], m: P[12], n: P[13], o: P[14], p: P[15]) callconv(.c) R {
                return run(&[_]u64{ raw(a), raw(b), raw(c), raw(d), raw(e), raw(f), raw(g), raw(h), raw(i), raw(j), raw(k), raw(l), raw(m), raw(n), raw(o), raw(p) });
            }
        },
        else => unreachable,
    };
}
