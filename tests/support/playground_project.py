"""Project for tests of the playground: a component in Python with every feature of the page, and one in Zig."""

from __future__ import annotations

from support.projects import ZIG_PROJECT, project_files

DEMO = '''\
"""Demonstration."""

import time
from dataclasses import dataclass
from typing import Literal

from wasmcp.guest import Context, Task, completion, prompt, resource, tool

PLACES = ["Oslo", "Paris", "Prague"]


@dataclass
class Seats:
    """Seats."""

    count: int = 2
    row: Literal["front", "back"] = "back"


@tool
def greet(name: str, times: int = 1, mood: Literal["calm", "loud"] | None = None) -> list[str]:
    """Greet a guest.

    Args:
        name: The name.
        times: Number of greetings.
        mood: The mood.
    """
    return [f"Hello {name}" + ("!" if mood == "loud" else "")] * times


@tool
def book(context: Context) -> str:
    """Book seats: requests a form and a completion of the model."""
    seats = context.elicit("Seats?", Seats)
    if not seats:
        return f"nothing booked: {seats.action}"
    thanks = context.sample("Thank the guest.", max_tokens=20)
    return f"{thanks.text} {seats.data.count} {seats.data.row}"


@tool
def work(context: Context) -> str:
    """Report progress and log."""
    context.progress(1, 2, "half of it")
    context.info("a log message")
    return "<img src=x onerror=alert(1)>"


@tool(task=Task(poll_interval=0.1))
def pack(context: Context) -> str:
    """Pack boxes, as a task: requests their number."""
    boxes = context.elicit("Boxes?", Seats)
    return f"{boxes.data.count} boxes are packed" if boxes else f"nothing packed: {boxes.action}"


@tool(task=Task(poll_interval=0.1))
def watch(context: Context) -> str:
    """Watch the boxes, as a task, until it is cancelled."""
    context.progress(1, 2, "<b>half</b> of the boxes")
    while not context.cancelled:
        time.sleep(0.05)
    return "cancelled"


@resource("places://{place}")
def about(place: str) -> str:
    """Describe a place."""
    return f"{place} is a place."


@completion("places://{place}", "place")
def places(value: str) -> list[str]:
    """Complete a place."""
    return [place for place in PLACES if place.startswith(value)]


@prompt
def report(place: str) -> str:
    """Ask for a report."""
    return f"Report from {place}."


@completion(report, "place")
def names(value: str) -> list[str]:
    """Complete a place."""
    return [place for place in PLACES if place.startswith(value)]
'''

_TABLES = """
[tool.wasmcp.components.demo]
source = "src/shown/demo.py"

[tool.wasmcp.components.calc]
source = "zig/calc.zig"

[tool.wasmcp.servers.default]
components = ["demo", "calc"]
"""

PLAYGROUND_PROJECT = project_files(
    "shown", {"src/shown/demo.py": DEMO, "zig/calc.zig": ZIG_PROJECT["zig/calc.zig"]}, _TABLES
)
