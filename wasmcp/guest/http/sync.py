"""Execution of this package's coroutines without an event loop: they wait by blocking, so that they never suspend."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    finally:
        coroutine.close()
    raise RuntimeError("a coroutine that was to block has suspended")
