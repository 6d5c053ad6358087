"""A tool with an app, and a tool that only its page calls."""

from __future__ import annotations

from wasmcp.guest import app, tool

chart = app("ui/temperatures.html", uri="ui://everything/temperatures", title="Temperatures", prefers_border=True)


@tool(ui=chart, read_only=True)
def show_temperatures(city: str = "Oslo") -> dict[str, float]:
    """Return temperatures by day, which hosts with apps show as bars."""
    return {day: float((len(city) * 7 + number * 5) % 30) for number, day in enumerate(("Monday", "Tuesday", "Friday"))}


@tool(ui=chart, visibility=["app"], read_only=True)
def warmest_day(city: str = "Oslo") -> str:
    """Return the warmest day; called by the page, hidden from the model."""
    temperatures = show_temperatures(city)
    return max(temperatures, key=temperatures.__getitem__)
