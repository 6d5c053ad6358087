"""Tools that report progress, log, and announce changes."""

from __future__ import annotations

import time

from wasmcp.guest import Context, tool

_PAUSE = 0.05


@tool
def test_tool_with_logging(context: Context) -> str:
    """Log three messages."""
    context.info("Tool execution started")
    time.sleep(_PAUSE)
    context.info("Tool processing data")
    time.sleep(_PAUSE)
    context.info("Tool execution completed")
    return "Logged three messages"


@tool
def test_logging_tool(context: Context) -> str:
    """Log a message of each level."""
    context.debug("debug")
    context.info({"level": "info"})
    context.warning("warning")
    context.error("error")
    return "Logged four messages"


@tool
def test_tool_with_progress(context: Context) -> str:
    """Report progress three times."""
    for done in (0, 50, 100):
        context.progress(done, 100, f"{done} of 100")
        if done < 100:
            time.sleep(_PAUSE)
    return "Reported progress"


@tool
def test_trigger_tool_change(context: Context) -> str:
    """Announce that the tools have changed."""
    context.tools_changed()
    return "Announced"


@tool
def test_trigger_prompt_change(context: Context) -> str:
    """Announce that the prompts have changed."""
    context.prompts_changed()
    return "Announced"


@tool
def test_trigger_resource_change(context: Context) -> str:
    """Announce that the resources have changed, and what the watched one holds."""
    context.resources_changed()
    context.resource_updated("test://watched-resource")
    return "Announced"
