//! List that grows: the part of `std.ArrayList` that the framework uses. Growth is one function for all types of items;
//! the standard library has a copy of some 400 bytes for each type.

const std = @import("std");
const Alignment = std.mem.Alignment;
const Allocator = std.mem.Allocator;

pub fn List(comptime T: type) type {
    return struct {
        items: []T = &.{},
        capacity: usize = 0,

        const Self = @This();
        pub const empty: Self = .{};

        pub fn deinit(self: *Self, gpa: Allocator) void {
            release(gpa, @ptrCast(self.items.ptr), self.capacity * @sizeOf(T), .of(T));
            self.* = .empty;
        }

        pub fn ensureUnusedCapacity(self: *Self, gpa: Allocator, more: usize) Allocator.Error!void {
            if (self.capacity - self.items.len >= more) return;
            const used = self.items.len * @sizeOf(T);
            const bytes = try grown(gpa, @ptrCast(self.items.ptr), used, self.capacity * @sizeOf(T), .{
                .more = more *| @sizeOf(T),
                .item = @sizeOf(T),
                .alignment = .of(T),
            });
            self.items.ptr = @ptrCast(@alignCast(bytes.ptr));
            self.capacity = bytes.len / @sizeOf(T);
        }

        pub fn append(self: *Self, gpa: Allocator, item: T) Allocator.Error!void {
            try self.ensureUnusedCapacity(gpa, 1);
            self.appendAssumeCapacity(item);
        }

        pub fn appendAssumeCapacity(self: *Self, item: T) void {
            self.addManyAsSliceAssumeCapacity(1)[0] = item;
        }

        pub fn appendSlice(self: *Self, gpa: Allocator, items: []const T) Allocator.Error!void {
            try self.ensureUnusedCapacity(gpa, items.len);
            self.appendSliceAssumeCapacity(items);
        }

        pub fn appendSliceAssumeCapacity(self: *Self, items: []const T) void {
            @memcpy(self.addManyAsSliceAssumeCapacity(items.len), items);
        }

        /// Return the space of that many new items.
        pub fn addManyAsSliceAssumeCapacity(self: *Self, count: usize) []T {
            const before = self.items.len;
            std.debug.assert(self.capacity - before >= count);
            self.items.len += count;
            return self.items[before..];
        }

        pub fn insert(self: *Self, gpa: Allocator, at: usize, item: T) Allocator.Error!void {
            try self.ensureUnusedCapacity(gpa, 1);
            self.items.len += 1;
            @memmove(self.items[at + 1 ..], self.items[at .. self.items.len - 1]);
            self.items[at] = item;
        }

        /// Remove an item; those behind it move.
        pub fn orderedRemove(self: *Self, at: usize) T {
            const item = self.items[at];
            @memmove(self.items[at .. self.items.len - 1], self.items[at + 1 ..]);
            self.items.len -= 1;
            return item;
        }

        /// Remove an item; the last one takes its place.
        pub fn swapRemove(self: *Self, at: usize) T {
            const item = self.items[at];
            self.items[at] = self.items[self.items.len - 1];
            self.items.len -= 1;
            return item;
        }

        /// Keep the first items.
        pub fn shrinkRetainingCapacity(self: *Self, count: usize) void {
            std.debug.assert(count <= self.items.len);
            self.items.len = count;
        }

        pub fn clearRetainingCapacity(self: *Self) void {
            self.items.len = 0;
        }
    };
}

const Growth = struct { more: usize, item: usize, alignment: Alignment };

noinline fn grown(gpa: Allocator, old: [*]u8, used: usize, capacity: usize, by: Growth) Allocator.Error![]u8 {
    const needed = used +| by.more;
    const room = needed +| needed / 2 +| 64;
    const size = room - room % by.item;
    if (capacity > 0) if (gpa.rawRemap(old[0..capacity], by.alignment, size, 0)) |same| return same[0..size];
    const new = gpa.rawAlloc(size, by.alignment, 0) orelse return error.OutOfMemory;
    @memcpy(new[0..used], old[0..used]);
    release(gpa, old, capacity, by.alignment);
    return new[0..size];
}

noinline fn release(gpa: Allocator, old: [*]u8, capacity: usize, alignment: Alignment) void {
    if (capacity > 0) gpa.rawFree(old[0..capacity], alignment, 0);
}

test "a list has the items of the standard library's" {
    const gpa = std.testing.allocator;
    var prng: std.Random.DefaultPrng = .init(3);
    const random = prng.random();
    var ours: List([3]u16) = .empty;
    defer ours.deinit(gpa);
    var theirs: std.ArrayList([3]u16) = .empty;
    defer theirs.deinit(gpa);
    for (0..5000) |_| {
        const item: [3]u16 = .{ random.int(u16), random.int(u16), random.int(u16) };
        const at = random.uintAtMost(usize, theirs.items.len);
        switch (random.uintLessThan(u8, if (theirs.items.len == 0) 3 else 6)) {
            0 => {
                try ours.append(gpa, item);
                try theirs.append(gpa, item);
            },
            1 => {
                try ours.insert(gpa, at, item);
                try theirs.insert(gpa, at, item);
            },
            2 => {
                try ours.appendSlice(gpa, &.{ item, item });
                try theirs.appendSlice(gpa, &.{ item, item });
            },
            3 => try std.testing.expectEqual(
                theirs.orderedRemove(at -| 1),
                ours.orderedRemove(at -| 1),
            ),
            4 => try std.testing.expectEqual(theirs.swapRemove(at -| 1), ours.swapRemove(at -| 1)),
            else => if (random.uintLessThan(u8, 50) == 0) {
                ours.clearRetainingCapacity();
                theirs.clearRetainingCapacity();
            },
        }
        try std.testing.expectEqualSlices([3]u16, theirs.items, ours.items);
    }
}

test "without memory a list stays as it is" {
    var failing: std.testing.FailingAllocator = .init(std.testing.allocator, .{
        .fail_index = 1,
        .resize_fail_index = 0,
    });
    var list: List(u64) = .empty;
    defer list.deinit(failing.allocator());
    try list.appendSlice(failing.allocator(), &.{ 1, 2, 3 });
    try std.testing.expectError(error.OutOfMemory, list.ensureUnusedCapacity(failing.allocator(), 1000));
    try std.testing.expectError(
        error.OutOfMemory,
        list.ensureUnusedCapacity(failing.allocator(), std.math.maxInt(usize)),
    );
    try std.testing.expectEqualSlices(u64, &.{ 1, 2, 3 }, list.items);
}
