"""Conversion between Python values and stored values, which keep their type: `value` of ``key-value-types``."""

from __future__ import annotations

from typing import Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.json_codec import decode, encode
from wasmcp.guest.json_types.untyped_json import dump_any

Tagged = tuple[str, Any]
"""The case of `value`, and its content; a JSON value is not decoded."""

_S64 = 1 << 63
_U64 = 1 << 64


def tagged(value: Any) -> Tagged:
    """Return a Python value as a stored value.

    Strings, booleans, bytes and integers of 64 bits keep their types. Every other value is stored as JSON: numbers,
    None, lists, dicts, dataclasses and all other types that a tool can return.

    Raises:
        TypeError: The value has no JSON form.
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
    """Return a stored value as a Python value.

    Raises:
        ValueError: The value is stored as JSON, and is not valid JSON.
    """
    case, held = value
    return decode(held) if case == "json" else held
