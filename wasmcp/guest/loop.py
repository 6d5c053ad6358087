"""Runs ``async def`` tools where there is nothing to wait for but time.

A component has no sockets and no threads: an event loop only has to order tasks and to sleep. ``asyncio`` is imported
when the first such tool is declared in a component, so that components without one do not carry it.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import base_events, events
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Timer:
    """The part of a selector that the loop uses: with no files to watch, selecting is sleeping.

    Args:
        idle: Called when every task waits; may raise to end the run.
    """

    def __init__(self, idle: Callable[[], None] | None) -> None:
        self.idle = idle

    def select(self, timeout: float | None) -> list[Any]:
        if self.idle is not None and timeout != 0:
            self.idle()
        if timeout is None:
            raise RuntimeError("this tool waits for something that can never happen: all of its tasks are waiting")
        if timeout > 0:
            time.sleep(timeout)
        return []

    def close(self) -> None:
        """Nothing is held."""


class TimerLoop(base_events.BaseEventLoop):
    """An event loop without input and output: tasks, timers, futures, queues and locks."""

    def __init__(self, idle: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._selector = _Timer(idle)

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody else could wake the loop: there are no other threads."""


def install() -> None:
    """Make it the loop of `asyncio.run` and `asyncio.Runner`: the standard ones need sockets to begin with."""
    asyncio.new_event_loop = events.new_event_loop = TimerLoop


def run(coroutine: Coroutine[Any, Any, T], idle: Callable[[], None] | None = None) -> T:
    """Run a coroutine to its end, then cancel and finish what it left behind.

    Args:
        coroutine: The coroutine.
        idle: Called when every task waits; what it raises ends the run.
    """
    loop = TimerLoop(idle)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop._selector.idle = None  # noqa: SLF001 - what is cleaned up may wait
        try:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()
