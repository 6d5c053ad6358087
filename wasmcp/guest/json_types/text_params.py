"""Conversion of values that arrive as text: arguments of prompts, variables of URIs, environment variables."""

from __future__ import annotations

import re
from typing import Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import JsonType, undocumented
from wasmcp.guest.json_types.containers import Array
from wasmcp.guest.json_types.json_codec import decode
from wasmcp.guest.json_types.scalars import Choice
from wasmcp.guest.json_types.unions import without_null

_SCALAR = re.compile(r"true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


def load_text(json_type: JsonType, text: str | list[str]) -> Any:
    """Return the value of a text: the text itself if the type accepts strings, otherwise the JSON scalar.

    Raises:
        MismatchError: The value does not fit.
    """
    json_type = undocumented(without_null(json_type))
    if isinstance(text, list):
        item = json_type.item if isinstance(json_type, Array) else None
        return json_type.load(text if item is None else [_plain(item, part) for part in text])
    return json_type.load(_plain(json_type, text))


def _plain(json_type: JsonType, text: str) -> Any:
    """Return the JSON value to convert."""
    try:
        json_type.load(text)
    except MismatchError:
        value = json_scalar(text)
        # A number out of bounds must be reported as a number, not as a string.
        if type(value) in (*json_type.exact, *json_type.near):
            return value
    return text


def json_scalar(text: str) -> str | int | float | bool:
    """Return the number or boolean of a JSON text without white space; the text itself if it is not a scalar."""
    if not _SCALAR.fullmatch(text):
        return text
    try:
        value: int | float | bool = decode(text)
    except ValueError:  # more digits than Python accepts
        return text
    return value


def proposals_of(json_type: JsonType) -> list[str]:
    """Return the values of a type with few values: a literal, an enum, a boolean; an empty list for others."""
    json_type = undocumented(json_type)
    if isinstance(json_type, Choice):
        return [value if isinstance(value, str) else _scalar(value) for value in json_type.values if value is not None]
    if json_type.exact == (bool,):
        return ["true", "false"]
    for option in getattr(json_type, "options", ()):
        found = proposals_of(option)
        if found:
            return found
    return []


def _scalar(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
