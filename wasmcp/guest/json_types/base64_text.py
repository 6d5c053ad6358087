"""Strict conversion between bytes and base64 text. Source: RFC 4648, section 4."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64


def encode_bytes(data: bytes) -> str:
    """Return bytes as base64, padded and without line breaks."""
    return b2a_base64(data, newline=False).decode("ascii")


def decode_bytes(text: str) -> bytes:
    """Return the bytes of a base64 text.

    ``binascii`` ignores invalid characters, so the text is compared with the encoding of its bytes.

    Raises:
        ValueError: The text uses another alphabet, is a data URL, lacks padding, or is not base64; the message names
            the reason.
    """
    try:
        data = a2b_base64(text)
        if b2a_base64(data, newline=False) == text.encode("ascii"):
            return data
    except (Error, ValueError):  # also a character that is not ASCII
        pass
    raise ValueError(f"expected base64 (RFC 4648, section 4), got {_fault(text)}")


def _fault(text: str) -> str:
    if text[:5].lower() == "data:":
        return "a data URL: send only what follows `;base64,`"
    if any(character.isspace() for character in text):
        return "text with white space in it"
    if ("-" in text or "_" in text) and not set(text) - _URL_SAFE:
        return "the URL-safe alphabet: send `+` for `-` and `/` for `_`"
    if set(text) - _STANDARD:
        return "other characters than A-Z, a-z, 0-9, `+`, `/` and `=`"
    if len(text) % 4:
        return f"{len(text)} characters, which is not a multiple of 4: is the padding `=` missing?"
    return "text that no bytes are encoded as: wrong padding, or bits after the last byte"


_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789=")
_STANDARD = _LETTERS | {"+", "/"}
_URL_SAFE = _LETTERS | {"-", "_"}
