"""Tool with little work, for measuring the chain."""

from wasmcp.guest import tool


@tool
def measured(text: str) -> int:
    """Return the length of a text."""
    return len(text)
