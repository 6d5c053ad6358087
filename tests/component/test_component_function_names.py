"""Function names of core modules, apart from their component."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.component.binary_format import Reader
from wasmcp.component.custom_sections import core_modules, function_names, read_function_names, strip
from wasmcp.errors import ComponentError
from wasmcp.host.engine.backtraces import demangled, names_of, path_of_names
from wasmcp.storage import Cache

TEXT = """\
(component
  (core module $first
    (func $imported (import "a" "b"))
    (func $twice (param $number i32) (result i32) local.get $number local.get $number i32.add)
    (func (export "run") (result i32) i32.const 21 call $twice))
  (component
    (core module $second
      (@custom "dylink.0" (before first) "")
      (func (export "z-a-function") (result i32) i32.const 1)
      (func (export "another") (result i32) i32.const 2)
      (@custom "" (after last) "not exports"))
    (core module (func (export "short") (result i32) i32.const 3))
    (core module $data (memory 1))))
"""
DATA = wasmtime.wat2wasm(TEXT.replace("(core module $second", "(core module"))


def test_names_are_found_by_the_digest_of_the_code() -> None:
    names = function_names(DATA)
    first, second, short = core_modules(DATA)
    assert {one: read_function_names(content) for one, content in names.items()} == {
        first.digest: {0: "imported", 1: "twice"},
        second.digest: {0: "z-a-function", 1: "another"},
    }
    assert short.digest not in names  # names of exports mean something in shared libraries only
    assert bytes(first.code) in DATA[first.start : first.end]


def test_digests_are_the_same_without_names() -> None:
    stripped = strip(DATA)
    assert [one.digest for one in core_modules(stripped)] == [one.digest for one in core_modules(DATA)]
    assert b"twice" not in stripped
    assert strip(DATA, names=True) == DATA


def section_ends() -> set[int]:
    """Return the offsets at which a section of the outermost component ends, and the end of the preamble."""
    found, reader = {8}, Reader(memoryview(DATA), 8, len(DATA))
    while reader.position < reader.end:
        reader.byte()
        reader.part(reader.u32(), "section")
        found.add(reader.position)
    return found


@given(st.integers(0, len(DATA)))
def test_truncated_components_are_refused_unless_they_end_with_a_section(at: int) -> None:
    if at in section_ends():
        assert function_names(DATA[:at]).items() <= function_names(DATA).items()
    else:
        with pytest.raises(ComponentError):
            function_names(DATA[:at])


@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_damaged_components_are_refused_or_read(at: int, byte: int) -> None:
    data = DATA[:at] + bytes([byte]) + DATA[at + 1 :]
    try:
        modules = list(core_modules(data))
        names = function_names(data)
    except ComponentError:
        assert data != DATA
        return
    assert names.keys() <= {one.digest for one in modules}
    assert all(bytes(one.code) in data[one.start : one.end] for one in modules)


@given(st.binary(max_size=60))
def test_damaged_names_are_ignored(content: bytes) -> None:
    assert all(isinstance(name, str) for name in read_function_names(content).values())


def test_names_of_rust_and_cpp_are_demangled() -> None:
    names = {
        "_ZN4core3ptr45drop_in_place$LT$serde_json..error..Error$GT$17hdacf043ca208a1fcE": (
            "core::ptr::drop_in_place<serde_json::error::Error>"
        ),
        "_RNvMs4_NtCs8jb7XIKFSSy_5alloc7raw_vecNtB5_11RawVecInner14grow_amortizedCskp7mYM8O6Yn_4wasi": (
            "<alloc::raw_vec::RawVecInner>::grow_amortized"
        ),
        "_ZNSt6vectorIiSaIiEE9push_backERKi": "std::vector<int, std::allocator<int> >::push_back(int const&)",
    }
    assert demangled(["main", *names, 'odd " name', *names]) == names
    assert demangled(["main"]) == {}


def test_names_are_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMCP_CACHE_DIR", str(tmp_path))
    names = function_names(DATA)
    first = next(core_modules(DATA)).digest
    assert names_of(first) == {}
    Cache().record_names(names)
    assert names_of(first) == {0: "imported", 1: "twice"}
    assert path_of_names(tmp_path, first).stat().st_mode & 0o077 == 0
    path_of_names(tmp_path, first).write_bytes(b"\xff")
    assert names_of(first) == {}
    Cache().record_names(names)
    assert names_of(first)


def test_old_names_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasmcp.storage.NAMES_LIMIT", 25)
    cache = Cache(tmp_path)
    for name in ("a", "b", "c"):
        cache.record_names({name: b"x" * 10})
    assert sum(path_of_names(tmp_path, name).is_file() for name in "abc") == 2
    assert path_of_names(tmp_path, "c").is_file()
