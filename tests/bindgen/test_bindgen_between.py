"""Two Zig components put together: what one lowers the other lifts, handles of all kinds included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.zig_component import Guest
from support.zig_resources import EXPORTED_WIT, EXPORTED_ZIG
from wasmtime import WasmtimeError

from wasmcp.bindgen.resolved import run_wasm_tools

USER_WIT = EXPORTED_WIT.replace(
    "world w { export counters; }",
    """\
world user {
  import counters;
  export total: func(values: list<u32>) -> u32;
  export through: func(value: u32) -> string;
  export alive: func() -> s32;
  export twice: func();
}
""",
)

USER_ZIG = """\
const bindings = @import("bindings");
const counters = bindings.counters;
const Counter = counters.Counter;
const Lent = bindings.abi.Borrowed(Counter);
const allocator = bindings.memory.allocator;

pub const exports = struct {
    pub fn total(values: []const u32) !u32 {
        const lent = try allocator.alloc(Lent, values.len);
        for (lent, values) |*one, value| one.* = .{ .resource = .init(value, "n") };
        defer for (lent) |one| one.resource.drop();
        const all = counters.sum(lent, null);
        return if (lent.len > 0) all + counters.sum(lent[0..1], lent[0]) else all;
    }

    /// own -> record of owns -> own -> consumed.
    pub fn through(value: u32) ![]const u8 {
        const pair = counters.split(.init(value, "whole"));
        const other: Counter = .init(1, "other");
        const joined: Counter = .merge(counters.join(pair), other);
        other.drop();
        const name = joined.label();
        const sum = counters.consume(joined).get() catch return "not consumed";
        return if (sum == value + 1) name else "wrong sum";
    }

    pub fn alive() i32 {
        return counters.alive();
    }

    /// A handle that was given away must not be dropped again.
    pub fn twice() void {
        const one: Counter = .init(1, "one");
        _ = counters.consume(one);
        one.drop();
    }
};
"""


@pytest.fixture
def together(build_zig: Any, tmp_path: Path) -> Guest:
    (tmp_path / "user.wasm").write_bytes(build_zig(USER_WIT, "user", USER_ZIG))
    (tmp_path / "counters.wasm").write_bytes(build_zig(EXPORTED_WIT, "w", EXPORTED_ZIG))
    command = ["compose", tmp_path / "user.wasm", "-d", tmp_path / "counters.wasm", "-o", tmp_path / "both.wasm"]
    run_wasm_tools(command, source="user.wasm")
    guest = Guest((tmp_path / "both.wasm").read_bytes())
    guest.start()
    return guest


def test_borrows_in_lists_and_options(together: Guest) -> None:
    assert together.call("total", []) == 0
    assert together.call("total", [5, 6, 7]) == 18 + 10
    assert together.call("alive") == 0


def test_owns_in_records(together: Guest) -> None:
    assert together.call("through", 9) == "whole"
    assert together.call("through", 0) == "whole"
    assert together.call("alive") == 0


def test_a_handle_dropped_twice_traps(together: Guest) -> None:
    with pytest.raises(WasmtimeError, match="unknown handle index"):
        together.call("twice")
