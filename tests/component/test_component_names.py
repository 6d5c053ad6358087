from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.component.interface_names import compatible, find, is_valid, is_wasi_0_3, newest, parse, track


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wasi:io/streams@0.2.9", "wasi:io/streams@0.2"),
        ("wasi:io/streams@1.4.2", "wasi:io/streams@1"),
        ("wasi:io/streams@0.0.3", "wasi:io/streams@0.0.3"),
        ("wasi:io/streams@0.2.9-rc.1", "wasi:io/streams@0.2.9-rc.1"),
        ("wasi:io/streams@0.2.9+build.7", "wasi:io/streams@0.2"),
        ("wasi:io/streams", "wasi:io/streams"),
        ("plain-name", "plain-name"),
        ("a:b/c@not-a-version", "a:b/c@not-a-version"),
        ("a:b/c@01.2.3", "a:b/c@01.2.3"),
        ("[method]r.m", "[method]r.m"),
    ],
)
def test_compatible_track_of_a_name(name: str, expected: str) -> None:
    assert track(name) == expected


def test_parsed_parts_of_a_name() -> None:
    parsed = parse("wasmcp:mcp-v20260728/server-io@0.1.2-rc1+b")
    assert parsed is not None
    assert (parsed.package, parsed.interface) == ("wasmcp:mcp-v20260728", "server-io")
    assert parsed.version is not None
    assert parsed.version.precedence == (0, 1, 2)
    assert (parsed.version.prerelease, parsed.version.build) == ("rc1", "b")


def test_compatible_names() -> None:
    assert compatible("a:b/c@0.2.8", "a:b/c@0.2.9")
    assert compatible("run", "run")
    assert not compatible("a:b/c@0.2.8", "a:b/c@0.3.0")
    assert not compatible("a:b/c@0.2.8", "a:b/d@0.2.8")
    assert not compatible("a:b/c@0.2.0-rc1", "a:b/c@0.2.0")
    assert not compatible("a:b/c", "a:b/c@1.0.0")


def test_newest_compares_numbers_not_texts() -> None:
    assert newest(["a:b/c@0.2.9", "a:b/c@0.2.10", "a:b/c@0.2.8"]) == "a:b/c@0.2.10"
    assert newest(["a:b/c@1.0.0", "a:b/c@1.0.0+x"]) == "a:b/c@1.0.0"
    with pytest.raises(ValueError, match="no names"):
        newest([])


def test_find_prefers_the_exact_name() -> None:
    names = ["a:b/c@0.2.8", "a:b/c@0.2.9", "a:b/c@0.1.0"]
    assert find("a:b/c@0.2.9", names) == "a:b/c@0.2.9"
    assert find("a:b/c@0.2.1", names) == "a:b/c@0.2.8"
    assert find("a:b/c", names) == "a:b/c@0.2.8"
    assert find("a:b/c@1.0.0", names) is None
    assert find("x", names) is None


def test_wasi_0_3() -> None:
    assert is_wasi_0_3("wasi:cli/stdout@0.3.0-rc-2026-01-01")
    assert not is_wasi_0_3("wasi:cli/stdout@0.2.9")
    assert not is_wasi_0_3("mine:cli/stdout@0.3.0")


@pytest.mark.parametrize(
    "name",
    ["run", "a-b2-c", "HTTP-fetch", "[method]a.b-c", "[static]a.b", "[constructor]a", "a:b/c", "a:b-c/d@0.1.0-rc.1+x"],
)
def test_valid_names(name: str) -> None:
    assert is_valid(name)


@pytest.mark.parametrize(
    "name", ["", "a b", "a_b", "-a", "a--b", "1a", "[method]a", "a:b", "a/b", "a:b/c@", "a:b/c@1", "é"]
)
def test_invalid_names(name: str) -> None:
    assert not is_valid(name)


@given(st.text(max_size=60))
def test_any_text_has_a_track(text: str) -> None:
    assert compatible(text, text)
    assert isinstance(track(text), str)
