"""What the chain is measured with: a tool that costs next to nothing."""

from wasmcp.guest import tool


@tool
def measured(text: str) -> int:
    """The length of a text."""
    return len(text)
