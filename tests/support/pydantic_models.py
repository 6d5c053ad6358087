"""Models of pydantic 2 for tests: one for each feature."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import uuid
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import jsonschema
import pydantic
from pydantic import BaseModel, ConfigDict, Field, RootModel, Secret, SecretBytes, SecretStr
from typing_extensions import TypedDict

from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.json_types.annotations import Resolver
from wasmcp.guest.json_types.base import Definitions, JsonType, inlined
from wasmcp.guest.testing import LocalContext

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    zip_code: str = Field(pattern=r"^\d{5}$", description="Five digits.")


class Customer(BaseModel):
    """A customer."""

    name: str = Field(min_length=1, max_length=8)
    age: int = Field(ge=0, le=150)
    tier: Literal["free", "pro"] = "free"
    addresses: list[Address] = []

    @pydantic.field_validator("name")
    @classmethod
    def strip(cls, value: str) -> str:
        if "!" in value:
            raise ValueError("no exclamation marks, please")
        return value.strip()


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    count: int
    day: dt.date
    color: Color
    tags: frozenset[str] = frozenset()


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    x: int
    y: int = 0


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    x: int


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


class Aliased(BaseModel):
    model_config = ConfigDict(alias_generator=camel, populate_by_name=True)

    first_name: str
    born_on: dt.date | None = None
    nick: str = Field("", validation_alias="nickIn", serialization_alias="nickOut")


class Nested(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    city: str = Field(validation_alias=pydantic.AliasPath("place", "names", 0))
    code: str = Field("", validation_alias=pydantic.AliasChoices("code", "zip"))


class Range(BaseModel):
    low: int
    high: int

    @pydantic.model_validator(mode="after")
    def ordered(self) -> Range:
        if self.low > self.high:
            raise ValueError("low must not exceed high")
        return self

    @pydantic.computed_field
    @property
    def width(self) -> int:
        """The distance."""
        return self.high - self.low


class Written(BaseModel):
    """Values that are sent in another form than they are accepted in."""

    when: dt.datetime
    price: Decimal = Decimal("1.50")
    raw: bytes = b"ab"
    colors: set[Color] = set()
    stamp: dt.datetime = dt.datetime(2026, 1, 1)  # noqa: DTZ001

    @pydantic.field_serializer("stamp")
    def seconds(self, value: dt.datetime):
        return int(value.replace(tzinfo=dt.UTC).timestamp())


class Node(BaseModel):
    value: int
    children: list[Node] = []


class Numbers(RootModel[list[int]]):
    pass


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None = None


class Login(BaseModel):
    user: str = Field(max_length=5)
    password: SecretStr = Field(min_length=8)
    pin: Secret[int] | None = None
    key: SecretBytes | None = None


@pydantic.dataclasses.dataclass
class Point:
    x: int
    y: Annotated[int, Field(ge=0)] = 0


@dataclasses.dataclass
class Order:
    """A dataclass with models."""

    customer: Customer
    points: list[Point] = dataclasses.field(default_factory=list)


class Basket(TypedDict):
    pets: list[Cat | Dog]


class Holder(BaseModel):
    """A model with types of the standard library."""

    order: Order
    basket: Basket | None = None
    ids: dict[uuid.UUID, int] = {}


class Pair(NamedTuple):
    left: Closed
    right: Closed


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

CUSTOMER = {"name": "Ada", "age": 36}


def json_type_of(annotation: Any) -> JsonType:
    """Return the JSON type of an annotation."""
    return Resolver(globals()).json_type(annotation)


def schema_of(annotation: Any, *, output: bool = False) -> dict[str, Any]:
    """Return a valid schema of an object whose member ``value`` has the type."""
    json_type = json_type_of(annotation)
    definitions = Definitions([json_type], output=output)
    whole = definitions.finish({"type": "object", "properties": {"value": json_type.schema(definitions)}})
    jsonschema.Draft202012Validator.check_schema(whole)
    return whole if output else inlined(whole)


def call(function: Any, /, **arguments: Any) -> Any:
    """Call a declared tool; return its structured result, or the text of its error."""
    answer = tool_of(function).call(json.dumps(arguments), LocalContext())
    return answer.content[0].text if answer.is_error else json.loads(answer.structured)
