"""Tools whose calls become tasks, for the scenarios of the tasks extension, and one whose calls do not."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from wasmcp.guest import Context, McpError, Task, Text, ToolError, tool

_INTERNAL_ERROR = -32603
_STEP = 0.2
"""Length of a step of a long tool, in seconds."""

_NAME_FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
_JOB = Task(steps=True, poll_interval=0.5)
_REQUIRED = Task(steps=True, poll_interval=0.5, required=True)


@dataclass
class Name:
    """A name."""

    name: str


@dataclass
class Confirmation:
    """A yes or no."""

    confirm: bool


@tool
def greet(name: str) -> Text:
    """Greet, at once."""
    return Text(f"Hello, {name}!")


@tool(task=_JOB)
def slow_compute(seconds: float, context: Context, label: str = "work") -> Text:
    """Compute for some seconds, step by step."""
    end = context.once("end", lambda: time.time() + seconds)
    left = end - time.time()
    if left > 0:
        time.sleep(min(left, _STEP))
        context.checkpoint("computing")
    return Text(f"{label}: computed for {seconds:g} seconds")


@tool(task=_REQUIRED)
def failing_job(context: Context) -> Text:
    """Fail after a second."""
    if context.state is None:
        context.checkpoint("begun")
    time.sleep(1)
    raise ToolError("this job always fails")


@tool(task=_JOB)
def protocol_error_job(context: Context) -> Text:
    """End with a JSON-RPC error."""
    if context.state is None:
        context.checkpoint("begun")
    raise McpError(_INTERNAL_ERROR, "this job always ends with a protocol error")


@tool(task=_JOB)
def confirm_delete(filename: str, context: Context) -> Text:
    """Delete a file that does not exist, if the user confirms."""
    if context.state is None:
        context.checkpoint("begun")
    answer = context.elicit(f"Delete {filename}?", Confirmation)
    return Text(f"Deleted {filename}" if answer and answer.data.confirm else f"Kept {filename}")


@tool(task=_JOB)
async def multi_input(context: Context) -> Text:
    """Ask two things at once; forms of a JSON Schema allow answers with more members."""
    if context.state is None:
        context.checkpoint("begun")
    first, second = await asyncio.gather(
        context.elicit("What is the first name?", _NAME_FORM, key="first"),
        context.elicit("What is the second name?", _NAME_FORM, key="second"),
    )
    return Text(f"{first.data['name']} and {second.data['name']}")


@tool(task=_REQUIRED)
def test_tool_with_task(context: Context) -> Text:
    """Ask before the call becomes a task."""
    name = context.elicit("What is your name?", Name, key="user_name").data.name
    if context.state is None:
        context.checkpoint("named")
    return Text(f"Hello, {name}!")
