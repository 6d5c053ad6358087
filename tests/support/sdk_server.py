"""Server of the official SDK, for tests of the client: `python sdk_server.py [PORT]`, over stdio without a port."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

server = MCPServer("official", version="7")


class Preference(BaseModel):
    color: str
    count: int = 3


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def work(ctx: Context, steps: int) -> str:
    """Report progress, log, and return a text with an escape sequence."""
    for number in range(steps):
        await ctx.report_progress(number + 1, steps, f"step\x1b[31m {number}")
        await ctx.info(f"logged {number}")
    return "done\x1b[0m"


@server.tool()
async def prefer(ctx: Context) -> str:
    """Request a form."""
    answer = await ctx.elicit("Your favourite?", Preference)
    data = getattr(answer, "data", None)
    return f"{answer.action} {data.color} {data.count}" if data else answer.action


@server.tool()
async def wait(ctx: Context, path: str) -> str:
    """Wait until the request is cancelled, and write a file then."""
    await ctx.report_progress(1, message="waiting")
    try:
        await anyio.sleep_forever()
    finally:
        Path(path).touch()  # noqa: ASYNC240 - of a test
    return ""


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("broken")


@server.resource("notes://first")
def first() -> str:
    """Return a note."""
    return "a note"


@server.prompt()
def greet(name: str) -> str:
    """Greet."""
    return f"Hello {name}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run()
