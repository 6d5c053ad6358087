//! Calls to imports and exports by the Canonical ABI, generated at compile time from Zig types.
//!
//! Source: component-model, design/mvp/CanonicalABI.md. `wasmcp/bindgen/README.md` has the mapping of WIT types to Zig
//! types; `types.zig`, `layout.zig` and `flat.zig` convert values.
const std = @import("std");
const flat = @import("flat.zig");
const layout = @import("layout.zig");
const wit = @import("types.zig");
const implementation = @import("implementation");

pub const memory = @import("memory.zig");
pub const Borrowed = wit.Borrowed;
pub const Kind = wit.Kind;
pub const Result = wit.Result;
pub const StoredList = wit.StoredList;

/// True if lists keep their layout in memory, because this component only passes them on. Opted into by `pub const
/// stored_lists = true`. Code that converts every record in both directions would be most of such a component.
const stored_lists = @hasDecl(implementation, "stored_lists") and implementation.stored_lists;

/// A list in a signature or a record: a slice, or, in a component with `stored_lists`, a `StoredList`. Elements with
/// the same layout in Zig and in the ABI are always in a slice.
pub fn List(comptime E: type) type {
    return if (stored_lists and !layout.isPlain(E)) wit.StoredList(E) else []const E;
}

/// Return an empty list.
pub fn none(comptime E: type) List(E) {
    return if (List(E) == []const E) &.{} else .{};
}

/// A handle to this component's own resource: it owns an object of type `Implementation`.
pub fn Exported(comptime Implementation: type, comptime module: []const u8, comptime name: []const u8) type {
    return struct {
        handle: u32,

        const Self = @This();
        pub const wit_kind: Kind = .own;
        pub const is_exported = true;
        pub const Object = Implementation;
        pub const BorrowedAs = *Implementation;

        /// Return a new handle to an object. The object must not move until its `deinit` has run.
        pub fn new(object: *Implementation) Self {
            return .{ .handle = call(module, "[resource-new]" ++ name, &.{u32}, u32, .{@intFromPtr(object)}) };
        }

        /// Return the object of a handle that this component owns.
        pub fn rep(self: Self) *Implementation {
            return @ptrFromInt(call(module, "[resource-rep]" ++ name, &.{u32}, u32, .{self.handle}));
        }

        /// Drop the handle: runs `Implementation.deinit` at once.
        pub fn drop(self: Self) void {
            call(module, "[resource-drop]" ++ name, &.{u32}, void, .{self.handle});
        }
    };
}

const max_flat_params = 16;
const max_core_resultss = 1;

fn coreTypes(comptime cores: []const flat.Core) []const type {
    comptime {
        var types: []const type = &.{};
        for (cores) |core| types = types ++ &[_]type{flat.CoreType(core)};
        return types;
    }
}

fn CoreFn(comptime params: []const type, comptime R: type) type {
    return @Fn(params, &@splat(.{}), R, .{ .@"callconv" = .c });
}

/// Call an imported function.
pub fn call(
    comptime module: []const u8,
    comptime name: []const u8,
    comptime params: []const type,
    comptime R: type,
    args: @Tuple(params),
) R {
    const cores = comptime flat.flattenAll(params);
    const spilled = cores.len > max_flat_params;
    const core_results = comptime flat.flatten(R);
    const by_pointer = core_results.len > max_core_resultss;
    const core_types = comptime (if (spilled) &[_]type{i32} else coreTypes(cores)) ++
        (if (by_pointer) &[_]type{i32} else &[_]type{});
    const CoreResult = if (by_pointer or R == void) void else flat.CoreType(core_results[0]);
    const function = @extern(*const CoreFn(core_types, CoreResult), .{ .name = name, .library_name = module });

    var slots: [core_types.len]u64 = undefined;
    var spill: [if (spilled) layout.sizeOf(@Tuple(params)) else 0]u8 align(8) = undefined;
    if (spilled) {
        layout.store(@Tuple(params), args, &spill);
        slots[0] = @intFromPtr(&spill);
    } else {
        inline for (params, 0..) |P, i| {
            if (comptime flat.flatten(P).len > 0) {
                flat.lower(P, args[i], @as([*]u64, &slots) + comptime flat.flattenAll(params[0..i]).len);
            }
        }
    }
    var area: [if (by_pointer) layout.sizeOf(R) else 0]u8 align(8) = undefined;
    if (by_pointer) slots[core_types.len - 1] = @intFromPtr(&area);

    var core: @Tuple(core_types) = undefined;
    inline for (core_types, 0..) |T, i| core[i] = flat.cooked(T, slots[i]);
    const result = @call(.auto, function, core);
    if (by_pointer) return layout.load(R, &area);
    if (R == void) return;
    return flat.lift(R, &[_]u64{flat.raw(result)});
}

