"""Generated values through a Zig component and back, against wasmtime: lift and lower in both directions.

The component exports an interface whose every function calls the imported one of the same name and returns what that
returned. So each value is lifted from arguments, lowered to arguments, lifted from a result and lowered to a result.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.bindgen_values import RandomInterface, same, values
from support.zig_component import Guest

SEEDS = range(int(os.environ.get("WASMCP_BINDGEN_SEEDS", "4")))

EVERY_SHAPE = """\
interface subject {
  enum small { a, error, %type }
  enum wide { WIDE }
  flags flags8 { a, b, c }
  flags flags16 { SIXTEEN }
  flags flags32 { THIRTYTWO }
  record inner { x: u8, y: u64, z: option<string> }
  record outer { a: bool, b: inner, c: list<inner>, d: tuple<u8, u32, u16>, e: flags8, f: wide }
  variant joins { none, a(u32), b(f32), c(u64), d(f64), e(string), f(inner), g(tuple<f32, f64, s8>) }
  variant wider { WIDER }
  type alias = list<inner>;
  f1: func(a: bool, b: u8, c: s8, d: u16, e: s16, f: u32, g: s32) -> tuple<bool, u8, s8, u16, s16, u32, s32>;
  f2: func(a: u64, b: s64, c: f32, d: f64, e: char, f: string) -> tuple<u64, s64, f32, f64, char, string>;
  f3: func(a: u8) -> u8;
  f4: func(a: s8) -> s8;
  f5: func(a: f32) -> f32;
  f6: func(a: s64) -> s64;
  f7: func(a: char) -> char;
  f8: func(a: string) -> string;
  f9: func(a: list<u8>) -> list<u8>;
  f10: func(a: list<u64>, b: list<f32>, c: list<bool>) -> tuple<list<u64>, list<f32>, list<bool>>;
  f11: func(a: list<char>, b: list<small>, c: list<flags16>) -> tuple<list<char>, list<small>, list<flags16>>;
  f12: func(a: list<list<string>>) -> list<list<string>>;
  f13: func(a: list<tuple<u8, u64>>) -> list<tuple<u8, u64>>;
  f14: func(a: small, b: wide, c: flags8, d: flags16, e: flags32) -> tuple<small, wide, flags8, flags16, flags32>;
  f15: func(a: small) -> small;
  f16: func(a: wide) -> wide;
  f17: func(a: flags32) -> flags32;
  f18: func(a: option<option<u8>>, b: option<string>) -> tuple<option<option<u8>>, option<string>>;
  f19: func(a: result) -> result;
  f20: func(a: result<string>) -> result<string>;
  f21: func(a: result<_, u64>) -> result<_, u64>;
  f22: func(a: result<f32, u64>, b: result<list<u8>, f64>) -> tuple<result<f32, u64>, result<list<u8>, f64>>;
  f23: func(a: joins) -> joins;
  f24: func(a: wider) -> wider;
  f25: func(a: outer) -> outer;
  f26: func(a: list<joins>) -> list<joins>;
  f27: func(a: outer, b: outer, c: alias) -> tuple<outer, outer, alias>;
  f28: func(MANY) -> tuple<MANYT>;
  f29: func(error: u8, %type: string, subject: bool, abi: u16) -> tuple<u8, string, bool, u16>;
}
"""


def every_shape() -> str:
    many = ["u8", "f64", "s64", "f32"] * 4 + ["string"]
    text = EVERY_SHAPE.replace("WIDER", ", ".join(f"c{i}(u16)" if i % 2 else f"c{i}" for i in range(300)))
    text = text.replace("WIDE", ", ".join(f"c{i}" for i in range(257))).replace(
        "SIXTEEN", ", ".join(f"b{i}" for i in range(9))
    )
    text = text.replace("THIRTYTWO", ", ".join(f"b{i}" for i in range(32)))
    return text.replace("MANYT", ", ".join(many)).replace("MANY", ", ".join(f"p{i}: {t}" for i, t in enumerate(many)))


def echo_world(interface: str) -> str:
    return f"package t:t;\n{interface}\nworld echo {{ import subject; export subject; }}\n"


# An exported interface that is the imported one: each function calls its namesake.
ECHO = 'const bindings = @import("bindings");\npub const exports = struct { pub const subject = bindings.subject; };\n'


class Echo:
    def __init__(self, data: bytes, functions: list[str]) -> None:
        self.seen: list[Any] = []
        self.tuple_of_one = False
        self.guest = Guest(data)
        self.guest.define("t:t/subject", dict.fromkeys(functions, self.host))
        self.guest.start()

    def host(self, _store: object, *args: Any) -> Any:
        self.seen.append(args)
        return args if len(args) > 1 or self.tuple_of_one else args[0]

    def check(self, name: str, data: st.DataObject) -> None:
        function = self.guest.function(name, "t:t/subject")
        kind = function.type(self.guest.store)
        args = tuple(data.draw(values(ty), name) for _, ty in kind.params)
        self.tuple_of_one = type(kind.result).__name__ == "TupleType"
        self.seen.clear()
        result = self.guest.call(name, *args, interface="t:t/subject")
        assert same(self.seen[0], args)
        assert same(result, args if self.tuple_of_one else args[0])


@pytest.fixture(scope="module")
def shapes(build_zig: Any) -> Echo:
    wit = echo_world(every_shape())
    return Echo(build_zig(wit, "echo", ECHO), [f"f{i}" for i in range(1, 30)])


@pytest.mark.parametrize("name", [f"f{i}" for i in range(1, 30)])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_shape(shapes: Echo, name: str, data: st.DataObject) -> None:
    shapes.check(name, data)


@pytest.mark.parametrize("optimize", ["ReleaseFast", "Debug"])
def test_every_optimisation(build_zig: Any, optimize: str) -> None:
    echo = Echo(build_zig(echo_world(every_shape()), "echo", ECHO, optimize=optimize), [f"f{i}" for i in range(1, 30)])

    @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        for i in range(1, 30):
            echo.check(f"f{i}", data)

    check()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_types(build_zig: Any, seed: int) -> None:
    interface = RandomInterface(seed)
    echo = Echo(build_zig(echo_world(interface.wit), "echo", ECHO), interface.functions)

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        for name in interface.functions:
            echo.check(name, data)

    check()


def test_large_lists_stay_whole(shapes: Echo) -> None:
    shapes.tuple_of_one = False
    text = "é" * 300_000
    assert shapes.guest.call("f8", text, interface="t:t/subject") == text
    rows = [[str(i)] * 3 for i in range(5_000)]
    assert shapes.guest.call("f12", rows, interface="t:t/subject") == rows
