"""Project for tests of development builds: two components in Python and one in Zig."""

from __future__ import annotations

from support.projects import ZIG_PROJECT, project_files

WEATHER = '''\
"""Weather."""

import json
from pathlib import Path

from wasmcp.guest import completion, config, prompt, resource, tool

from edited.units import celsius

PLACES = json.loads(Path(__file__).with_name("places.json").read_text("utf-8"))


@tool
def temperature(fahrenheit: float) -> float:
    """Convert a temperature.

    Args:
        fahrenheit: The temperature.
    """
    return celsius(fahrenheit)


@tool
def greeting() -> str:
    """Return the configured greeting."""
    return config.get("greeting", str)


@resource("places://all")
def places() -> list[str]:
    """List the places."""
    return PLACES


@prompt
def report(place: str) -> str:
    """Ask for a report."""
    return f"Report from {place}."


@completion(report, "place")
def names(value: str) -> list[str]:
    """Complete a place."""
    return [place for place in PLACES if place.startswith(value)]
'''

UNITS = '''\
"""Units."""


def celsius(fahrenheit: float) -> float:
    """Return degrees Celsius."""
    return (fahrenheit - 32) / 1.8
'''

NOTES = '''\
"""Notes."""

from wasmcp.guest import tool


@tool
def note(text: str) -> str:
    """Write a note."""
    return f"noted: {text}"
'''

_TABLES = """
[tool.wasmcp.components.weather]
source = "src/edited/weather.py"
files = ["src/edited/places.json"]
config = { greeting = "hello" }

[tool.wasmcp.components.notes]
source = "src/edited/notes.py"

[tool.wasmcp.components.calc]
source = "zig/calc.zig"

[tool.wasmcp.servers.default]
components = ["weather", "notes", "calc"]
"""

DEVELOPMENT_PROJECT = project_files(
    "edited",
    {
        "src/edited/weather.py": WEATHER,
        "src/edited/units.py": UNITS,
        "src/edited/notes.py": NOTES,
        "src/edited/places.json": '["Oslo", "Paris"]',
        "zig/calc.zig": ZIG_PROJECT["zig/calc.zig"],
    },
    _TABLES,
)
