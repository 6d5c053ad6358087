"""FastMCP: ``python fastmcp_server.py stdio | http PORT``."""

from __future__ import annotations

import anyio
import running
from fastmcp import FastMCP

server = FastMCP("peer")


@server.tool
def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


@server.tool
async def wait(a: float, b: float) -> float:
    """Wait for 200 ms, then add."""
    await anyio.sleep(0.2)
    return a + b


@server.tool
def echo(text: str) -> str:
    """Return a text."""
    return text


if __name__ == "__main__":
    if running.wants_stdio():
        server.run(show_banner=False)
    else:
        running.serve(server.http_app(json_response=True, stateless_http=True), running.port())
