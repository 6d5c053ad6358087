//! Memory in slots whose sizes are powers of two, with a list of the free ones of each size. Grows the linear memory,
//! single-threaded. `std.heap.wasm_allocator` works alike in two and a half times as much code, and each component has
//! its own copy.
const std = @import("std");
const Alignment = std.mem.Alignment;

const page = 64 * 1024;
const largest = 1 << 31;

/// For each size, the address of a free slot, or 0. A free slot begins with the address of the next one.
var released: [32]usize = @splat(0);

/// For each size below a page, the unused rest of the newest page; nothing, if it is the beginning of a page.
var unused: [16]usize = @splat(0);

pub const allocator: std.mem.Allocator = .{
    .ptr = undefined,
    .vtable = &.{ .alloc = alloc, .resize = resize, .remap = remap, .free = free },
};

/// Return the logarithm of the size of the slot for an allocation of at most 2 GiB.
pub fn sizeClass(len: usize, alignment: usize) u5 {
    return @intCast(@max(3, std.math.log2_int_ceil(usize, @max(len, alignment))));
}

/// Return the address of a slot of `1 << class` bytes; null if the memory cannot grow.
pub fn take(class: u5) ?usize {
    const first = released[class];
    if (first != 0) {
        released[class] = @as(*usize, @ptrFromInt(first)).*;
        return first;
    }
    const size = @as(usize, 1) << class;
    if (size >= page) return grow(size / page);
    if (unused[class] % page == 0) unused[class] = grow(1) orelse return null;
    defer unused[class] += size;
    return unused[class];
}

pub fn give(address: usize, class: u5) void {
    @as(*usize, @ptrFromInt(address)).* = released[class];
    released[class] = address;
}

noinline fn grow(pages: usize) ?usize {
    const first = @wasmMemoryGrow(0, pages);
    return if (first == -1) null else @as(usize, @intCast(first)) * page;
}

fn alloc(_: *anyopaque, len: usize, alignment: Alignment, _: usize) ?[*]u8 {
    if (len > largest) return null;
    return @ptrFromInt(take(sizeClass(len, alignment.toByteUnits())) orelse return null);
}

fn remap(_: *anyopaque, memory: []u8, alignment: Alignment, len: usize, _: usize) ?[*]u8 {
    const bytes = alignment.toByteUnits();
    return if (len <= largest and sizeClass(memory.len, bytes) == sizeClass(len, bytes)) memory.ptr else null;
}

fn resize(_: *anyopaque, memory: []u8, alignment: Alignment, len: usize, _: usize) bool {
    return remap(undefined, memory, alignment, len, 0) != null;
}

fn free(_: *anyopaque, memory: []u8, alignment: Alignment, _: usize) void {
    give(@intFromPtr(memory.ptr), sizeClass(memory.len, alignment.toByteUnits()));
}
