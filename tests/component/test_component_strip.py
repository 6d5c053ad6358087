"""Components without names and debugging information."""

from __future__ import annotations

import pytest
import wasmtime
from wasmtime import component as wc

from wasmcp.component.binary_format import uleb128
from wasmcp.component.custom_sections import strip
from wasmcp.errors import ComponentError

TEXT = """\
(component $outer
  (component $inner
    (core module $named
      (func $a_function_with_a_name (param $with_a_name i32) (result i32) local.get $with_a_name)
      (export "f" (func $a_function_with_a_name)))
    (core instance $i (instantiate $named))
    (func (export "f") (param "x" s32) (result s32) (canon lift (core func $i "f"))))
  (instance $j (instantiate $inner))
  (export "f" (func $j "f")))
"""


def custom(name: str, content: bytes) -> bytes:
    body = uleb128(len(name)) + name.encode() + content
    return b"\0" + uleb128(len(body)) + body


def test_names_are_removed():
    data = wasmtime.wat2wasm(TEXT) + custom("of-the-package", b"kept")
    stripped = strip(data)
    assert b"a_function_with_a_name" in data
    assert b"a_function_with_a_name" not in stripped
    assert stripped.endswith(custom("of-the-package", b"kept"))
    assert strip(stripped) == stripped
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    instance = wc.Linker(engine).instantiate(store, wc.Component(engine, stripped))
    assert instance.get_func(store, "f")(store, 7) == 7


def test_invalid_component():
    with pytest.raises(ComponentError, match="not a component"):
        strip(wasmtime.wat2wasm("(module)"))


def test_truncated_component():
    with pytest.raises(ComponentError):
        strip(wasmtime.wat2wasm(TEXT)[:-30])
