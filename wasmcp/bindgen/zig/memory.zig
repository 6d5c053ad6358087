//! Memory of a component: one arena per exported call.
//!
//! Arguments of an exported call and results of imported ones are allocated by `cabi_realloc`, in the arena `current`.
//! It is reset once the call has ended and its results were read (`cabi_post_*`), never at entry: the arguments are
//! allocated before the function starts. A resource that has to keep them takes over the arena.
const std = @import("std");
const slots = @import("slots.zig");

/// Memory that outlives calls. Single-threaded, grows the linear memory.
pub const gpa = slots.allocator;

/// A list of chunks that are freed together. Must not be moved while an allocator refers to it.
pub const Arena = struct {
    newest: ?*Chunk = null,
    at: usize = 0,

    const Chunk = struct {
        next: ?*Chunk,
        class: u5,

        fn size(chunk: *const Chunk) usize {
            return @as(usize, 1) << chunk.class;
        }

        fn end(chunk: *const Chunk) usize {
            return @intFromPtr(chunk) + chunk.size();
        }

        fn start(chunk: *const Chunk) usize {
            return @intFromPtr(chunk) + @sizeOf(Chunk);
        }

        fn free(chunk: *const Chunk) void {
            slots.give(@intFromPtr(chunk), chunk.class);
        }
    };

    const first_size = 4096;
    const kept_size = 64 * 1024;

    /// Return `size` bytes, or null if the memory cannot grow.
    pub fn alloc(arena: *Arena, size: usize, alignment: usize) ?[*]u8 {
        if (arena.newest) |chunk| {
            const from = std.mem.alignForward(usize, arena.at, alignment);
            if (from <= chunk.end() and size <= chunk.end() - from) {
                arena.at = from + size;
                return @ptrFromInt(from);
            }
        }
        return arena.grow(size, alignment);
    }

    fn grow(arena: *Arena, size: usize, alignment: usize) ?[*]u8 {
        @branchHint(.unlikely);
        const wanted = @sizeOf(Chunk) +| alignment +| size;
        if (wanted > std.math.maxInt(i32)) return null;
        const before = if (arena.newest) |chunk| @min(chunk.size(), kept_size) else 0;
        const class = slots.sizeClass(@max(wanted, 2 * before, first_size), 1);
        const chunk: *Chunk = @ptrFromInt(slots.take(class) orelse return null);
        chunk.* = .{ .next = arena.newest, .class = class };
        arena.newest = chunk;
        const from = std.mem.alignForward(usize, chunk.start(), alignment);
        arena.at = from + size;
        return @ptrFromInt(from);
    }

    /// Resize the newest allocation in place. False: not possible.
    pub fn resize(arena: *Arena, address: usize, old: usize, new: usize) bool {
        const chunk = arena.newest orelse return false;
        if (address + old != arena.at) return new <= old;
        if (new > chunk.end() - address) return false;
        arena.at = address + new;
        return true;
    }

    /// Return an allocator on this arena, which must not be moved while it is used.
    pub fn allocator(arena: *Arena) std.mem.Allocator {
        return .{ .ptr = arena, .vtable = &vtable };
    }

    /// Free everything. The arena itself can lie in one of its chunks.
    pub fn free(arena: *Arena) void {
        var next = arena.newest;
        arena.* = .{};
        while (next) |chunk| {
            next = chunk.next;
            chunk.free();
        }
    }

    /// Free all but one chunk, which the next call reuses.
    fn reset(arena: *Arena) void {
        var next = arena.newest;
        arena.* = .{};
        while (next) |chunk| {
            next = chunk.next;
            if (arena.newest == null and chunk.size() <= kept_size) {
                chunk.next = null;
                arena.* = .{ .newest = chunk, .at = chunk.start() };
            } else chunk.free();
        }
    }

    /// Take over everything that `other` holds.
    pub fn absorb(arena: *Arena, other: *Arena) void {
        const taken = other.*;
        other.* = .{};
        const first = taken.newest orelse return;
        var last = first;
        while (last.next) |chunk| last = chunk;
        if (arena.newest) |mine| {
            // After the newest chunk, which can still have room.
            last.next = mine.next;
            mine.next = first;
        } else arena.* = taken;
    }

    const vtable: std.mem.Allocator.VTable = .{
        .alloc = vtableAlloc,
        .resize = vtableResize,
        .remap = vtableRemap,
        .free = vtableFree,
    };

    fn vtableAlloc(context: *anyopaque, len: usize, alignment: std.mem.Alignment, _: usize) ?[*]u8 {
        const arena: *Arena = @ptrCast(@alignCast(context));
        return arena.alloc(len, alignment.toByteUnits());
    }

    fn vtableResize(context: *anyopaque, memory: []u8, _: std.mem.Alignment, new: usize, _: usize) bool {
        const arena: *Arena = @ptrCast(@alignCast(context));
        return arena.resize(@intFromPtr(memory.ptr), memory.len, new);
    }

    fn vtableRemap(context: *anyopaque, memory: []u8, _: std.mem.Alignment, new: usize, _: usize) ?[*]u8 {
        const arena: *Arena = @ptrCast(@alignCast(context));
        return if (arena.resize(@intFromPtr(memory.ptr), memory.len, new)) memory.ptr else null;
    }

    fn vtableFree(context: *anyopaque, memory: []u8, _: std.mem.Alignment, _: usize) void {
        const arena: *Arena = @ptrCast(@alignCast(context));
        _ = arena.resize(@intFromPtr(memory.ptr), memory.len, 0);
    }
};

