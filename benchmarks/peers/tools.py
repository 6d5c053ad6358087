"""The two tools that every language is measured with, for the peers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Item:
    """Purchased item."""

    name: str
    price: float
    tags: list[str]


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


def reverse(items: list[Item]) -> list[Item]:
    """Return the items in the opposite order."""
    return items[::-1]
