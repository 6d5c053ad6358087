"""JSON of large strings: the same values as those of the standard library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmcp.guest.json_types.json_codec import decode_arguments, encode

PIECES = ["x" * 300, "\\", '"', "\n", "\r\n", "\t", "/", "\b", "\x01", "\\n", "\\u0041", "é", "\U0001f600", "\x7f", " "]
SIZE = 20_000
large = st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map(lambda parts: "".join(parts) * (SIZE // 30))
small = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5), st.lists(st.integers(), max_size=2)
)
objects = st.dictionaries(st.text(max_size=5), st.one_of(small, large), max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.one_of(large, objects, st.lists(large, max_size=2)), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_large_strings_are_encoded_and_decoded(value: Any, ascii_only: bool, indent: Any) -> None:
    assert json.loads(encode(value)) == value
    assert encode(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert decode_arguments(json.dumps(value, ensure_ascii=ascii_only, indent=indent)) == value


@pytest.mark.parametrize(
    "value", ["\ud800" + "x" * SIZE, {"a": "\udc00" * SIZE, "b\ud801": 1}, {2: "x" * SIZE, None: 2, True: "y"}]
)
def test_lone_surrogates_and_other_keys(value: Any) -> None:
    text = encode(value)
    text.encode()
    assert json.loads(text) == json.loads(json.dumps(value))


LONG = "x" * SIZE


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"' + LONG,
        '{"a":"' + LONG + '"',
        '{"a":"' + LONG + '"}x',
        '{"a" "' + LONG + '"}',
        '{"a":"' + LONG + '",}',
        '{"a":"' + LONG + '" "b":1}',
        '{a:"' + LONG + '"}',
        '{"a":"' + LONG + '\\x"}',
        '{"a":"' + LONG + '","b":NaN}',
        '{"a":' + LONG + "}",
        '"' + LONG,
        "{" + " " * SIZE,
    ],
)
def test_text_that_is_not_json(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_arguments(text)


def test_last_of_members_with_the_same_name() -> None:
    assert decode_arguments('{"a":"' + LONG + '","a":2}') == {"a": 2}
    assert decode_arguments(" " * SIZE + "{ } ") == {}


@pytest.mark.parametrize("character", ['"', "\\", "\n", "\r", "\t", "\0", "\x1f", " ", "\x7f", "é", "\x80"])
def test_the_only_special_character_of_a_large_string(character: str) -> None:
    for value in (character + LONG, LONG + character, LONG[:9_000] + character + LONG):
        assert encode(value) == json.dumps(value, ensure_ascii=False)


def test_strings_with_many_quotes() -> None:
    value = {"text": 'say "yes" ' * SIZE}
    assert decode_arguments(json.dumps(value)) == value
    assert encode(value) == json.dumps(value, separators=(",", ":"))


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)),
    max_leaves=8,
)


@given(values, st.sampled_from(["", " ", "\n\t"]), st.sampled_from([None, 1]))
def test_small_values_are_written_and_read_as_by_the_standard_library(value: Any, space: str, indent: Any) -> None:
    text = encode(value)
    assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert decode_arguments(text) == value
    assert decode_arguments(space + json.dumps(value, indent=indent) + space) == value


@pytest.mark.parametrize("text", ["", " ", "{", '{"a":1}x', "{} {}", "NaN", "[Infinity]", "\ufeff{}", '"a\n"', "01"])
def test_small_texts_that_are_not_json(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_arguments(text)


def test_values_without_json() -> None:
    circular: dict[str, Any] = {}
    circular["a"] = [circular]
    for value in (float("nan"), float("inf"), [float("-inf")], circular):
        with pytest.raises(ValueError, match=r".+"):
            encode(value)
    for wrong in (object(), {"a": b"bytes"}, {(1, 2): 3}):
        with pytest.raises(TypeError, match=r".+"):
            encode(wrong)
    assert encode({"a": True, "b": [1.5, -0.0, 10**30]}) == '{"a":true,"b":[1.5,-0.0,' + "1" + "0" * 30 + "]}"
    assert encode("\ud800") == '"\\ud800"'
    assert encode({1: "\ud800"}) == '{"1":"\\ud800"}'
