"""Component of the shared tables, in Python."""

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from wasmcp.guest import Choices, Completion, completion, prompt, resource


class Size(Enum):
    SMALL = "small"
    LARGE = "Large"


@prompt
def trip(city: str, size: Size, deep: bool | None = None, days: int | None = None, pages: str = "") -> str:
    return f"{city} {size.value} {deep} {days} {pages}"


@prompt
def plain() -> str:
    return "plain"


@completion(trip, "city")
def cities(value: str) -> Choices:
    return Choices(["Bremen", "Berlin", "Łódź"])


@completion(trip, "days")
def days(value: str, arguments: Mapping[str, str]) -> list[str]:
    if value == "many":
        return ["x"] * 150
    return [value, *arguments.values()]


@completion("trip", "pages")
def pages(value: str) -> Completion:
    if value == "more":
        return Completion(["1", "2"], has_more=True)
    return Completion(["1", "2"], total=7)


@resource("trips://{kind}/{open}/{name}")
def listed(kind: Literal["day", "night"], open: bool, name: str) -> dict:  # noqa: A002
    return {"kind": kind, "open": open, "name": name}
