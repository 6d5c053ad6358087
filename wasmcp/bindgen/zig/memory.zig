//! Memory of a component: one arena per exported call.
//!
//! Arguments of an exported call and results of imported ones arrive through `cabi_realloc`, that is in the arena
//! `current`. It is emptied when the call is over and its results are read (`cabi_post_*`), never at entry: the
//! arguments are there before the function starts. A resource that wants to keep what came in takes the arena.
const std = @import("std");

/// Memory that outlives calls. Single-threaded, grows the linear memory.
pub const gpa = std.heap.wasm_allocator;

/// A list of chunks that are freed together. May be moved while nobody holds an allocator on it.
pub const Arena = struct {
    newest: ?*Chunk = null,
    at: usize = 0,

    const Chunk = struct {
        next: ?*Chunk,
        size: usize,

        fn end(chunk: *const Chunk) usize {
            return @intFromPtr(chunk) + chunk.size;
        }

        fn start(chunk: *const Chunk) usize {
            return @intFromPtr(chunk) + @sizeOf(Chunk);
        }

        fn bytes(chunk: *Chunk) []align(@alignOf(Chunk)) u8 {
            const first: [*]align(@alignOf(Chunk)) u8 = @ptrCast(chunk);
            return first[0..chunk.size];
        }
    };

    const first_size = 4096;
    const kept_size = 64 * 1024;

    /// `size` bytes, or null when the memory can't grow.
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
        const wanted = @sizeOf(Chunk) +| alignment +| size +| @sizeOf(usize);
        if (wanted > std.math.maxInt(i32)) return null;
        const before = if (arena.newest) |chunk| @min(chunk.size, kept_size) else 0;
        // The allocator behind rounds up to a power of two and needs a word of it.
        const slot = std.math.ceilPowerOfTwoAssert(usize, @max(wanted, 2 * before, first_size));
        const memory = gpa.alignedAlloc(u8, .of(Chunk), slot - @sizeOf(usize)) catch return null;
        const chunk: *Chunk = @ptrCast(memory.ptr);
        chunk.* = .{ .next = arena.newest, .size = memory.len };
        arena.newest = chunk;
        const from = std.mem.alignForward(usize, chunk.start(), alignment);
        arena.at = from + size;
        return @ptrFromInt(from);
    }

    /// Make the newest allocation longer or shorter where it is. False: it can't be.
    pub fn resize(arena: *Arena, address: usize, old: usize, new: usize) bool {
        const chunk = arena.newest orelse return false;
        if (address + old != arena.at) return new <= old;
        if (new > chunk.end() - address) return false;
        arena.at = address + new;
        return true;
    }

    /// An allocator on this arena, which must stay where it is meanwhile.
    pub fn allocator(arena: *Arena) std.mem.Allocator {
        return .{ .ptr = arena, .vtable = &vtable };
    }

    /// Free everything. The arena may itself lie in one of its chunks.
    pub fn free(arena: *Arena) void {
        var next = arena.newest;
        arena.* = .{};
        while (next) |chunk| {
            next = chunk.next;
            gpa.free(chunk.bytes());
        }
    }

    /// Forget everything, but keep one chunk for the next call.
    fn reset(arena: *Arena) void {
        var next = arena.newest;
        arena.* = .{};
        while (next) |chunk| {
            next = chunk.next;
            if (arena.newest == null and chunk.size <= kept_size) {
                chunk.next = null;
                arena.* = .{ .newest = chunk, .at = chunk.start() };
            } else gpa.free(chunk.bytes());
        }
    }

    /// Take over everything `other` holds.
    pub fn absorb(arena: *Arena, other: *Arena) void {
        const taken = other.*;
        other.* = .{};
        const first = taken.newest orelse return;
        var last = first;
        while (last.next) |chunk| last = chunk;
        if (arena.newest) |mine| {
            // Behind the newest chunk, which may still have room.
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

/// Exported calls that are running: more than one when an import comes back to this component.
var depth: usize = 0;

/// The allocator of the running call: what it gives lives until the results are read.
pub const allocator: std.mem.Allocator = .{ .ptr = &current, .vtable = &Arena.vtable };

/// Take everything the running call holds so far, its arguments included. The taker calls `free`.
pub fn take() Arena {
    const taken = current;
    current = .{};
    return taken;
}

/// A part of a call whose memory is freed before the call is over: one turn of a long loop.
pub const Scope = struct {
    outer: Arena,

    /// Free what was allocated, and what imports returned, since `scope()`.
    pub fn end(self: *Scope) void {
        current.free();
        current = self.outer;
    }
};

/// Begin a scope: `var turn = memory.scope(); defer turn.end();`.
pub fn scope() Scope {
    return .{ .outer = take() };
}

/// An exported call begins.
pub fn enter() void {
    depth += 1;
}

/// An exported call is over and nobody reads its results any more.
pub fn leave() void {
    depth -= 1;
    // An inner call must not take the outer one's arguments away.
    if (depth == 0) current.reset();
}

/// `len` values in the arena of the call; traps when the memory can't grow.
pub fn alloc(comptime T: type, len: usize) []T {
    const size = std.math.mul(usize, @sizeOf(T), len) catch @trap();
    const memory: [*]T = @ptrCast(@alignCast(current.alloc(size, @alignOf(T)) orelse @trap()));
    return memory[0..len];
}

/// `size` bytes in the arena of the call; traps when the memory can't grow.
pub fn alignedBytes(size: usize, alignment: usize) [*]u8 {
    return current.alloc(size, alignment) orelse @trap();
}

/// Where the Canonical ABI asks for memory (CanonicalABI.md, `realloc`).
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
