"""One tool in Python."""

from wasmcp.guest import tool


@tool
def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b
