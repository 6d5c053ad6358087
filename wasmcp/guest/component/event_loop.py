"""Runs ``async def`` tools where there is nothing to wait for but time and the host.

A component has no sockets and no threads: an event loop only has to order tasks, to sleep, and to wait for what the
host has begun (`wasi:io/poll`). ``asyncio`` is imported when the first such tool is declared in a component, so that
components without one do not carry it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from asyncio import base_events, events
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Wait = Callable[[Sequence[Any], "float | None"], "list[int]"]


def _wait() -> Wait | None:
    """Return what waits for the host; None where the component imports nothing to wait for."""
    if sys.platform != "wasi":
        return None
    try:
        from wasmcp.guest.component.pollables import wait
    except ImportError:
        return None
    return wait


_WAIT = _wait()


class _Timer:
    """The part of a selector that the loop uses: with no files to watch, selecting is sleeping.

    Args:
        idle: Called when every task waits; may raise to end the run.

    Attributes:
        waiting: What of the host is waited for, by the future that says so.
        threads: How many threads will wake the loop: in unit tests some of them stand in for the host.
        woken: Set by those.
    """

    def __init__(self, idle: Callable[[], None] | None) -> None:
        self.idle = idle
        self.waiting: dict[asyncio.Future[bool], Any] = {}
        self.threads = 0
        self.woken = threading.Event()

    def select(self, timeout: float | None) -> list[Any]:
        if self.idle is not None and timeout != 0:
            self.idle()
        if self.waiting and _WAIT is not None:
            futures, pollables = zip(*self.waiting.items(), strict=True)
            for index in _WAIT(pollables, timeout):
                self.waiting.pop(futures[index])
                if not futures[index].done():
                    futures[index].set_result(True)
            return []
        if self.threads:
            self.woken.wait(timeout)
            self.woken.clear()
            return []
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
        """Wake the loop; in a component there is nobody else who could."""
        self._selector.woken.set()


async def ready(pollable: Any, seconds: float | None) -> bool:
    """Wait until a pollable of the host is ready, while other tasks go on; False when the time is over before.

    Args:
        pollable: The handle; the caller lets go of it.
        seconds: How long at most; None: for ever.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, TimerLoop):
        raise TypeError("the host can only be waited for in the event loop of a component")
    future: asyncio.Future[bool] = loop.create_future()
    waiting = loop._selector.waiting  # noqa: SLF001 - of this module
    waiting[future] = pollable
    timer = None if seconds is None else loop.call_later(seconds, _give_up, future)
    try:
        return await future
    finally:
        waiting.pop(future, None)
        if timer is not None:
            timer.cancel()


async def on_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Call what blocks on a thread, while other tasks go on. In unit tests only: a component has no threads."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, TimerLoop):
        return await asyncio.to_thread(function, *arguments)
    loop._selector.threads += 1  # noqa: SLF001 - of this module
    try:
        return await asyncio.to_thread(function, *arguments)
    finally:
        loop._selector.threads -= 1  # noqa: SLF001


def _give_up(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(False)


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
