"""Values that arrive as text: the arguments of prompts, the variables of URIs, environment variables."""

from __future__ import annotations

import re
from typing import Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.containers import Array
from wasmcp.guest.json_types.json_codec import decode
from wasmcp.guest.json_types.shapes import Choice, Shape, undocumented

_SCALAR = re.compile(r"true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


def load_text(shape: Shape, text: str | list[str]) -> Any:
    """Return the value that a text stands for: itself where the shape takes strings, else the JSON scalar that it is.

    Raises:
        MismatchError: It does not fit.
    """
    shape = undocumented(shape)
    if isinstance(text, list):
        item = shape.item if isinstance(shape, Array) else None
        return shape.load(text if item is None else [_plain(item, part) for part in text])
    return shape.load(_plain(shape, text))


def _plain(shape: Shape, text: str) -> Any:
    """Return the JSON value to load."""
    try:
        shape.load(text)
    except MismatchError:
        value = json_scalar(text)
        # A number out of bounds is told as one, not as a text in its place.
        if type(value) in (*shape.exact, *shape.near):
            return value
    return text


def json_scalar(text: str) -> str | int | float | bool:
    """Return the number or the boolean that a text is in JSON, without white space; the text itself when it is none."""
    if not _SCALAR.fullmatch(text):
        return text
    try:
        value: int | float | bool = decode(text)
    except ValueError:  # more digits than Python reads
        return text
    return value


def proposals_of(shape: Shape) -> list[str]:
    """Return the values of a shape that has few: a literal, an enum, a boolean; else nothing."""
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
