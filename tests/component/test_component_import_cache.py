from __future__ import annotations

import pytest
from support.compose_inputs import component, section, wat

from wasmcp.component import index_spaces
from wasmcp.component.decode import decode
from wasmcp.component.types import Func, Instance, TypeBound, TypeName

FIRST = """
  (import "demo:a/b@1.0.0" (instance (export "f" (func))))
"""


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_spaces, "BEGINNINGS", {})


def test_identical_beginnings_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one = decode(wat(f"(component {FIRST} (core module))"))
    assert len(index_spaces.BEGINNINGS) == 1
    # A cached state is not decoded again: a change of it shows in the next result.
    kept = next(iter(index_spaces.BEGINNINGS.values()))
    assert isinstance(kept.imports, dict)
    kept.imports["trace"] = Func()
    two = decode(wat(f'(component {FIRST} (core module) (import "late" (func)))'))
    assert list(one.imports) == ["demo:a/b@1.0.0"]
    assert list(two.imports) == ["demo:a/b@1.0.0", "trace", "late"]


def test_cached_state_is_not_changed_by_later_sections() -> None:
    text = '(component {first} (core module) (type (func)) (import "x" (func (type 1))) (export "{name}" (func 0)))'
    one = decode(wat(text.format(first=FIRST, name="one")))
    two = decode(wat(text.format(first=FIRST, name="two")))
    assert list(one.imports) == list(two.imports) == ["demo:a/b@1.0.0", "x"]
    assert (list(one.exports), list(two.exports)) == (["one"], ["two"])


def test_a_later_import_that_names_an_early_type() -> None:
    # The instance type is in the beginning; the import that has it follows after the module.
    types = section(7, b"\x01\x42\x02\x01\x6d\x01\x01a\x04\x00\x01t\x03\x00\x00")
    module = section(1, b"\x00asm\x01\x00\x00\x00")

    def with_name(name: bytes) -> bytes:
        return component(types, module, section(10, b"\x01\x00" + bytes([len(name)]) + name + b"\x05\x00"))

    for name in (b"a:b/c", b"a:b/d"):
        alias = section(6, b"\x01\x03\x00\x00\x01t") + section(10, b"\x01\x00\x01u\x03\x00\x01")
        info = decode(with_name(name) + alias)
        instance = info.imports[name.decode()]
        assert isinstance(instance, Instance)
        used = info.imports["u"]
        assert isinstance(used, TypeBound)
        assert isinstance(used.type, TypeName)
        assert used.type.interface == name.decode()


def test_number_of_entries_is_limited() -> None:
    for n in range(index_spaces.MAX_ENTRIES + 5):
        decode(wat(f'(component (import "f{n}" (func)))'))
    assert len(index_spaces.BEGINNINGS) == index_spaces.MAX_ENTRIES


def test_large_beginning_is_not_cached() -> None:
    many = "".join(f'(import "{"x" * 900}{n}" (func))' for n in range(300))
    assert len(decode(wat(f"(component {many})")).imports) == 300
    assert not index_spaces.BEGINNINGS
