"""Component of the shared tables, in Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal

from wasmcp.guest import Choices, Completion, Field, completion, prompt, resource, tool


class Size(Enum):
    SMALL = "small"
    LARGE = "Large"


@dataclass
class Stop:
    town: str
    days: int


@tool
def check(
    count: Annotated[int, Field(ge=0, le=255)],
    price: float,
    size: Size,
    stops: list[Stop],
    open: bool = True,  # noqa: A002
) -> str:
    return f"{count} {price} {size.value} {len(stops)} {open}"


@tool
def nothing() -> str:
    return "nothing"


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
