"""Resources on both sides: handles, drops, destructors, and memory that stays flat."""

from __future__ import annotations

from typing import Any

import pytest
from support.zig_component import Guest
from support.zig_resources import EXPORTED_WIT, EXPORTED_ZIG
from wasmtime import WasmtimeError
from wasmtime.component import ResourceHost, ResourceType


@pytest.fixture
def counters(build_zig: Any) -> Guest:
    guest = Guest(build_zig(EXPORTED_WIT, "w", EXPORTED_ZIG))
    guest.start()
    return guest


def call(guest: Guest, name: str, *args: Any) -> Any:
    return guest.call(name, *args, interface="t:t/counters")


def test_exported_resource(counters: Guest) -> None:
    counter = call(counters, "[constructor]counter", 5, "five")
    assert call(counters, "[method]counter.add", counter, 2) == 7
    assert call(counters, "[method]counter.label", counter) == "five"
    assert call(counters, "[method]counter.drop", counter) == "five!"
    a, b = call(counters, "[static]counter.make", ["a", "bé"])
    assert call(counters, "[method]counter.label", b) == "bé"
    call(counters, "[method]counter.add", b, 3)
    assert call(counters, "sum", [counter, b], None) == 10
    assert call(counters, "sum", [counter, b], counter) == 17
    merged = call(counters, "[static]counter.merge", a, counter)
    assert call(counters, "[method]counter.label", merged) == "a"
    assert call(counters, "[method]counter.add", merged, 0) == 7
    pair = call(counters, "split", merged)
    assert call(counters, "[method]counter.label", pair.right) == "a"
    assert call(counters, "alive") == 4
    joined = call(counters, "join", pair)
    assert call(counters, "alive") == 3
    assert call(counters, "consume", joined) == 7
    assert call(counters, "consume", call(counters, "[constructor]counter", 0, "empty")) == "empty"
    counter.drop(counters.store)
    b.drop(counters.store)
    assert call(counters, "alive") == 0


def test_a_constructor_is_init_and_a_method_may_be_called_drop(counters: Guest) -> None:
    first = call(counters, "[constructor]counter", 0, "x" * 100_000)
    assert call(counters, "[method]counter.drop", first) == "x" * 100_000 + "!"


# Returns how many pages its memory has, and does what a request's life is made of: arguments, results, resources.
LIFE = EXPORTED_ZIG.replace("return living;", "return @intCast(@wasmMemorySize(0));")


def test_memory_stays_flat(build_zig: Any) -> None:
    guest = Guest(build_zig(EXPORTED_WIT, "w", LIFE))
    guest.start()
    functions = {
        name: guest.function(name, "t:t/counters")
        for name in ("[constructor]counter", "[method]counter.drop", "[static]counter.make", "consume")
    }
    text = "x" * 3000

    def turn() -> None:
        store = guest.store
        counter = functions["[constructor]counter"](store, 1, text)
        functions["[constructor]counter"].post_return(store)
        functions["[method]counter.drop"](store, counter)
        functions["[method]counter.drop"].post_return(store)
        functions["consume"](store, counter)
        functions["consume"].post_return(store)
        for made in functions["[static]counter.make"](store, ["a", "b"]):
            made.drop(store)

    for _ in range(100):
        turn()
    before = call(guest, "alive")
    for _ in range(10_000):
        turn()
    assert call(guest, "alive") == before


IMPORTED_WIT = """\
package t:t;
interface files {
  resource file {
    constructor(name: string);
    name: func() -> string;
    open: static func(name: string) -> result<file, string>;
    rename: func(other: string) -> file;
  }
}
world w {
  import files;
  use files.{file as a-file};
  export look: func(file: borrow<a-file>, many: list<borrow<a-file>>, maybe: option<borrow<a-file>>) -> string;
  export keep: func(file: a-file) -> u32;
  export give-back: func() -> option<a-file>;
  export work: func(names: list<string>) -> list<string>;
}
"""