/// Export `Implementation.member` under `name`. `params` and `R` are those of WIT; `signature` is the declaration that
/// the author must write.
pub fn exportFunction(
    comptime name: []const u8,
    comptime params: []const type,
    comptime R: type,
    comptime Implementation: type,
    comptime member: []const u8,
    comptime signature: []const u8,
) void {
    if (!@hasDecl(Implementation, member))
        @compileError("`" ++ @typeName(Implementation) ++ "` must have `pub fn " ++ signature ++ "`");
    const cores = flat.flattenAll(params);
    const spilled = cores.len > max_flat_params;
    const core_results = flat.flatten(R);
    const by_pointer = core_results.len > max_core_resultss;
    const CoreResult = if (by_pointer) i32 else if (R == void) void else flat.CoreType(core_results[0]);

    const Glue = struct {
        // The caller reads it before this instance runs again: one area is enough.
        var area: [if (by_pointer) layout.sizeOf(R) else 0]u8 align(8) = undefined;

        fn run(slots: [*]const u64) CoreResult {
            memory.enter();
            var args: @Tuple(params) = undefined;
            if (spilled) {
                args = layout.load(@Tuple(params), @ptrFromInt(@as(u32, @truncate(slots[0]))));
            } else {
                inline for (params, 0..) |P, i| {
                    args[i] = flat.lift(P, slots + comptime flat.flattenAll(params[0..i]).len);
                }
            }
            const result = invoke(args);
            inline for (params, 0..) |P, i| dropBorrows(P, args[i]);
            if (by_pointer) {
                layout.store(R, result, &area);
                return flat.cooked(i32, @intFromPtr(&area));
            }
            memory.leave();
            if (R == void) return;
            var slot: [1]u64 = undefined;
            flat.lower(R, result, &slot);
            return flat.cooked(CoreResult, slot[0]);
        }

        inline fn invoke(args: @Tuple(params)) R {
            const unwrapped_types = comptime types: {
                var types: []const type = &.{};
                for (params) |P| types = types ++ &[_]type{if (isBorrowed(P)) P.Resource.BorrowedAs else P};
                break :types types;
            };
            var unwrapped: @Tuple(unwrapped_types) = undefined;
            inline for (params, 0..) |P, i| unwrapped[i] = if (comptime isBorrowed(P)) args[i].resource else args[i];
            const returned = @call(.auto, @field(Implementation, member), unwrapped);
            if (@typeInfo(@TypeOf(returned)) == .error_union) return returned catch @trap();
            return returned;
        }

        fn post(_: i32) callconv(.c) void {
            memory.leave();
        }
    };
    const core_types = if (spilled) &[_]type{i32} else coreTypes(cores);
    @export(&Shim(core_types, CoreResult, Glue.run).shim, .{ .name = name });
    if (by_pointer) @export(&Glue.post, .{ .name = "cabi_post_" ++ name });
}

/// Export the destructor of a resource: `Object.deinit`, if declared.
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
    return T != void and wit.kind(T) == .borrowed;
}

