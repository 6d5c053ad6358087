"""Values of every type that a tool may return, the awkward ones too: clients must accept what is sent for each."""

# ruff: noqa: DTZ001, DTZ901 - moments without an offset are among the awkward ones

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePosixPath
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

from wasmcp.guest.json_types.annotated import Field

T = TypeVar("T")
LOCAL = timezone(timedelta(hours=5, minutes=53, seconds=28))
"""An offset with seconds, as local mean times have them: RFC 3339 has none."""


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Permission(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0


@dataclass
class Line:
    start: Point
    end: Point
    label: str | None = None


@dataclass
class Tree:
    value: int
    children: list[Tree] = field(default_factory=list)


class Options(TypedDict):
    verbose: bool
    level: NotRequired[Level]


class Pair(NamedTuple):
    left: int
    right: str = "r"


@dataclass
class Page(Generic[T]):
    items: list[T]
    more: bool = False


@dataclass
class Cat:
    kind: Literal["cat"]
    lives: int


@dataclass
class Dog:
    kind: Literal["dog"]
    tricks: list[str]


@dataclass
class Event:
    at: datetime
    took: timedelta
    price: Decimal
    by: UUID
    phone: Annotated[str, Field(pattern=r"^\d{3}-\d{4}$")]
    from_address: IPv6Address | IPv4Address


UserId = NewType("UserId", Annotated[str, Field(description="The user's id")])

NAIVE = datetime(2026, 1, 2, 3, 4, 5)
AWARE = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)

RESULTS: list[tuple[Any, list[Any]]] = [
    (str, ["", "é\n", "\ud800"]),
    (int, [0, -1, 2**80]),
    (float, [0.0, -0.0, 1.5, 1e300, 5]),
    (bool, [True, False]),
    (int | None, [1, None]),
    (Optional[str], ["", None]),  # noqa: UP045 - both spellings are annotations
    (Union[str, int, None], ["a", 1, None]),  # noqa: UP007
    (int | list[str], [1, ["a"]]),
    (list[int], [[], [1, 2]]),
    (Sequence[float], [[1.0], (1.5,)]),
    (tuple[int, ...], [(), (1, 2, 3)]),
    (tuple[int, str], [(1, "a")]),
    (tuple[()], [()]),
    (list[tuple[int, tuple[str, bool]]], [[(1, ("a", True))]]),
    (set[str], [set(), {"a", "b"}]),
    (frozenset[int], [frozenset({1})]),
    (dict[str, int], [{}, {"a": 1, "$ref": 2}]),
    (Mapping[str, list[float]], [{"a": [1.0]}]),
    (dict[int, str], [{0: "a", -10: "b"}]),
    (dict[date, int], [{date(1, 1, 1): 1}]),
    (dict[Color, int], [{Color.RED: 1}]),
    (Literal["a", 1, None], ["a", 1, None]),  # noqa: PYI061
    (Color, [Color.RED]),
    (Level, [Level.HIGH]),
    (Permission, [Permission(0), Permission.READ | Permission.WRITE]),
    (Point, [Point(1.0)]),
    (Line, [Line(Point(0.0), Point(1.0)), Line(Point(0.0), Point(1.0), "a")]),
    (Tree, [Tree(1, [Tree(2)])]),
    (Options, [{"verbose": True}, {"verbose": False, "level": Level.LOW}]),
    (Pair, [Pair(1)]),
    (Page[Point], [Page([Point(1.0)])]),
    (Cat | Dog, [Cat("cat", 9), Dog("dog", [])]),
    (list[Cat | Dog | None], [[None, Dog("dog", ["sit"])]]),
    (UserId, [UserId("x")]),
    (datetime, [NAIVE, AWARE, AWARE.astimezone(LOCAL), datetime.min, datetime.max]),
    (Annotated[datetime, Field(format="date-time")], [AWARE, datetime(1, 1, 1, tzinfo=UTC)]),
    (date, [date(2026, 1, 2), date.min, date.max]),
    (time, [time(10, 30), time(10, 30, tzinfo=UTC), time(10, 30, 1, 5, tzinfo=LOCAL)]),
    (Annotated[time, Field(format="time")], [time(10, 30, tzinfo=UTC)]),
    (
        timedelta,
        [timedelta(0), timedelta(seconds=1.5), timedelta(days=-1), timedelta(hours=1, seconds=5), timedelta.max],
    ),
    (Annotated[timedelta, Field(format="duration")], [timedelta(days=2, minutes=1), timedelta(0)]),
    (UUID, [UUID(int=0), UUID(int=2**128 - 1)]),
    (Decimal, [Decimal(1), Decimal("-1.50"), Decimal("1E+30"), Decimal("1e-400"), Decimal("-0")]),
    (bytes, [b"", b"\xfb\xff\xfe"]),
    (IPv4Address, [IPv4Address("127.0.0.1")]),
    (IPv6Address, [IPv6Address("::1"), IPv6Address("fe80::1%eth0"), IPv6Address("::ffff:1.2.3.4")]),
    (Annotated[IPv6Address, Field(format="ipv6")], [IPv6Address("::1")]),
    (Path, [Path("a/b c")]),
    (PurePosixPath, [PurePosixPath("/")]),
    (Event, [Event(NAIVE, timedelta(seconds=0.1), Decimal(1), UUID(int=1), "555-1234", IPv6Address("fe80::1%1"))]),
    (list[Any], [[1, None, {"a": []}]]),
    (Annotated[int, Field(ge=0, lt=10, multiple_of=3)], [9]),
    (Annotated[float, Field(gt=0, le=1.5)], [1.5]),
    (Annotated[str, Field(min_length=1, max_length=2)], ["é", "🎉🎉"]),
    (Annotated[str, Field(pattern=r"^[\w.-]+(\s|$)")], ["a.b-c"]),
    (Annotated[list[int], Field(min_length=1)], [[1]]),
    (Annotated[str, Field(format="email")], ["a.b+c@example.com"]),
    (Annotated[str, Field(format="uri")], ["https://example.com/a?b#c", "urn:isbn:1", "docs://caf%C3%A9/x"]),
    (Annotated[str, Field(format="hostname")], ["example.com", "a-1"]),
]
"""Annotations with values that a tool may return for them."""

REFUSED: list[tuple[Any, Any]] = [
    (float, float("nan")),
    (float, float("inf")),
    (Decimal, Decimal("NaN")),
    (Decimal, Decimal("-Infinity")),
    (Annotated[datetime, Field(format="date-time")], NAIVE),
    (Annotated[datetime, Field(format="date-time")], AWARE.astimezone(LOCAL)),
    (Annotated[time, Field(format="time")], time(10, 30)),
    (Annotated[timedelta, Field(format="duration")], timedelta(seconds=1.5)),
    (Annotated[timedelta, Field(format="duration")], timedelta(hours=1, seconds=5)),
    (Annotated[IPv6Address, Field(format="ipv6")], IPv6Address("fe80::1%eth0")),
    (Annotated[str, Field(format="email")], "a@b@c"),
    (Annotated[str, Field(format="uri")], "relative/path"),
]
"""Values that no client could read, or that the annotation does not allow: they are not valid results."""
