"""Separation of shared libraries from components, run by the engine with the library as an import."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
import wasmtime
from support.compose_inputs import wat
from wasmtime.component import Component, Linker

from wasmcp.component import separation
from wasmcp.component.separation import Separated, named
from wasmcp.errors import ComponentError

PREFIX = "library-"
LIBRARY = """(core module
  (import "env" "memory" (memory 1))
  (import "env" "base" (global i32))
  (global (export "seven") i32 (i32.add (i32.const 3) (i32.const 4)))
  (table (export "table") 1 2 funcref)
  (func (export "get") (param i32) (result i32) local.get 0 i32.load)
  (func (export "fail") unreachable)
  (func (export "unused") (param i64) (result f64) f64.const 1))"""
MEMORY = """(core module
  (memory (export "memory") 1) (data (i32.const 0) "\\2a")
  (global (export "base") i32 (i32.const 0)))"""
MAIN = """(core module
  (import "lib" "get" (func (param i32) (result i32)))
  (import "lib" "fail" (func))
  (import "lib" "seven" (global i32))
  (func (export "run") (result i32) i32.const 0 call 0 global.get 0 i32.add)
  (func (export "stop") (result i32) call 1 i32.const 0))"""
RUNS = """
  (core instance (instantiate {memory}))
  (core instance (instantiate {library} (with "env" (instance 0))))
  (core instance (instantiate {main} (with "lib" (instance 1))))
  (func (export "run") (result u32) (canon lift (core func 2 "run")))
  (func (export "stop") (result u32) (canon lift (core func 2 "stop")))"""
LIFTED = """
  (alias export {instance} "run" (func)) (alias export {instance} "stop" (func))
  (export "run" (func 0)) (export "stop" (func 1))"""
NESTED = f"""(component
  (component {MEMORY} {LIBRARY} {MAIN} {RUNS.format(memory=0, library=1, main=2)})
  (instance (instantiate 0)) {LIFTED.format(instance=0)})"""
OUTERMOST = f"(component {MEMORY} {LIBRARY} {MAIN} {RUNS.format(memory=0, library=1, main=2)})"
ALIASED = f"""(component
  {MEMORY} {LIBRARY} {MAIN}
  (component
    (alias outer 1 2 (core module)) (alias outer 1 1 (core module)) (alias outer 1 0 (core module))
    {RUNS.format(memory=2, library=1, main=0)})
  (instance (instantiate 0)) {LIFTED.format(instance=0)})"""
TWICE = f"""(component
  (component {MEMORY} {LIBRARY} {MAIN} {RUNS.format(memory=0, library=1, main=2)})
  (component (component {LIBRARY} {MEMORY} {MAIN} {RUNS.format(memory=1, library=0, main=2)})
    (instance (instantiate 0)) {LIFTED.format(instance=0)})
  (instance (instantiate 1)) {LIFTED.format(instance=0)})"""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "LEAST", 1)


def separate(data: bytes) -> Separated:
    return separation.separate(data, PREFIX)


def run(data: bytes, modules: dict[str, bytes], function: str = "run") -> object:
    """Instantiate a component with modules, and call a function."""
    engine = wasmtime.Engine()
    store, linker = wasmtime.Store(engine), Linker(engine)
    with linker.root() as root:
        for digest, module in modules.items():
            root.add_module(PREFIX + digest, wasmtime.Module(engine, module))
    called = linker.instantiate(store, Component(engine, data)).get_func(store, function)
    assert called is not None
    return called(store)


@pytest.mark.parametrize("text", [NESTED, OUTERMOST, ALIASED, TWICE])
def test_component_works_with_its_library_as_an_import(text: str) -> None:
    data = wat(text)
    separated = separate(data)
    ((digest, module),) = separated.modules.items()
    assert sha256(module).hexdigest() == digest
    assert bytes(module) not in bytes(separated.data)
    assert run(data, {}) == run(bytes(separated.data), {digest: named(module, digest)}) == 49


@pytest.mark.parametrize("text", [NESTED, OUTERMOST, ALIASED])
def test_offsets_of_backtraces_lead_to_the_whole_component(text: str) -> None:
    def offsets(data: bytes, modules: dict[str, bytes]) -> list[tuple[str, int]]:
        with pytest.raises(wasmtime.WasmtimeError) as caught:
            run(data, modules, "stop")
        found = re.findall(r"0x([0-9a-f]+) - ([^!]+)!", str(caught.value))
        return [(name, int(offset, 16)) for offset, name in found]

    data = wat(text)
    separated = separate(data)
    ((digest, module),) = separated.modules.items()
    (library, inside), (_, outside) = offsets(bytes(separated.data), {digest: named(module, digest)})
    positions = separated.positions
    assert library == f"x{digest}"
    assert [positions.libraries[digest] + inside, positions.origin(outside)] == [at for _, at in offsets(data, {})]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('(import "env" "memory" (memory 1))', '(import "env" "other" (global i32))'),
        ("(core module\n  (import", "(core module $named\n  (import"),
        ("(param i64) (result f64) f64.const 1", "(param (ref func)) (result f64) f64.const 1"),
        ("(table (export", '(tag (export "tag")) (table (export'),
    ],
)
def test_other_modules_stay(before: str, after: str) -> None:
    assert before in LIBRARY
    library = LIBRARY.replace(before, after, 1)
    data = wat(f"(component {library})")
    assert separate(data).data is data
    assert separate(data).modules == {}


def test_component_with_core_types_stays() -> None:
    data = wat(f"(component (core type (func)) {LIBRARY})")
    assert separate(data).data is data


def test_modules_below_the_bound_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "LEAST", 1000)
    assert separate(wat(NESTED)).modules == {}


@pytest.mark.parametrize("data", [b"", b"\0asm", wat("(module)"), wat(NESTED)[:-9]])
def test_damaged_components_stay(data: bytes) -> None:
    assert separate(data).data is data


def test_each_truncation_is_left_to_the_engine() -> None:
    data = wat(NESTED)
    for size in range(len(data)):
        try:
            separated = separate(data[:size])
        except ComponentError:
            pytest.fail(f"{size} bytes are not left to the engine")
        assert separated.modules == {} or separated.data != data[:size]
