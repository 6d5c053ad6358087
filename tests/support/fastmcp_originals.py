"""Answers of servers to the official client, and the original FastMCP in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from filelock import FileLock
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client

FASTMCP = "4.2.3"
NULL = Path(os.devnull)


def fastmcp_python() -> Path:
    """Return the interpreter of an environment with FastMCP, which is kept between runs."""
    return environment_of(f"fastmcp=={FASTMCP}")


def environment_of(requirement: str, *others: str) -> Path:
    """Return the interpreter of an environment with a pinned distribution, which is kept between runs.

    Args:
        requirement: The distribution.
        others: Further requirements, for what the distribution requires too loosely.
    """
    name = f"{requirement.replace('==', '-')}-{sys.version_info[0]}{sys.version_info[1]}"
    folder = Path(os.environ["WASMCP_CACHE_DIR"]) / "tests" / name
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "venv" / "bin" / "python"
    with FileLock(folder / "lock"):
        if not (folder / "complete").exists():
            venv.create(folder / "venv", with_pip=True, clear=True)
            install = [str(python), "-m", "pip", "install", "-q", requirement, *others]
            subprocess.run(install, check=True, capture_output=True, timeout=600)
            (folder / "complete").touch()
    return python


def plain(value: Any) -> Any:
    """Return a result of the client as JSON."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


async def _answered(awaited: Any) -> Any:
    try:
        return plain(await awaited)
    except Exception as error:  # noqa: BLE001 - errors are answers
        return {"error": str(error)}


Calls = list[tuple[str, dict[str, Any]]]


async def answers(command: list[str], calls: Calls, uris: list[str], prompts: Calls) -> dict[str, Any]:
    """Return the lists of a stdio server and its answers to calls, reads and prompts."""
    logged: list[Any] = []
    progress: list[Any] = []

    async def on_elicit(context: Any, params: Any) -> types.ElicitResult:
        assert params.requested_schema["properties"]["value"]["type"] == "boolean"
        return types.ElicitResult(action="accept", content={"value": True})

    async def on_log(params: Any) -> None:
        logged.append(params.data)

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append((done, total, message))

    environment = {**os.environ, "FASTMCP_LOG_LEVEL": "CRITICAL", "FASTMCP_SHOW_SERVER_BANNER": "false"}
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=environment)
    with NULL.open("w") as null:  # noqa: ASYNC230 - never blocks
        async with (
            stdio_client(parameters, errlog=null) as (read, write),
            ClientSession(read, write, elicitation_callback=on_elicit, logging_callback=on_log) as session,
        ):
            has = (await session.initialize()).capabilities
            found: dict[str, Any] = {"resources": {}, "templates": [], "prompts": {}, "calls": {}}
            found["tools"] = {item.name: plain(item) for item in (await session.list_tools()).tools}
            if has.resources is not None:
                found["resources"] = {str(item.uri): plain(item) for item in (await session.list_resources()).resources}
                templates = await _answered(session.list_resource_templates())
                found["templates"] = templates.get("resourceTemplates", [])
            if has.prompts is not None:
                found["prompts"] = {item.name: plain(item) for item in (await session.list_prompts()).prompts}
            for name, arguments in calls:
                key = f"{name} {json.dumps(arguments)}"
                found["calls"][key] = await _answered(session.call_tool(name, arguments, progress_callback=on_progress))
            found["reads"] = {uri: await _answered(session.read_resource(uri)) for uri in uris}
            found["got"] = {}
            for name, given in prompts:
                key = f"{name} {json.dumps(given)}"
                found["got"][key] = await _answered(session.get_prompt(name, given))
    return {**found, "logged": logged, "progress": progress}
