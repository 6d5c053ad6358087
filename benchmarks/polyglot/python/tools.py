"""The two tools that every language is measured with."""

import sys
import time
from dataclasses import dataclass
from typing import Any

from wasmcp.guest import tool


@dataclass
class Item:
    """Purchased item."""

    name: str
    price: float
    tags: list[str]


@tool
def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


@tool
def reverse(items: list[Item]) -> list[Item]:
    """Return the items in the opposite order."""
    return items[::-1]


class Asked:
    """Request with arguments only."""

    def arguments(self) -> str:
        """Return the arguments of `add`."""
        return '{"a":1.5,"b":2}'


@tool
def overhead(runs: int) -> float:
    """Return the least microseconds that the guest library takes for a call of `add` beyond the function itself."""
    adapter: Any = sys.modules["wasmcp.guest.component.exports"]
    tools, asked, clock = adapter.Tools(), Asked(), time.perf_counter_ns
    whole = function = sys.maxsize
    for _ in range(runs):
        begun = clock()
        tools.call_tool(asked, "add")
        whole = min(whole, clock() - begun)
        begun = clock()
        add(1.5, 2)
        function = min(function, clock() - begun)
    return (whole - function) / 1000
