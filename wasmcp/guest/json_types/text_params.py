"""Conversion of values that arrive as text: arguments of prompts, variables of URIs, environment variables."""

from __future__ import annotations

import re
from typing import Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.containers import Array
from wasmcp.guest.json_types.json_codec import decode
from wasmcp.guest.json_types.shapes import Choice, Shape, undocumented

_SCALAR = re.compile(r"true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


def load_text(shape: Shape, text: str | list[str]) -> Any:
    """Return the value of a text: the text itself if the type accepts strings, otherwise the JSON scalar.

    Raises:
        MismatchError: The value does not fit.
    """
    shape = undocumented(shape)
    if isinstance(text, list):
        item = shape.item if isinstance(shape, Array) else None
        return shape.load(text if item is None else [_plain(item, part) for part in text])
    return shape.load(_plain(shape, text))


def _plain(shape: Shape, text: str) -> Any:
    """Return the JSON value to convert."""
    try:
        shape.load(text)
    except MismatchError:
        value = json_scalar(text)
        # A number out of bounds must be reported as a number, not as a string.
        if type(value) in (*shape.exact, *shape.near):
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


def proposals_of(shape: Shape) -> list[str]:
    """Return the values of a type with few values: a literal, an enum, a boolean; an empty list for others."""
    shape = undocumented(shape)
    if isinstance(shape, Choice):
        return [value if isinstance(value, str) else _scalar(value) for value in shape.values if value is not None]
    if shape.exact == (bool,):
        return ["true", "false"]
    for option in getattr(shape, "options", ()):
        found = proposals_of(option)
        if found:
            return found
    return []


def _scalar(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
