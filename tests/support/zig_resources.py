"""A Zig component with a resource type, and its WIT."""

from __future__ import annotations

EXPORTED_WIT = """\
package t:t;
interface counters {
  resource counter {
    constructor(start: u32, label: string);
    add: func(by: u32) -> u32;
    label: func() -> string;
    drop: func() -> string;
    make: static func(labels: list<string>) -> list<counter>;
    merge: static func(a: counter, b: borrow<counter>) -> counter;
  }
  record pair { left: counter, right: option<counter> }
  sum: func(all: list<borrow<counter>>, extra: option<borrow<counter>>) -> u32;
  split: func(whole: counter) -> pair;
  join: func(parts: pair) -> counter;
  consume: func(counter: counter) -> result<u32, string>;
  alive: func() -> s32;
}
world w { export counters; }
"""


EXPORTED_ZIG = """\
const std = @import("std");
const bindings = @import("bindings");
const memory = bindings.memory;
const Handle = bindings.counters.Counter;
const Pair = bindings.counters.Pair;

var living: i32 = 0;

pub const exports = struct {
    pub const counters = struct {
        pub const Counter = struct {
            arena: memory.Arena,
            value: u32,
            name: []const u8,

            /// The object lies in the arena that the call's arguments came in.
            fn create(value: u32, name: []const u8) Handle {
                var arena = memory.take();
                const self = arena.allocator().create(Counter) catch unreachable;
                self.* = .{ .arena = arena, .value = value, .name = name };
                living += 1;
                return .new(self);
            }

            pub fn init(start: u32, name: []const u8) Handle {
                return create(start, name);
            }

            pub fn deinit(self: *Counter) void {
                living -= 1;
                self.arena.free();
            }

            pub fn add(self: *Counter, by: u32) u32 {
                self.value += by;
                return self.value;
            }

            pub fn label(self: *Counter) []const u8 {
                return self.name;
            }

            pub fn drop_(self: *Counter) []const u8 {
                return std.mem.concat(memory.allocator, u8, &.{ self.name, "!" }) catch unreachable;
            }

            pub fn make(labels: []const []const u8) ![]const Handle {
                const made = try memory.allocator.alloc(Handle, labels.len);
                for (made, labels) |*slot, name| {
                    var turn = memory.scope();
                    defer turn.end();
                    slot.* = create(0, try memory.allocator.dupe(u8, name));
                }
                return made;
            }

            pub fn merge(a: Handle, b: *Counter) Handle {
                a.rep().value += b.value;
                return a;
            }
        };

        pub fn sum(all: []const bindings.abi.Borrowed(Handle), extra: ?bindings.abi.Borrowed(Handle)) u32 {
            var total: u32 = 0;
            for (all) |one| total += one.resource.value;
            if (extra) |one| total += one.resource.value;
            return total;
        }

        pub fn split(whole: Handle) Pair {
            const self = whole.rep();
            const half = self.value / 2;
            self.value -= half;
            if (half == 0) return .{ .left = whole };
            const name = memory.allocator.dupe(u8, self.name) catch unreachable;
            return .{ .left = whole, .right = Counter.create(half, name) };
        }

        pub fn join(parts: Pair) Handle {
            if (parts.right) |right| {
                parts.left.rep().value += right.rep().value;
                right.drop();
            }
            return parts.left;
        }

        pub fn consume(counter: Handle) bindings.abi.Result(u32, []const u8) {
            defer counter.drop();
            const self = counter.rep();
            if (self.value == 0) return .{ .err = memory.allocator.dupe(u8, self.name) catch unreachable };
            return .{ .ok = self.value };
        }

        pub fn alive() i32 {
            return living;
        }
    };
};
"""
