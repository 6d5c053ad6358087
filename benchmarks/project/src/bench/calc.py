"""Tools in Python."""

import time

from wasmcp.guest import tool


@tool
def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


@tool
def wait(a: float, b: float) -> float:
    """Wait for 200 ms, then add."""
    time.sleep(0.2)
    return a + b


@tool
def echo(text: str) -> str:
    """Return a text."""
    return text
