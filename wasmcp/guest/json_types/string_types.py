"""JSON types of standard library types that are sent as strings, and the formats of strings in JSON Schema.

Each check is at least as strict as the RFC and as the validators of clients (``ajv-formats``), so that clients accept
every value that passes. Source: JSON Schema 2020-12, Validation, section 7.3; RFC 4648, section 4.

JSON types accept only their format: constructors such as ``Decimal`` and ``UUID`` accept much more. The schema of a
result has the keyword ``format`` only if every value of the type has that format, because clients check it.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wasmcp.guest.call_errors import MISMATCH
from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import JsonType, json_type_name, quoted
from wasmcp.guest.json_types.uris import checked

if TYPE_CHECKING:
    from wasmcp.guest.json_types.base import Definitions

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
    """Return True for a time of RFC 3339, which has an offset. Leap seconds are rejected, because Python has none."""
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

_CHECKED_FORMATS: dict[str, tuple[str, Callable[[str], bool]]] = {
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

FORMATS = tuple(sorted([*_CHECKED_FORMATS, "ipv6"]))
"""The names of the formats."""


def check_of(name: str) -> tuple[str, Callable[[str], bool]]:
    """Return the description of a format of `FORMATS` for messages, and its check."""
    if name != "ipv6":
        return _CHECKED_FORMATS[name]
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


class Format(JsonType):
    """A type that is sent as a string in a certain format: dates, UUIDs, bytes in base64.

    Args:
        python: The type.
        name: The format, for messages.
        parse: Converts the string to the value; raises ValueError, or a MismatchError with the reason.
        write: Converts the value to the string; raises a MismatchError for a value without one.
        accepted: Keywords of the schema for values of clients, in addition to ``"type": "string"``.
        sent: Keywords of the schema for results; None for those of ``accepted``.
        format: The format of JSON Schema that `Field(format=...)` can require; None without one.
    """

    exact = (str,)

    def __init__(
        self,
        python: type,
        name: str,
        parse: Callable[[str], Any],
        write: Callable[[Any], str],
        *,
        accepted: dict[str, Any],
        sent: dict[str, Any] | None = None,
        format: str | None = None,  # noqa: A002 - the keyword's name
    ) -> None:
        self.python = python
        self.name = name
        self.parse = parse
        self.write = write
        self.accepted = accepted
        self.sent = accepted if sent is None else sent
        self.format = accepted.get("format", format)

    def load(self, value: Any) -> Any:
        if type(value) is not str:
            raise MismatchError(MISMATCH.format(f"string ({self.name})", json_type_name(value)))
        try:
            return self.parse(value)
        except (ValueError, ArithmeticError):  # decimal.InvalidOperation is an ArithmeticError
            raise MismatchError(MISMATCH.format(self.name, quoted(value))) from None

    def dump(self, value: Any) -> str:
        if isinstance(value, self.python):
            return self.write(value)
        raise self.mismatch(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {"type": "string", **(self.sent if definitions.output else self.accepted)}


def format_of(python: Any) -> Format | None:
    """Return the JSON type of a type with a string form; None for other types."""
    make = _FORMATS.get((getattr(python, "__module__", None), getattr(python, "__qualname__", None)))
    return None if make is None else make(python)


_OFFSET = r"(Z|[+-][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?"
_SENT_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
SENT_TIME = rf"[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,6}})?{_OFFSET}"
"""The pattern of times in results."""

SENT_DATE_TIME = f"{_SENT_DATE}T{SENT_TIME}"
"""The pattern of dates with times in results."""


def _moment(date: str, time: str, zone: str | None) -> str:
    """Return date and time in a form that every Python version parses: six digits of a fraction, a numeric offset."""
    whole, dot, fraction = time.partition(".")
    offset = "" if zone is None else "+00:00" if zone in ("Z", "z") else zone
    return f"{date}{whole}{dot and '.' + fraction[:6].ljust(6, '0')}{offset}"


def _date_time(python: Any) -> Format:
    fullmatch = re.compile(rf"({DATE})[Tt ]({TIME})({ZONE})?", re.ASCII).fullmatch

    def parse(text: str) -> Any:
        match = fullmatch(text)
        if match is None:
            raise ValueError(text)
        return python.fromisoformat(_moment(match[1] + "T", match[5], match[10]))

    name = "an RFC 3339 date and time (the offset may be missing)"
    sent = {"pattern": f"^{SENT_DATE_TIME}$"}  # a value without an offset does not have the format `date-time`
    return Format(python, name, parse, python.isoformat, accepted={"format": "date-time"}, sent=sent)


def _date(python: Any) -> Format:
    def parse(text: str) -> Any:
        if not is_date(text):
            raise ValueError(text)
        return python.fromisoformat(text)

    return Format(python, "an RFC 3339 date", parse, python.isoformat, accepted={"format": "date"})


def _time(python: Any) -> Format:
    fullmatch = re.compile(rf"({TIME})({ZONE})?", re.ASCII).fullmatch

    def parse(text: str) -> Any:
        match = fullmatch(text)
        if match is None:
            raise ValueError(text)
        return python.fromisoformat(_moment("", match[1], match[6]))

    name = "an RFC 3339 time (the offset may be missing)"
    sent = {"pattern": f"^{SENT_TIME}$"}
    return Format(python, name, parse, python.isoformat, accepted={"format": "time"}, sent=sent)


_DURATION = (
    r"([-+])?P(?=[0-9]|T[0-9])(?:([0-9]+)W|(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:[.,]([0-9]{1,6}))?S)?)?)"
)


def _duration(python: Any) -> Format:
    fullmatch = re.compile(_DURATION).fullmatch

    def parse(text: str) -> Any:
        match = fullmatch(text)
        if match is None:
            raise ValueError(text)
        sign, weeks, days, hours, minutes, seconds, fraction = match.groups()
        value = python(
            weeks=int(weeks or 0),
            days=int(days or 0),
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds or 0),
            microseconds=int((fraction or "0").ljust(6, "0")),
        )
        return -value if sign == "-" else value

    def write(value: Any) -> str:
        length = abs(value)
        text = f"{'-' if value.days < 0 else ''}P{length.days}D" if length.days else f"{'-' if value.days < 0 else ''}P"
        hours, rest = divmod(length.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        fraction = f".{length.microseconds:06}".rstrip("0") if length.microseconds else ""
        time = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
        time += f"{seconds}{fraction}S" if seconds or fraction else ""
        return text + (f"T{time}" if time else "" if length.days else "T0S")

    # The format `duration` has no sign and no fractions, and its years and months do not fit a `timedelta`.
    return Format(
        python, "an ISO 8601 duration", parse, write, accepted={"pattern": f"^{_DURATION}$"}, format="duration"
    )


def _ipv4(python: Any) -> Format:
    return Format(python, "an IPv4 address", python, str, accepted={"format": "ipv4"})


def _ipv6(python: Any) -> Format:
    sent = {"pattern": "^[0-9A-Fa-f:.]+(%.+)?$"}  # a value with a zone does not have the format `ipv6`
    return Format(python, "an IPv6 address", python, str, accepted={"format": "ipv6"}, sent=sent)


def _uuid(python: Any) -> Format:
    fullmatch = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch

    def parse(text: str) -> Any:
        if fullmatch(text) is None:
            raise ValueError(text)
        return python(text)

    return Format(python, "a UUID (8-4-4-4-12 hexadecimal digits)", parse, str, accepted={"format": "uuid"})


_DECIMAL = r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?"


def _decimal(python: Any) -> Format:
    fullmatch = re.compile(_DECIMAL).fullmatch

    def parse(text: str) -> Any:
        value = python(text) if fullmatch(text) else None
        if value is None or not value.is_finite():
            raise ValueError(text)
        return value

    def write(value: Any) -> str:
        if not value.is_finite():
            raise MismatchError(f"expected a finite decimal number, got {value}")
        return str(value)

    return Format(python, "a decimal number as a string", parse, write, accepted={"pattern": f"^{_DECIMAL}$"})


def _bytes(python: Any) -> Format:
    def parse(text: str) -> bytes:
        try:
            return decode_bytes(text)
        except ValueError as error:
            raise MismatchError(str(error)) from None

    return Format(python, "base64", parse, encode_bytes, accepted={"contentEncoding": "base64"})


def _path(python: Any) -> Format:
    def parse(text: str) -> Any:
        if not text or "\0" in text:
            raise ValueError(text)
        return python(text)

    return Format(python, "a path", parse, lambda value: str(value.as_posix()), accepted={"minLength": 1})


_FORMATS: dict[tuple[Any, Any], Callable[[Any], Format]] = {
    ("datetime", "datetime"): _date_time,
    ("datetime", "date"): _date,
    ("datetime", "time"): _time,
    ("datetime", "timedelta"): _duration,
    ("uuid", "UUID"): _uuid,
    ("ipaddress", "IPv4Address"): _ipv4,
    ("ipaddress", "IPv6Address"): _ipv6,
    ("decimal", "Decimal"): _decimal,
    ("builtins", "bytes"): _bytes,
    **{
        (module, name): _path
        for module in ("pathlib", "pathlib._local")  # the second on Python 3.13
        for name in ("Path", "PosixPath", "PurePath", "PurePosixPath")
    },
}
