"""The official SDK's low-level server: ``python sdk_lowlevel.py stdio | http PORT``."""

from __future__ import annotations

from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server

try:
    from benchmarks.peers import running
except ImportError:  # run as a file
    import running  # type: ignore[no-redef]

NUMBERS = {
    "type": "object",
    "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
    "required": ["a", "b"],
}
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
TOOLS = [
    types.Tool(name="add", description="Add two numbers.", input_schema=NUMBERS),
    types.Tool(name="wait", description="Wait for 200 ms, then add.", input_schema=NUMBERS),
    types.Tool(name="echo", description="Return a text.", input_schema=TEXT),
]


async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    arguments = params.arguments or {}
    if params.name == "echo":
        found: Any = arguments["text"]
    else:
        if params.name == "wait":
            await anyio.sleep(0.2)
        found = arguments["a"] + arguments["b"]
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=str(found))], structured_content={"result": found}
    )


server: Server[Any] = Server("peer", version="1", on_list_tools=list_tools, on_call_tool=call_tool)


async def stdio() -> None:
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    if running.wants_stdio():
        anyio.run(stdio)
    else:
        running.serve(server.streamable_http_app(json_response=True, stateless_http=True), running.port())
