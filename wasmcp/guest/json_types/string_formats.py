"""String formats of JSON Schema that are checked here: the values of `Field(format=...)`, and base64 of bytes.

Each check is at least as strict as the RFC and as the validators of clients (``ajv-formats``), so that clients accept
every value that passes. Source: JSON Schema 2020-12, Validation, section 7.3; RFC 4648, section 4.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable

from wasmcp.guest.json_types.uris import checked

DATE = r"(\d{4})-(\d\d)-(\d\d)"
TIME = r"(\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
ZONE = r"[Zz]|[+-]\d\d:\d\d"

_TIME_OF_DAY = r"T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)"
_DAYS = r"(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_URI = (
    rf"[A-Za-z][A-Za-z0-9+.-]*:(?://(?:\[[0-9A-Fa-f:.]+\]|{_CHARACTER}*@\[[0-9A-Fa-f:.]+\]|{_CHARACTER}*)(?::\d*)?"
    rf"(?:/{_CHARACTER}*)*|/?{_CHARACTER}+(?:/{_CHARACTER}*)*|/?)"
    rf"(?:\?(?:{_CHARACTER}|[/?])*)?(?:#(?:{_CHARACTER}|[/?])*)?"
)


def _of(pattern: str, *, longest: int | None = None) -> Callable[[str], bool]:
    fullmatch = re.compile(pattern, re.ASCII).fullmatch
    return lambda text: (longest is None or len(text) <= longest) and fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Return True for a date of RFC 3339."""
    match = _DATE(text)
    if match is None:
        return False
    year, month, day = map(int, match.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def is_time(text: str) -> bool:
    """Return True for a time of RFC 3339, which has an offset. Leap seconds are rejected: Python has none."""
    match = _TIME(text)
    if match is None:
        return False
    hour, minute, second = (int(match[index]) for index in (1, 2, 3))
    zone = match[5]
    return hour < 24 and minute < 60 and second < 60 and (len(zone) == 1 or (zone[1:3] < "24" and zone[4:] < "60"))


_DATE = re.compile(DATE, re.ASCII).fullmatch
_TIME = re.compile(f"{TIME}({ZONE})", re.ASCII).fullmatch


def is_date_time(text: str) -> bool:
    """Return True for a date and time of RFC 3339, which has an offset."""
    return is_date(text[:10]) and text[10:11] in ("T", "t") and is_time(text[11:])


def is_uri(text: str) -> bool:
    """Return True for an absolute URI of RFC 3986 that clients can parse."""
    if _uri(text) is None:
        return False
    try:
        checked(text)
    except ValueError:
        return False
    return True


_uri = re.compile(_URI).fullmatch

_FORMATS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "date": ("an RFC 3339 date", is_date),
    "time": ("an RFC 3339 time with an offset", is_time),
    "date-time": ("an RFC 3339 date and time with an offset", is_date_time),
    "duration": (
        "an RFC 3339 duration",
        _of(rf"P(?:\d+W|{_DAYS}(?:{_TIME_OF_DAY})?|{_TIME_OF_DAY})", longest=200),
    ),
    "uuid": ("a UUID", _of(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")),
    "ipv4": ("an IPv4 address", _of(rf"{_BYTE}(?:\.{_BYTE}){{3}}")),
    "email": ("an e-mail address", _of(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}", longest=254)),
    "hostname": ("a host name", _of(rf"{_LABEL}(?:\.{_LABEL})*", longest=253)),
    "uri": ("an absolute URI", is_uri),
}

FORMATS = tuple(sorted([*_FORMATS, "ipv6"]))
"""The names of the formats."""


def check_of(name: str) -> tuple[str, Callable[[str], bool]]:
    """Return the description of a format of `FORMATS` for messages, and its check."""
    if name != "ipv6":
        return _FORMATS[name]
    from ipaddress import IPv6Address  # imported late, at build time: few components need it

    def is_ipv6(text: str) -> bool:
        try:
            return IPv6Address(text).scope_id is None
        except ValueError:
            return False

    return "an IPv6 address without a zone", is_ipv6


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
