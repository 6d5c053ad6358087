"""JSON decoder and encoder for texts that enter and leave the component: valid UTF-8, without NaN.

The standard library's codec reads strings character by character, which takes 10 ms for 1 MB in a component. Large
strings are therefore decoded and encoded with searches and replacements, which take 1 to 5 ms.
"""

from __future__ import annotations

import json
import json.decoder
import json.encoder
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re
    from collections.abc import Callable


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)
_decode = _decoder.decode
# Functions of the decoder that its type stubs omit: they read one value, or the rest of a string, from an index on.
scan_value: Callable[[str, int], tuple[Any, int]] = vars(_decoder)["scan_once"]
_scan_string: Callable[[str, int], tuple[str, int]] = vars(json.decoder)["scanstring"]
_whitespace: re.Pattern[str] = vars(json.decoder)["WHITESPACE"]
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# The encoder in C, which `JSONEncoder.encode` calls through three functions; None in interpreters without one.
_new_encoder: Any = vars(json.encoder)["c_make_encoder"]
quote = json.encoder.encode_basestring
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

LARGE = 16_384  # characters
_QUOTES = 512  # maximum number of quotes in a large string: each is handled by Python code
_ESCAPES = {b"\\"[0]: "\\\\", b'"'[0]: '\\"', b"\n"[0]: "\\n", b"\r"[0]: "\\r", b"\t"[0]: "\\t"}  # backslash first
_PLAIN = bytes(code for code in range(256) if code >= 32 and code not in _ESCAPES)
_REPLACED = bytes(code if code in _PLAIN else 32 for code in range(256))
_SAMPLE = 4096  # bytes at the beginning of a large string
_UNESCAPES = (('\\"', '"'), ("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("\\/", "/"))


def decode(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: The text is not JSON, or contains an integer with more digits than Python accepts.
        RecursionError: The value is nested too deeply.
    """
    return _decode(text)


def decode_arguments(text: str) -> Any:
    """Return the value of a JSON text that the framework has checked; strings of an object are decoded fast.

    Raises:
        ValueError: The text is not JSON, or contains an integer with more digits than Python accepts.
        RecursionError: The value is nested too deeply.
    """
    if len(text) < LARGE:
        try:
            value, end = scan_value(text, 0)
        except StopIteration:
            return _decode(text)
        return value if end == len(text) else _decode(text)
    try:
        return _decode_object(text)
    except (IndexError, StopIteration, _UnexpectedError):
        return _decode(text)


class _UnexpectedError(Exception):
    """Text that is not an object in JSON."""


def _decode_object(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = _expect(text, 0, "{")
    if text[at] == "}":
        _end(text, at + 1)
        return found
    while True:
        if text[at] != '"':
            raise _UnexpectedError
        name, at = _scan_string(text, at + 1)
        at = _expect(text, at, ":")
        found[name], at = _string(text, at + 1) if text[at] == '"' else scan_value(text, at)
        at = _skip(text, at)
        if text[at] == "}":
            _end(text, at + 1)
            return found
        at = _expect(text, at, ",")


def _skip(text: str, at: int) -> int:
    """Return the index behind whitespace."""
    found = _whitespace.match(text, at)
    return at if found is None else found.end()


def _expect(text: str, at: int, character: str) -> int:
    """Return the index behind a character and the whitespace around it."""
    at = _skip(text, at)
    if text[at] != character:
        raise _UnexpectedError
    return _skip(text, at + 1)


def _end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise _UnexpectedError


def _string(text: str, start: int) -> tuple[str, int]:
    """Return a string and the index behind its closing quote.

    Args:
        text: The JSON text.
        start: The index behind the opening quote.
    """
    end = start
    for _ in range(_QUOTES):
        end = text.find('"', end)
        if end < 0:
            raise _UnexpectedError
        before = end
        while before > start and text[before - 1] == "\\":
            before -= 1
        if (end - before) % 2 == 0:
            break
        end += 1
    else:
        return _scan_string(text, start)
    raw = text[start:end]
    if "\\" not in raw:
        return raw, end + 1
    parts = raw.split("\\\\")
    if len(parts) > _QUOTES or any(escape in part for part in parts for escape in ("\\u", "\\b", "\\f")):
        return _scan_string(text, start)
    for escape, plain in _UNESCAPES:
        parts = [part.replace(escape, plain) for part in parts]
    if any("\\" in part for part in parts):
        return _scan_string(text, start)
    return "\\".join(parts), end + 1


def encode(value: Any) -> str:
    """Return a JSON value as compact text that is valid UTF-8.

    Raises:
        ValueError: The value contains a float that JSON does not have.
        TypeError: The value is not a JSON value.
        RecursionError: The value is nested too deeply.
    """
    kind = type(value)
    if kind is str:
        if len(value) >= LARGE:
            return _encode_string(value)
        text = quote(value)
    elif kind is int or (kind is float and isfinite(value)):
        return repr(value)
    else:
        if kind is dict:
            for item in value.values():
                if type(item) is str and len(item) >= LARGE:
                    return f"{{{','.join([f'{_encode_name(key)}:{encode(one)}' for key, one in value.items()])}}}"
        text = _encode(value)
    if text.isascii() or _encodable(text):
        return text
    return _encode_ascii(value)  # lone surrogates are kept as escapes


def _encode(value: Any) -> str:
    if _new_encoder is None:
        return _encoder.encode(value)
    write = _new_encoder({}, _encoder.default, quote, None, ":", ",", False, False, False)  # noqa: FBT003
    return "".join(write(value, 0))


def _encode_name(name: Any) -> str:
    """Return the name of a member as the standard library writes it, also of a name that is not a string."""
    return encode(name) if type(name) is str else _encode({name: 0})[1:-3]


def _encode_string(text: str) -> str:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return _encode_ascii(text)
    # Most large texts have special characters near their beginning, or none: to find none takes two thirds of the time.
    if not data[:_SAMPLE].translate(None, _PLAIN) and data.translate(_REPLACED) == data:
        return f'"{text}"'
    special = set(data.translate(None, _PLAIN))
    if not special <= _ESCAPES.keys():
        return _encode(text)
    for code, escape in _ESCAPES.items():
        if code in special:
            text = text.replace(chr(code), escape)
    return f'"{text}"'


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
