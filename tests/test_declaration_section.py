"""Declarations of components in custom sections; malformed ones are ignored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compose_inputs import dead_end

from wasmcp.component.binary_format import name, uleb128
from wasmcp.declaration_section import SECTION, Declares, declares, extension_problem, with_extensions


def section(content: bytes) -> bytes:
    content = name(SECTION) + content
    return b"\0" + uleb128(len(content)) + content


@pytest.mark.parametrize(
    "said",
    [
        Declares(),
        Declares(offers=frozenset({"tools"})),
        Declares(uses=frozenset()),
        Declares(uses=frozenset({"log", "notify-tools-changed"}), extensions={"a.b/c": {}, "a/b": {"é": [1.5, None]}}),
    ],
)
def test_there_and_back(said: Declares) -> None:
    assert declares(dead_end() + said.section()) == said
    assert said.section() == said.section()


def test_extensions_are_added() -> None:
    before = dead_end() + Declares(uses=frozenset({"log"}), extensions={"a/b": {}, "c/d": {}}).section()
    said = declares(with_extensions(before, {"c/d": {"e": 1}, "f/g": {}}))
    assert (said.uses, said.extensions) == ({"log"}, {"a/b": {}, "c/d": {"e": 1}, "f/g": {}})
    assert declares(with_extensions(dead_end(), {"a/b": {}})) == Declares(extensions={"a/b": {}})


def test_nothing_is_said() -> None:
    assert Declares().section() == b""
    for data in (dead_end(), b"", dead_end() + section(b"{}")[:-1]):
        assert declares(data) == Declares()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"offers":1,"uses":{},"extensions":[]}',
        b'{"extensions":{"none":{}}}',
        b'{"extensions":{"a/b":1}}',
    ],
    ids=["empty", "list", "bytes", "deep", "types", "identifier", "settings"],
)
def test_what_is_not_of_the_right_kind_counts_as_nothing(content: bytes) -> None:
    assert declares(dead_end() + section(content)) == Declares()


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    for text in (data, dead_end() + data, dead_end() + section(data)):
        assert isinstance(declares(text), Declares)


@pytest.mark.parametrize(
    "identifier",
    ["com.example/shapes", "io.modelcontextprotocol/ui", "a/b", "a-1.b2/C_d.e-f", "com.example/", "X/1"],
)
def test_good_identifiers(identifier: str) -> None:
    assert extension_problem(identifier, {}) is None


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "/",
        "shapes",
        "1a/b",
        "a-/b",
        "a..b/c",
        ".a/b",
        "a./b",
        "a/-b",
        "a/b-",
        "a/b/c",
        "a b/c",
        "é/b",
        "a/b\n",
        "a/é",
    ],
)
def test_bad_identifiers(identifier: str) -> None:
    problem = extension_problem(identifier, {})
    assert problem is not None
    assert "com.example/name" in problem


@pytest.mark.parametrize(
    ("settings", "words"),
    [(None, "table"), ([], "table"), ("x", "table"), ({"a": float("nan")}, "JSON"), ({"a": {1, 2}}, "JSON")],
    ids=["none", "list", "text", "nan", "set"],
)
def test_bad_settings(settings: Any, words: str) -> None:
    problem = extension_problem("a/b", settings)
    assert problem is not None
    assert words in problem


def test_the_form_is_json() -> None:
    data = Declares(extensions={"a/b": {"x": "\ud800"}}).section()
    assert json.loads(data[data.index(b"{") :]) == {"extensions": {"a/b": {"x": "\ud800"}}}
