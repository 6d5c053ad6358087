"""Types of the standard library that travel as strings, looked up by name so that none of them is imported here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wasmcp.guest.errors import Mismatch
from wasmcp.guest.shapes import Shape, json_type, quoted

if TYPE_CHECKING:
    from wasmcp.guest.schema import Definitions


class Format(Shape):
    """A type that travels as a string of a known form: dates, UUIDs, bytes in base64.

    Args:
        python: The type.
        name: The form, for messages.
        keywords: What the schema says beside ``"type": "string"``.
        parse: The string -> the value; raises ValueError.
        write: The value -> the string.
    """

    exact = (str,)

    def __init__(
        self,
        python: type,
        name: str,
        keywords: dict[str, Any],
        parse: Callable[[str], Any],
        write: Callable[[Any], str],
    ) -> None:
        self.python = python
        self.name = name
        self.keywords = keywords
        self.parse = parse
        self.write = write

    def load(self, value: Any) -> Any:
        if type(value) is not str:
            raise Mismatch(f"expected string ({self.name}), got {json_type(value)}")
        try:
            return self.parse(value)
        except (ValueError, ArithmeticError):  # decimal.InvalidOperation is an ArithmeticError
            raise Mismatch(f"expected {self.name}, got {quoted(value)}") from None

    def dump(self, value: Any) -> str:
        if isinstance(value, self.python):
            return self.write(value)
        raise self.mismatch(value)

    def schema(self, definitions: Definitions) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "string", **self.keywords}


def format_of(python: Any) -> Format | None:
    """Return the shape of a type that has a string form; None for every other."""
    make = _FORMATS.get((getattr(python, "__module__", None), getattr(python, "__qualname__", None)))
    return None if make is None else make(python)


def _iso(name: str, keyword: str) -> Callable[[Any], Format]:
    def make(python: Any) -> Format:
        def parse(text: str) -> Any:
            # Python 3.10 does not know the Z that RFC 3339 writes.
            return python.fromisoformat(text[:-1] + "+00:00" if text[-1:] in "zZ" and "time" in keyword else text)

        return Format(python, name, {"format": keyword}, parse, python.isoformat)

    return make


def _duration(python: Any) -> Format:
    import re

    pattern = re.compile(
        r"([-+])?P(?=\d|T\d)(?:(\d+)W|(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,6}))?S)?)?)",
        re.ASCII,
    )

    def parse(text: str) -> Any:
        match = pattern.fullmatch(text)
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

    return Format(python, "an ISO 8601 duration", {"format": "duration"}, parse, write)


def _address(version: int) -> Callable[[Any], Format]:
    return lambda python: Format(python, f"an IPv{version} address", {"format": f"ipv{version}"}, python, str)


def _uuid(python: Any) -> Format:
    return Format(python, "a UUID", {"format": "uuid"}, python, str)


def _decimal(python: Any) -> Format:
    def parse(text: str) -> Any:
        value = python(text)
        if not value.is_finite():
            raise ValueError(text)
        return value

    pattern = r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$"
    return Format(python, "a decimal number as a string", {"pattern": pattern}, parse, str)


def _bytes(python: Any) -> Format:
    from binascii import a2b_base64, b2a_base64

    def parse(text: str) -> bytes:
        # Strictness came with 3.11; natively on 3.10 what is not base64 is skipped, as binascii does it.
        return bytes(a2b_base64(text))

    keywords = {"contentEncoding": "base64"}
    return Format(python, "base64", keywords, parse, lambda value: b2a_base64(value, newline=False).decode("ascii"))


def _path(python: Any) -> Format:
    return Format(python, "a path", {}, python, str)


_FORMATS: dict[tuple[Any, Any], Callable[[Any], Format]] = {
    ("datetime", "datetime"): _iso("an ISO 8601 date and time", "date-time"),
    ("datetime", "date"): _iso("an ISO 8601 date", "date"),
    ("datetime", "time"): _iso("an ISO 8601 time", "time"),
    ("datetime", "timedelta"): _duration,
    ("uuid", "UUID"): _uuid,
    ("ipaddress", "IPv4Address"): _address(4),
    ("ipaddress", "IPv6Address"): _address(6),
    ("decimal", "Decimal"): _decimal,
    ("builtins", "bytes"): _bytes,
    ("pathlib", "PurePosixPath"): _path,
}
