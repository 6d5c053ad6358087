"""Sample for type checkers: every decorator as authors use it."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, assert_type

from wasmcp.guest import (
    Cache,
    Context,
    Elicited,
    Field,
    Image,
    Message,
    ResourceContents,
    Roots,
    ToolResult,
    completion,
    prompt,
    provider,
    resource,
    tool,
)
from wasmcp.guest.testing import LocalContext, run_steps


@dataclass
class Seats:
    count: int


@provider
def seats() -> Seats:
    return Seats(1)


@tool
def reserve(seats: Seats, name: str) -> Seats:
    return seats


@tool
def plain(n: int, context: Context) -> str:
    return str(n)


@tool(title="Later", read_only=True)
async def later(n: Annotated[int, Field(ge=1)] = 1) -> list[Image]:
    return []


@tool(name="whole", input_schema={"type": "object"})
def whole(**arguments: Any) -> ToolResult:
    return ToolResult([])


@resource("test://{number}", cache=Cache(60))
def item(number: int) -> bytes:
    return b""


@resource("test://all")
async def everything() -> list[ResourceContents]:
    return []


@prompt
def review(code: str, language: str = "python") -> list[Message]:
    return [Message("user", code)]


@prompt(title="Ask")
async def ask(context: Context) -> str:
    both = await asyncio.gather(context.elicit("?", str), context.roots())
    assert_type(both, tuple[Elicited[str], Roots])
    return ""


@completion(review, "language")
def languages(value: str, arguments: dict[str, str]) -> list[str]:
    return []


async def use(context: Context) -> None:
    assert_type(await later(), list[Image])
    assert_type(await everything(), list[ResourceContents])
    await later(n="x")  # wrong: argument
    assert_type(context.elicit("?", Seats).data, Seats)
    assert_type(context.elicit("?", {"type": "object"}).data, dict[str, Any])
    assert_type(context.once("x", lambda: 5), int)
    if context.state is None:
        context.checkpoint({"rows": [1]})


assert_type(run_steps(lambda context: plain(1, context)), str)
assert_type(run_steps(use), None)
assert_type(seats(), Seats)
assert_type(reserve(Seats(1), "x"), Seats)
assert_type(plain(1, LocalContext()), str)
assert_type(whole(a=1), ToolResult)
assert_type(item(1), bytes)
assert_type(review("x"), list[Message])
assert_type(languages("p", {}), list[str])

plain("1", LocalContext())  # wrong: argument
tool(titel="x")  # wrong: option
item("1")  # wrong: argument
