"""Functions of side modules in the place of imports and exports, run in an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import wasmtime

from wasmcp.component import core_module as core
from wasmcp.component.binary_format import MODULE_PREAMBLE, uleb128, vector
from wasmcp.component.side_module import Original, interpose, read, sections
from wasmcp.errors import ComponentError

TEXT = """(module
  (@dylink.0 (mem-info (memory 8 4)))
  (import "test:other/api@1.2.0" "unused" (func (param i32)))
  (import "test:clock/api@0.2.0" "now" (func $now (result i32)))
  (import "test:math/api@0.2.0" "add" (func $add (param i32 i32) (result i32)))
  (import "env" "base" (global $base i32))
  (global $own (mut i32) (i32.const 100))
  (table 1 funcref)
  (elem (i32.const 0) $now)
  (func $tail (param i32) (result i32) (return_call $add (local.get 0) (i32.const 16)))
  (func (export "run") (result i32) (local i64 f64 i32)
    (block (result i32)
      (i32.add (global.get $own) (call $add (call $now) (i32.const 0x1011)))))
  (func (export "tail") (result i32) (call $tail (call $now)))
  (func (export "through") (result i32) (call_indirect (result i32) (i32.const 0)))
  (func (export "add") (param i32 i32) (result i32) (i32.const 1))
)"""
CODE = 10  # id of the section
NOW, ADD = ("test:clock/api", "now"), ("test:math/api", "add")


def module() -> bytes:
    return bytes(wasmtime.wat2wasm(TEXT))


def exports(data: bytes) -> Callable[..., Any]:
    """Instantiate a module whose clock is 5 and whose `add` adds."""
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    i32 = wasmtime.ValType.i32()
    functions = (
        wasmtime.Func(store, wasmtime.FuncType([i32], []), lambda _: None),
        wasmtime.Func(store, wasmtime.FuncType([], [i32]), lambda: 5),
        wasmtime.Func(store, wasmtime.FuncType([i32, i32], [i32]), lambda a, b: a + b),
    )
    base = wasmtime.Global(store, wasmtime.GlobalType(i32, False), wasmtime.Val.i32(0))
    found = wasmtime.Instance(store, wasmtime.Module(engine, data), [*functions, base]).exports(store)
    return lambda name, *arguments: found[name](store, *arguments)


def test_functions_in_the_place_of_imports() -> None:
    def doubled(original: Original) -> bytes:
        assert (original.index, original.params) == (1, 0)
        return core.call(original.index) + core.call(original.index) + core.i32_add()

    run = exports(interpose(module(), [], {NOW: doubled}, {}))
    assert run("run") == 100 + 10 + 0x1011
    assert run("tail") == 10 + 16
    assert run("through") == 5, "a table holds the original"


def test_functions_in_the_place_of_exports_and_their_globals() -> None:
    def counted(original: Original) -> bytes:
        assert original.variables == 2, "after the imported global and the module's own"
        more = core.global_get(2) + core.i32_const(1) + core.i32_add() + core.global_set(2)
        return more + core.call(original.index) + core.global_get(2) + core.i32_add()

    def subtracted(original: Original) -> bytes:
        assert (original.index, original.params) == (2, 2)
        return core.local_get(0) + core.local_get(1) + core.i32_sub()

    variables = [(core.I32, core.i32_const(40))]
    run = exports(interpose(module(), variables, {ADD: subtracted}, {"run": counted}))
    assert [run("run"), run("run")] == [100 + 5 - 0x1011 + 41, 100 + 5 - 0x1011 + 42]
    assert run("tail") == 5 - 16
    assert run("add", 7, 7) == 1, "an export with the name of an import is another function"


@pytest.mark.parametrize("padding", [1, 2, 4])
def test_indices_that_a_linker_padded(padding: int) -> None:
    longer = [MODULE_PREAMBLE]
    for kind, section in sections(module()):
        content = bytes(section.data[section.position : section.end])
        if kind == CODE:
            bodies = [section.part(section.u32(), "a function") for _ in range(section.count())]
            texts = [bytes(body.data[body.position : body.end]) for body in bodies]
            texts = [text.replace(b"\x10\x01", b"\x10\x81" + b"\x80" * (padding - 1) + b"\0") for text in texts]
            content = vector([uleb128(len(text)) + text for text in texts])
        longer.append(bytes([kind]) + uleb128(len(content)) + content)
    data = b"".join(longer)
    assert len(data) == len(module()) + 2 * padding, "two calls of the clock"
    assert exports(data)("run") == 100 + 5 + 0x1011
    assert exports(interpose(data, [], {NOW: lambda _: core.i32_const(7)}, {}))("run") == 100 + 7 + 0x1011


def test_nothing_else_changes() -> None:
    original = module()
    assert interpose(original, [], {}, {}) == original
    changed = interpose(original, [], {NOW: lambda _: core.i32_const(1)}, {})
    assert read(changed) == read(original)


def test_functions_that_a_module_lacks() -> None:
    with pytest.raises(ComponentError, match=r"does not import the function \('test:clock/api', 'later'\)"):
        interpose(module(), [], {("test:clock/api", "later"): lambda _: b""}, {})
    with pytest.raises(ComponentError, match="does not export the function 'now'"):
        interpose(module(), [], {}, {"now": lambda _: b""})
