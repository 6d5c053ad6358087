"""JSON types of standard library types that are sent as strings, looked up by name to avoid importing them here.

Each accepts only its format: constructors such as ``Decimal`` and ``UUID`` accept much more. The schema of a result
has the keyword ``format`` only if every value of the type has that format, because clients check it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wasmcp.guest.errors import MismatchError
from wasmcp.guest.json_types.base import JsonType, json_type_name, quoted
from wasmcp.guest.json_types.string_formats import DATE, TIME, ZONE, decode_bytes, encode_bytes, is_date

if TYPE_CHECKING:
    from wasmcp.guest.json_types.base import Definitions


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
            raise MismatchError(f"expected string ({self.name}), got {json_type_name(value)}")
        try:
            return self.parse(value)
        except (ValueError, ArithmeticError):  # decimal.InvalidOperation is an ArithmeticError
            raise MismatchError(f"expected {self.name}, got {quoted(value)}") from None

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