/// The arena of the exported call that is running.
var current: Arena = .{};

/// Number of exported calls that are running: more than one if an import re-enters this component.
var depth: usize = 0;

/// The allocator of the running call: its allocations live until the results are read.
pub const allocator: std.mem.Allocator = .{ .ptr = &current, .vtable = &Arena.vtable };

/// Take over everything that the running call has allocated so far, its arguments included. The caller must call
/// `free`.
pub fn take() Arena {
    const taken = current;
    current = .{};
    return taken;
}

/// A part of a call whose memory is freed before the call ends, for example one iteration of a long loop.
pub const Scope = struct {
    outer: Arena,

    /// Free the allocations and the results of imports since `scope()`.
    pub fn end(self: *Scope) void {
        current.free();
        current = self.outer;
    }
};

/// Begin a scope: `var scope = memory.scope(); defer scope.end();`.
pub fn scope() Scope {
    return .{ .outer = take() };
}

/// Begin an exported call.
pub noinline fn enter() void {
    depth += 1;
}

/// End an exported call whose results were read.
pub fn leave() void {
    depth -= 1;
    // An inner call must not free the arguments of the outer one.
    if (depth == 0) current.reset();
}

/// Return `len` values in the arena of the call; traps if the memory cannot grow.
pub fn alloc(comptime T: type, len: usize) []T {
    const size = std.math.mul(usize, @sizeOf(T), len) catch @trap();
    const memory: [*]T = @ptrCast(@alignCast(current.alloc(size, @alignOf(T)) orelse @trap()));
    return memory[0..len];
}

/// Return `size` bytes in the arena of the call; traps if the memory cannot grow.
pub fn alignedBytes(size: usize, alignment: usize) [*]u8 {
    return current.alloc(size, alignment) orelse @trap();
}

/// Allocate memory for the Canonical ABI (CanonicalABI.md, `realloc`).
pub fn cabiRealloc(old: ?[*]u8, old_size: usize, alignment: usize, new_size: usize) callconv(.c) ?[*]u8 {
    if (new_size == 0) return @ptrFromInt(alignment);
    if (old_size != 0) {
        const address = @intFromPtr(old.?);
        if (current.resize(address, old_size, new_size)) return old;
    }
    const new = current.alloc(new_size, alignment) orelse @trap();
    if (old_size != 0) {
        const kept = @min(old_size, new_size);
        @memcpy(new[0..kept], old.?[0..kept]);
    }
    return new;
}
