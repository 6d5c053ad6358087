"""Python values as the stores keep them: each with its type. Interface ``key-value-types``, `value`."""

from __future__ import annotations

from typing import Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.json_codec import decode, encode
from wasmcp.guest.json_types.untyped_json import dump_any

Tagged = tuple[str, Any]
"""The case of `value`, and what it holds; the text of a JSON value is not read."""

_S64 = 1 << 63
_U64 = 1 << 64


def tagged(value: Any) -> Tagged:
    """Return what is kept of a Python value.

    Texts, booleans, bytes and integers of 64 bits keep their types. Everything else is kept as JSON: numbers, None,
    lists, dicts, dataclasses and whatever else a tool can return.

    Raises:
        TypeError: It has no JSON form.
    """
    kind = type(value)
    if kind is str:
        return "string", value
    if kind is bool:
        return "bool", value
    if kind is int:
        if -_S64 <= value < _S64:
            return "s64", value
        return ("u64", value) if 0 <= value < _U64 else ("json", encode(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes", bytes(value)
    try:
        return "json", encode(dump_any(value))
    except MismatchError as mismatch:
        raise TypeError(f"only values that JSON can hold, and bytes, are kept: {mismatch}") from None


def plain(value: Tagged) -> Any:
    """Return the Python value of what is kept.

    Raises:
        ValueError: It is kept as JSON and is not JSON.
    """
    case, held = value
    return decode(held) if case == "json" else held
