"""Tasks of a server with FastMCP's client, as one JSON object: it runs in an environment of its own.

Arguments: the URL of the everything server.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.exceptions import ToolError
from fastmcp_tasks import call_tool_task


async def used(url: str) -> dict[str, Any]:
    """Return what the client got."""
    asked: list[str] = []

    async def answer(message: str, response_type: Any, params: Any, context: Any) -> ElicitResult[Any]:
        asked.append(message)
        (name,) = params.requested_schema["properties"]
        return ElicitResult(action="accept", content={name: True if name == "confirm" else "Ada"})

    async with Client(url, elicitation_handler=answer) as client:
        found: dict[str, Any] = {"text": (await client.call_tool("slow_compute", {"seconds": 0.5})).content[0].text}
        task = await call_tool_task(client, "slow_compute", {"seconds": 0.5, "label": "sum"})
        found |= {"status": (await task.status()).status, "result": (await task.result()).content[0].text}
        found["ended"] = (await task.status()).status
        found["confirmed"] = (await client.call_tool("confirm_delete", {"filename": "a.txt"})).content[0].text
        found["both"] = (await client.call_tool("multi_input", {})).content[0].text
        cancelled = await call_tool_task(client, "slow_compute", {"seconds": 60})
        await cancelled.cancel()
        found["cancelled"] = (await cancelled.status()).status
        try:
            await client.call_tool("failing_job", {})
        except ToolError as error:
            found["failed"] = str(error)
    return {**found, "asked": sorted(asked)}


print(json.dumps(asyncio.run(used(sys.argv[1]))))
