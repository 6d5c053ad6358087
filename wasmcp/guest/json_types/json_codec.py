"""JSON decoder and encoder for texts that enter and leave the component: valid UTF-8, without NaN."""

from __future__ import annotations

import json
from typing import Any


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_refuse).decode
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def decode(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: The text is not JSON, or contains an integer with more digits than Python accepts.
        RecursionError: The value is nested too deeply.
    """
    return _decode(text)


def encode(value: Any) -> str:
    """Return a JSON value as compact text that is valid UTF-8.

    Raises:
        ValueError: The value contains a float that JSON does not have.
        TypeError: The value is not a JSON value.
        RecursionError: The value is nested too deeply.
    """
    text = _encode(value)
    if text.isascii() or _encodable(text):
        return text
    return _encode_ascii(value)  # lone surrogates are kept as escapes


def sendable(text: str) -> str:
    """Return a text as valid UTF-8; lone surrogates become U+FFFD."""
    if text.isascii() or _encodable(text):
        return str(text)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
