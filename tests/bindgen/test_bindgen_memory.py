"""The arena of a call: adopted, scoped, and left alone by calls that come back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.zig_component import Guest

WIT = """\
package t:t;
world w {
  import back: func(depth: u32, text: string) -> string;
  export outer: func(depth: u32, text: string) -> string;
  export loop: func(turns: u32, size: u32) -> u32;
  export keep: func(text: string, more: list<string>);
  export kept: func() -> list<string>;
  export forget: func();
  export allocate: func(sizes: list<u32>) -> u32;
  export pages: func() -> u32;
  export fail: func(really: bool) -> string;
  export resized: func(steps: list<u32>) -> bool;
}
"""

ZIG = """\
const std = @import("std");
const bindings = @import("bindings");
const memory = bindings.memory;

var arena: memory.Arena = .{};
var texts: []const []const u8 = &.{};

pub const exports = struct {
    pub fn outer(depth: u32, text: []const u8) ![]const u8 {
        const answer = bindings.back(depth, text);
        return std.mem.concat(memory.allocator, u8, &.{ text, answer });
    }

    pub fn loop(turns: u32, size: u32) !u32 {
        var sum: u32 = 0;
        for (0..turns) |i| {
            var turn = memory.scope();
            defer turn.end();
            const bytes = try memory.allocator.alloc(u8, size);
            @memset(bytes, @truncate(i));
            sum +%= bytes[size - 1];
        }
        return sum;
    }

    pub fn keep(text: []const u8, more: []const []const u8) !void {
        var mine = memory.take();
        const all = try mine.allocator().alloc([]const u8, texts.len + 1 + more.len);
        @memcpy(all[0..texts.len], texts);
        all[texts.len] = text;
        @memcpy(all[texts.len + 1 ..], more);
        texts = all;
        arena.absorb(&mine);
    }

    pub fn kept() []const []const u8 {
        return texts;
    }

    pub fn forget() void {
        texts = &.{};
        arena.free();
    }

    /// Allocate, write and compare: overlapping pieces would be seen.
    pub fn allocate(sizes: []const u32) !u32 {
        const pieces = try memory.allocator.alloc([]u8, sizes.len);
        for (pieces, sizes, 0..) |*piece, size, i| {
            piece.* = try memory.allocator.alloc(u8, size);
            @memset(piece.*, @truncate(i));
        }
        for (pieces, 0..) |piece, i| for (piece) |byte| {
            if (byte != @as(u8, @truncate(i))) return error.Overlap;
        };
        return @intCast(pieces.len);
    }

    pub fn pages() u32 {
        return @wasmMemorySize(0);
    }

    pub fn fail(really: bool) error{Really}![]const u8 {
        return if (really) error.Really else "no";
    }

    pub fn resized(steps: []const u32) !bool {
        var list: std.ArrayList(u8) = .empty;
        for (steps) |step| {
            const other = try memory.allocator.alloc(u8, step % 7);
            @memset(other, 0xff);
            try list.appendNTimes(memory.allocator, 1, step);
            if (step % 3 == 0) list.shrinkAndFree(memory.allocator, list.items.len / 2);
        }
        return std.mem.allEqual(u8, list.items, 1);
    }
};
"""


@pytest.fixture
def guest(build_zig: Any) -> Guest:
    guest = Guest(build_zig(WIT, "w", ZIG))

    def back(_store: Any, depth: int, text: str) -> Any:
        # Comes back into the running instance, with arguments and a result of its own.
        return guest.call("outer", depth - 1, text[::-1]) if depth else "."

    with guest.linker.root() as root:
        root.add_func("back", back)
    guest.start()
    return guest


def test_a_call_that_comes_back_leaves_the_outer_one_alone(guest: Guest) -> None:
    text = "abc" * 2000
    assert guest.call("outer", 0, text) == text + "."
    assert guest.call("outer", 2, text) == text + text[::-1] + text + "."


def test_a_scope_frees_at_its_end(guest: Guest) -> None:
    guest.call("loop", 10, 100_000)
    before = guest.call("pages")
    guest.call("loop", 10_000, 100_000)
    assert guest.call("pages") == before


def test_taken_memory_stays_until_it_is_freed(guest: Guest) -> None:
    expected = []
    for turn in range(50):
        text, more = f"text {turn} " * turn, [f"{i}" * turn for i in range(turn)]
        guest.call("keep", text, more)
        expected += [text, *more]
    assert guest.call("kept") == expected
    guest.call("forget")
    assert guest.call("kept") == []


def test_taking_and_freeing_stays_flat(guest: Guest) -> None:
    def turn() -> None:
        for size in (1, 5_000, 70_000):
            guest.call("keep", "x" * size, ["y" * size])
        guest.call("forget")

    for _ in range(20):
        turn()
    before = guest.call("pages")
    for _ in range(300):
        turn()
    assert guest.call("pages") == before


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(sizes=st.lists(st.one_of(st.integers(0, 64), st.integers(0, 9000), st.integers(60_000, 140_000)), max_size=30))
def test_pieces_never_overlap(guest: Guest, sizes: list[int]) -> None:
    assert guest.call("allocate", sizes) == len(sizes)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.integers(0, 5000), max_size=30))
def test_growing_and_shrinking_in_place(guest: Guest, steps: list[int]) -> None:
    assert guest.call("resized", steps) is True


def test_calls_of_all_sizes_give_their_memory_back(guest: Guest) -> None:
    guest.call("allocate", [3_000_000, 100, 70_000] * 5)
    before = guest.call("pages")
    for _ in range(200):
        guest.call("allocate", [3_000_000, 100, 70_000] * 5)
    assert guest.call("pages") == before


def test_an_error_that_no_result_can_hold_traps(guest: Guest) -> None:
    from wasmtime import WasmtimeError

    assert guest.call("fail", False) == "no"
    with pytest.raises(WasmtimeError, match="unreachable"):
        guest.call("fail", True)