IMPORTED_ZIG = """\
const std = @import("std");
const bindings = @import("bindings");
const memory = bindings.memory;
const File = bindings.files.File;
const Lent = bindings.abi.Borrowed(File);

var kept: ?File = null;

pub const exports = struct {
    pub fn look(file: File, many: []const Lent, maybe: ?Lent) ![]const u8 {
        var text: std.ArrayList(u8) = .empty;
        try text.appendSlice(memory.allocator, file.name());
        for (many) |one| try text.appendSlice(memory.allocator, one.resource.name());
        if (maybe) |one| try text.appendSlice(memory.allocator, one.resource.name());
        return text.items;
    }

    pub fn keep(file: File) u32 {
        kept = file;
        return file.handle;
    }

    pub fn giveBack() ?File {
        defer kept = null;
        return kept;
    }

    pub fn work(names: []const []const u8) ![]const []const u8 {
        const result = try memory.allocator.alloc([]const u8, names.len);
        for (result, names) |*slot, name| {
            const opened = File.open(name).get() catch {
                slot.* = "failed";
                continue;
            };
            defer opened.drop();
            const made = File.init(name);
            defer made.drop();
            const renamed = made.rename(opened.name());
            defer renamed.drop();
            slot.* = renamed.name();
        }
        return result;
    }
};
"""


class Files:
    """A host's files: a resource whose rep is an index into `names`."""

    def __init__(self, data: bytes) -> None:
        self.names: list[str] = []
        self.dropped: list[int] = []
        self.guest = Guest(data)
        with self.guest.linker.root() as root, root.add_instance("t:t/files") as instance:
            instance.add_resource("file", ResourceType.host(1), lambda _store, rep: self.dropped.append(rep))
            instance.add_func("[constructor]file", self.make)
            instance.add_func("[method]file.name", self.borrowed)
            instance.add_func("[static]file.open", self.open)
            instance.add_func("[method]file.rename", self.rename)
        self.guest.start()

    def file(self, name: str) -> ResourceHost:
        self.names.append(name)
        return ResourceHost.own(len(self.names) - 1, 1)

    def make(self, _store: Any, name: str) -> ResourceHost:
        return self.file(name)

    def borrowed(self, store: Any, file: Any) -> str:
        return self.names[file.to_host(store).rep]

    def open(self, _store: Any, name: str) -> Any:
        return self.file(name) if name else "no name"

    def rename(self, store: Any, file: Any, other: str) -> ResourceHost:
        return self.file(f"{self.borrowed(store, file)}>{other}")


def test_imported_resource(build_zig: Any) -> None:
    files = Files(build_zig(IMPORTED_WIT, "w", IMPORTED_ZIG))
    assert files.guest.call("work", ["a", "", "b"]) == ["a>a", "failed", "b>b"]
    assert sorted(files.dropped) == list(range(6))


def test_borrows_are_dropped_for_the_author(build_zig: Any) -> None:
    files = Files(build_zig(IMPORTED_WIT, "w", IMPORTED_ZIG))
    a, b = (files.file(name).to_any(files.guest.store) for name in "ab")
    for _ in range(3):
        # Left over, they would end the call with "borrow handles still remain".
        assert files.guest.call("look", a, [b, a], b) == "abab"
    assert files.guest.call("look", a, [], None) == "a"
    assert files.dropped == []


def test_an_own_handle_is_kept_and_given_back(build_zig: Any) -> None:
    files = Files(build_zig(IMPORTED_WIT, "w", IMPORTED_ZIG))
    assert files.guest.call("give-back") is None
    files.guest.call("keep", files.file("a"))
    back = files.guest.call("give-back")
    assert files.borrowed(files.guest.store, back) == "a"
    assert files.guest.call("give-back") is None
    with pytest.raises(WasmtimeError):
        back.to_host(files.guest.store)
