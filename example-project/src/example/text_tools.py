"""Text tools: a component written in Python."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from wasmcp.guest import Field, ToolError, tool


@tool
def reverse(text: str) -> str:
    """Reverse a text."""
    return text[::-1]


@dataclass
class Statistics:
    """Counts of a text."""

    characters: int
    words: int
    lines: int
    most_common: list[str]


@tool
def statistics(text: str, top: Annotated[int, Field(ge=1, le=20)] = 3) -> Statistics:
    """Count the characters, words and lines of a text.

    Args:
        text: The text to analyse.
        top: Number of the most common words to return.
    """
    words = text.split()
    ranking = Counter(word.strip(".,;:!?").lower() for word in words)
    return Statistics(len(text), len(words), len(text.splitlines()), [word for word, _ in ranking.most_common(top)])


@tool
def truncate(text: str, length: Annotated[int, Field(ge=1)], ellipsis: str = "…") -> str:
    """Shorten a text to a length, ellipsis included."""
    if len(ellipsis) > length:
        raise ToolError(f"an ellipsis of {len(ellipsis)} characters does not fit into {length}")
    return text if len(text) <= length else text[: length - len(ellipsis)] + ellipsis
