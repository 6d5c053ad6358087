"""Edits of JSON with comments that change nothing else in the text.

Editors write configuration as JSON with comments and trailing commas. The standard library reads neither, and a
document that is read and written again loses them.

Source: RFC 8259; the comments and trailing commas of VS Code's `jsonc`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TRIVIA = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DEPTH = 100


class CommentedJsonError(ValueError):
    """Text that is not JSON with comments. Its message has the line."""


@dataclass(frozen=True)
class _Node:
    """A value with its place in the text: `start` is its first character, `end` the one after its last."""

    start: int
    end: int
    value: Any
    members: Mapping[str, _Node] | None = None
    last: int = 0  # the end of the last member or item; 0 in an empty one


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text

    def document(self) -> _Node:
        node = self._value(self._skip(0), 0)
        end = self._skip(node.end)
        if end != len(self._text):
            raise self._error(end, "text after the document")
        return node

    def _error(self, place: int, problem: str) -> CommentedJsonError:
        return CommentedJsonError(f"line {self._text.count(chr(10), 0, place) + 1}: {problem}")

    def _skip(self, place: int) -> int:
        match = _TRIVIA.match(self._text, place)
        return place if match is None else match.end()

    def _value(self, place: int, depth: int) -> _Node:
        if depth > _DEPTH:
            raise self._error(place, f"nested deeper than {_DEPTH} levels")
        first = self._text[place : place + 1]
        if first in {"{", "["}:
            return self._container(place, depth)
        if first == '"':
            return self._string(place)
        match = _SCALAR.match(self._text, place)
        if match is None:
            raise self._error(place, "a value was expected")
        return _Node(place, match.end(), json.loads(match[0]))

    def _string(self, place: int) -> _Node:
        match = _STRING.match(self._text, place)
        if match is None:
            raise self._error(place, "a string was expected")
        try:
            return _Node(place, match.end(), json.loads(match[0]))
        except ValueError:
            raise self._error(place, "an invalid string") from None

    def _container(self, place: int, depth: int) -> _Node:
        is_object = self._text[place] == "{"
        close = "}" if is_object else "]"
        members: dict[str, _Node] = {}
        items: list[_Node] = []
        at, last = self._skip(place + 1), 0
        while self._text[at : at + 1] != close:
            if items and last:
                if self._text[at : at + 1] != ",":
                    raise self._error(at, f"`,` or `{close}` was expected")
                at = self._skip(at + 1)
                if self._text[at : at + 1] == close:
                    break
            name = None
            if is_object:
                key = self._string(at)
                name = key.value
                at = self._skip(key.end)
                if self._text[at : at + 1] != ":":
                    raise self._error(at, "`:` was expected")
                at = self._skip(at + 1)
            node = self._value(at, depth + 1)
            items.append(node)
            if name is not None:
                if name in members:
                    raise self._error(node.start, f"`{name}` occurs twice")
                members[name] = node
            last, at = node.end, self._skip(node.end)
        value: Any = {name: node.value for name, node in members.items()} if is_object else [one.value for one in items]
        return _Node(place, at + 1, value, members if is_object else None, last)


def loads(text: str) -> Any:
    """Return the value of JSON with comments.

    Raises:
        CommentedJsonError: The text is invalid.
    """
    return _Parser(text).document().value


def with_member(text: str, path: Sequence[str], value: Any) -> str:
    """Return a document with a member set, and objects on the way to it made if they are missing.

    Args:
        text: The document: an object.
        path: The names of the member and of the objects around it, outermost first.
        value: The member's value.

    Raises:
        CommentedJsonError: The text is invalid, or something on the path is not an object.
    """
    node = _Parser(text).document()
    for index, name in enumerate(path):
        if node.members is None:
            place = ".".join(path[:index]) or "the document"
            raise CommentedJsonError(f"`{place}` must be an object")
        if name not in node.members:
            for rest in reversed(path[index + 1 :]):
                value = {rest: value}
            return _inserted(text, node, f"{json.dumps(name, ensure_ascii=False)}: ", value)
        node = node.members[name]
    return text[: node.start] + _written(value, _indent_at(text, node.start), text) + text[node.end :]


def with_item(text: str, name: str, value: Any) -> str:
    """Return a document with an item added to the list of a member, which is made if it is missing.

    Raises:
        CommentedJsonError: The text is invalid, or the member is not a list.
    """
    document = _Parser(text).document()
    if document.members is None:
        raise CommentedJsonError("`the document` must be an object")
    node = document.members.get(name)
    if node is None:
        return _inserted(text, document, f"{json.dumps(name)}: ", [value])
    if not isinstance(node.value, list):
        raise CommentedJsonError(f"`{name}` must be a list")
    return _inserted(text, node, "", value)


def _indent_at(text: str, place: int) -> str:
    """Return the white space at the beginning of a line."""
    line = text.rfind("\n", 0, place) + 1
    match = re.compile(r"[ \t]*").match(text, line)
    return "" if match is None else match[0]


def _unit(text: str) -> str:
    """Return the indentation of one level, as the document has it."""
    match = re.search(r"\n([ \t]+)\S", text)
    return match[1] if match is not None else "  "


def _written(value: Any, indent: str, text: str) -> str:
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return f"{_newline(text)}{indent}".join(lines)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _inserted(text: str, node: _Node, prefix: str, value: Any) -> str:
    """Return a text with a member or an item at the end of an object or a list."""
    outer = _indent_at(text, node.start)
    inner, newline = outer + _unit(text), _newline(text)
    new = f"{newline}{inner}{prefix}{_written(value, inner, text)}"
    close = node.end - 1
    before = text[: node.last] if node.last else text[:close].rstrip(" \t\r\n")
    between = text[node.last : close].rstrip(" \t\r\n") if node.last else ""
    comma = ""
    if node.last:
        match = _TRIVIA.match(text, node.last)
        has_comma = match is not None and text[match.end() : match.end() + 1] == ","
        comma, new = ("", f"{new},") if has_comma else (",", new)
    return f"{before}{comma}{between}{new}{newline}{outer}{text[close:]}"
