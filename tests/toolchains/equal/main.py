"""Component of the shared tables, in Python."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal

from wasmcp.guest import (
    Cache,
    Choices,
    Completion,
    Context,
    Field,
    McpError,
    MissingCapabilityError,
    Task,
    ToolError,
    cache_lists,
    completion,
    prompt,
    resource,
    skill,
    tool,
)


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
def limits(
    code: Annotated[str, Field(min_length=2, max_length=4)] = "abc",
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    step: Annotated[int, Field(multiple_of=5)] = 5,
    words: Annotated[list[str], Field(min_length=1, max_length=2)] = ["a"],  # noqa: B006
    tags: set[str] = set(),  # noqa: B006
) -> str:
    return f"{code} {ratio} {step} {words} {tags}"


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
    if value == "secret":
        raise ValueError("xyzzy")
    if value == "none":
        raise ToolError("no page")
    if value == "more":
        return Completion(["1", "2"], has_more=True)
    return Completion(["1", "2"], total=7)


@resource("trips://{kind}/{open}/{name}")
def listed(kind: Literal["day", "night"], open: bool, name: str) -> dict:  # noqa: A002
    return {"kind": kind, "open": open, "name": name}


RUNS = [0]


def run() -> int:
    RUNS[0] += 1
    return RUNS[0]


@dataclass
class Person:
    name: str
    loud: bool | None = None


@tool
def steps(context: Context) -> str:
    ticket = context.once("ticket", run)
    person = context.elicit("Who?", Person)
    if not person:
        return person.action
    greeting = context.sample(f"Greet {person.data.name}", max_tokens=5)
    roots = context.roots()
    same = ticket == context.once("ticket", run)
    return f"{person.data.name} {str(person.data.loud).lower()} {greeting.text} {[root.uri for root in roots]} {same}"


@tool(task=Task(steps=True, ttl=60), tags=["slow"])
def count(context: Context) -> str:
    done = context.state or 0
    if done == 1 and not context.elicit("Who?", Person):
        return "nobody"
    if done < 3:
        context.checkpoint(done + 1)
    return f"{done} steps"


@tool(task=Task(required=True))
def work() -> str:
    return "done"


@tool
async def both(context: Context) -> str:
    person, roots = await asyncio.gather(context.elicit("Who?", Person), context.roots())
    return f"{person.action} {len(roots)}"


@tool
async def each(words: list[str], context: Context) -> str:
    replies = await asyncio.gather(*(context.sample(word, max_tokens=5) for word in words))
    return ", ".join(reply.text for reply in replies)


@tool
def link(url: str, context: Context) -> str:
    return "opened" if context.elicit_url("Pay", url) else "not opened"


@tool
def keys(first: str, second: str, context: Context) -> str:
    context.roots(key=first)
    context.roots(key=second)
    return "done"


@tool
def fallback(context: Context) -> str:
    try:
        return context.sample("Hi", max_tokens=5).text
    except MissingCapabilityError:
        return "no model"


@tool
def refuse() -> str:
    raise McpError(-32001, "gone", {"id": 1})


@prompt
def asks(context: Context) -> str:
    return context.elicit("Who?", Person).data.name


@skill(
    description='Report of "today": é😀 #1\n- [x]',
    prefix="reports",
    license="Apache-2.0",
    compatibility="yes",
    allowed_tools="Bash(git:*) Read",
    metadata={"version": "2.1"},
)
async def daily_report(context: Context) -> str:
    return f"# Report for {context.protocol_version}\n"


@skill(name="true", tags=["x"], meta={"a": 1})
def about() -> str:
    """About true"""
    return "plain"


cache_lists(Cache(60, "public"))


@resource("skill://reports/daily-report/references/note.md", cache=Cache(30))
def note() -> str:
    return "plain"


@resource("asks://{id}")
def asked(id: str, context: Context) -> str:  # noqa: A002
    return f"{id} {len(context.roots())}"
