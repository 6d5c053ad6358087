"""Edits of JSON with comments: the value changes as wanted, and all other text stays."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmcp.distribution.commented_json import CommentedJsonError, loads, with_item, with_member

COMMENTED = """\
// of the team
{
    /* servers */
    "servers": {
        "one": { "command": "a" }, // the first
        // "two": {},
    },
    "url": "http://x//y", "n": -1.5e3
}
"""


def test_comments_and_trailing_commas_are_read() -> None:
    assert loads(COMMENTED) == {"servers": {"one": {"command": "a"}}, "url": "http://x//y", "n": -1500.0}


def test_member_is_added_with_the_indentation_of_the_document() -> None:
    assert with_member(COMMENTED, ["servers", "new"], {"command": "b"}) == COMMENTED.replace(
        '        // "two": {},\n',
        '        // "two": {},\n        "new": {\n            "command": "b"\n        },\n',
    )


def test_member_is_replaced_in_place() -> None:
    assert with_member(COMMENTED, ["servers", "one"], 1) == COMMENTED.replace('{ "command": "a" }', "1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '{\n  "a": {\n    "b": 1\n  }\n}'),
        ("{ }\n", '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ("{\n  // nothing\n}\n", '{\n  // nothing\n  "a": {\n    "b": 1\n  }\n}\n'),
        ('{"x": 1}', '{"x": 1,\n  "a": {\n    "b": 1\n  }\n}'),
        ('{\r\n\t"x": 1 // one\r\n}', '{\r\n\t"x": 1, // one\r\n\t"a": {\r\n\t\t"b": 1\r\n\t}\r\n}'),
        ('\ufeff{"a": {}}', '\ufeff{"a": {\n  "b": 1\n}}'),
    ],
)
def test_objects_on_the_way_are_made(text: str, expected: str) -> None:
    assert with_member(text, ["a", "b"], 1) == expected


def test_item_is_added_to_a_list_or_makes_one() -> None:
    assert with_item('{\n  "a": [\n    1, // one\n  ]\n}', "a", 2) == '{\n  "a": [\n    1, // one\n    2,\n  ]\n}'
    assert loads(with_item("{}", "a", {"b": 1})) == {"a": [{"b": 1}]}
    assert with_item('{"a": []}', "a", 1) == '{"a": [\n  1\n]}'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1', "line 1: `,` or `}` was expected"),
        ('{\n"a" 1}', "line 2: `:` was expected"),
        ("{a: 1}", "a string was expected"),
        ("", "a value was expected"),
        ("{} x", "text after the document"),
        ('{"a": 1, "a": 2}', "`a` occurs twice"),
        ("[" * 200, "nested deeper than 100 levels"),
        ('{,"a": 1}', "a string was expected"),
        ('{"a": /* }', "a value was expected"),
    ],
)
def test_invalid_documents_are_refused_with_the_line(text: str, problem: str) -> None:
    with pytest.raises(CommentedJsonError, match=re.escape(problem)):
        loads(text)


def test_path_through_a_value_is_refused() -> None:
    with pytest.raises(CommentedJsonError, match="`servers` must be an object"):
        with_member('{"servers": []}', ["servers", "a"], 1)
    with pytest.raises(CommentedJsonError, match="`inputs` must be a list"):
        with_item('{"inputs": {}}', "inputs", 1)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3),
    max_leaves=8,
)
COMMENTS = st.sampled_from(["", " ", "\n", "// note\n", '/* { [ , " */', "\t"])


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """Return JSON of a value with comments and trailing commas at random places."""
    gap = lambda: draw(COMMENTS)  # noqa: E731
    comma = lambda some: f"{gap()}," if some and draw(st.booleans()) else ""  # noqa: E731
    if isinstance(value, dict):
        members = [f"{gap()}{json.dumps(key)}{gap()}:{gap()}{draw(written(item))}" for key, item in value.items()]
        return "{" + f"{gap()},".join(members) + comma(bool(members)) + gap() + "}"
    if isinstance(value, list):
        items = [f"{gap()}{draw(written(item))}" for item in value]
        return "[" + f"{gap()},".join(items) + comma(bool(items)) + gap() + "]"
    return json.dumps(value)


@given(data=st.data(), value=st.dictionaries(st.text(max_size=4), VALUES, max_size=4), new=VALUES)
def test_edits_change_the_value_alone(data: st.DataObject, value: dict[str, Any], new: Any) -> None:
    text = data.draw(COMMENTS) + data.draw(written(value)) + data.draw(COMMENTS)
    assert loads(text) == value
    edited = with_member(text, ["servers", "one"], new) if isinstance(value.get("servers", {}), dict) else text
    if edited != text:
        servers = value.get("servers", {})
        assert loads(edited) == {**value, "servers": {**servers, "one": new}}
        kept = re.findall(r"// note|/\* \{ \[ , \" \*/", text)
        assert re.findall(r"// note|/\* \{ \[ , \" \*/", edited)[: len(kept)] == kept