/// Return true if a value can contain borrowed handles, which must be dropped before the call returns.
fn holdsBorrows(comptime T: type) bool {
    comptime {
        @setEvalBranchQuota(1_000_000);
        if (T == void) return false;
        const parts: []const type = switch (wit.kind(T)) {
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
    switch (comptime wit.kind(T)) {
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

/// A core function with exactly these parameters: Zig has no function declaration with a computed number of them.
fn Shim(comptime P: []const type, comptime R: type, comptime run: fn ([*]const u64) R) type {
    return switch (P.len) {
        0 => struct {
            fn shim() callconv(.c) R {
                return run(&[_]u64{});
            }
        },
        1 => struct {
            fn shim(a: P[0]) callconv(.c) R {
                return run(&[_]u64{flat.raw(a)});
            }
        },
        2 => struct {
            fn shim(a: P[0], b: P[1]) callconv(.c) R {
                return run(&[_]u64{ flat.raw(a), flat.raw(b) });
            }
        },
        3 => struct {
            fn shim(a: P[0], b: P[1], c: P[2]) callconv(.c) R {
                return run(&[_]u64{ flat.raw(a), flat.raw(b), flat.raw(c) });
            }
        },
        4 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3]) callconv(.c) R {
                return run(&[_]u64{ flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d) });
            }
        },
        5 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4]) callconv(.c) R {
                return run(&[_]u64{ flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d), flat.raw(e) });
            }
        },
        6 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5]) callconv(.c) R {
                return run(&[_]u64{ flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d), flat.raw(e), flat.raw(f) });
            }
        },
        7 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6]) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g),
                });
            }
        },
        8 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7]) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g), flat.raw(h),
                });
            }
        },
        9 => struct {
            fn shim(a: P[0], b: P[1], c: P[2], d: P[3], e: P[4], f: P[5], g: P[6], h: P[7], i: P[8]) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g), flat.raw(h),
                    flat.raw(i),
                });
            }
        },
        10 => struct {
            fn shim(
                a: P[0],
                b: P[1],
                c: P[2],
                d: P[3],
                e: P[4],
                f: P[5],
                g: P[6],
                h: P[7],
                i: P[8],
                j: P[9],
            ) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g), flat.raw(h),
                    flat.raw(i), flat.raw(j),
                });
            }
        },
        11 => struct {
            fn shim(
                a: P[0],
                b: P[1],
                c: P[2],
                d: P[3],
                e: P[4],
                f: P[5],
                g: P[6],
                h: P[7],
                i: P[8],
                j: P[9],
                k: P[10],
            ) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g), flat.raw(h),
                    flat.raw(i), flat.raw(j), flat.raw(k),
                });
            }
        },
        12 => struct {
            fn shim(
                a: P[0],
                b: P[1],
                c: P[2],
                d: P[3],
                e: P[4],
                f: P[5],
                g: P[6],
                h: P[7],
                i: P[8],
                j: P[9],
                k: P[10],
                l: P[11],
            ) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g), flat.raw(h),
                    flat.raw(i), flat.raw(j), flat.raw(k), flat.raw(l),
                });
            }
        },
        13 => struct {
            fn shim(
                a: P[0],
                b: P[1],
                c: P[2],
                d: P[3],
                e: P[4],
                f: P[5],
                g: P[6],
                h: P[7],
                i: P[8],
                j: P[9],
                k: P[10],
                l: P[11],
                m: P[12],
            ) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g), flat.raw(h),
                    flat.raw(i), flat.raw(j), flat.raw(k), flat.raw(l),
                    flat.raw(m),
                });
            }
        },
        14 => struct {
            fn shim(
                a: P[0],
                b: P[1],
                c: P[2],
                d: P[3],
                e: P[4],
                f: P[5],
                g: P[6],
                h: P[7],
                i: P[8],
                j: P[9],
                k: P[10],
                l: P[11],
                m: P[12],
                n: P[13],
            ) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g), flat.raw(h),
                    flat.raw(i), flat.raw(j), flat.raw(k), flat.raw(l),
                    flat.raw(m), flat.raw(n),
                });
            }
        },
        15 => struct {
            fn shim(
                a: P[0],
                b: P[1],
                c: P[2],
                d: P[3],
                e: P[4],
                f: P[5],
                g: P[6],
                h: P[7],
                i: P[8],
                j: P[9],
                k: P[10],
                l: P[11],
                m: P[12],
                n: P[13],
                o: P[14],
            ) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g), flat.raw(h),
                    flat.raw(i), flat.raw(j), flat.raw(k), flat.raw(l),
                    flat.raw(m), flat.raw(n), flat.raw(o),
                });
            }
        },
        16 => struct {
            fn shim(
                a: P[0],
                b: P[1],
                c: P[2],
                d: P[3],
                e: P[4],
                f: P[5],
                g: P[6],
                h: P[7],
                i: P[8],
                j: P[9],
                k: P[10],
                l: P[11],
                m: P[12],
                n: P[13],
                o: P[14],
                p: P[15],
            ) callconv(.c) R {
                return run(&[_]u64{
                    flat.raw(a), flat.raw(b), flat.raw(c), flat.raw(d),
                    flat.raw(e), flat.raw(f), flat.raw(g), flat.raw(h),
                    flat.raw(i), flat.raw(j), flat.raw(k), flat.raw(l),
                    flat.raw(m), flat.raw(n), flat.raw(o), flat.raw(p),
                });
            }
        },
        else => unreachable,
    };
}
