"""Event loop for ``async def`` tools in a component, where tasks wait only for timers and the host.

A component has no sockets and no threads: the loop orders tasks, sleeps, and waits for pollables of the host
(`wasi:io/poll`). ``asyncio`` is imported when the first such tool is declared in a component, so that components
without one do not contain it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from asyncio import base_events
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Wait = Callable[[Sequence[Any], "float | None"], "list[int]"]


def _wait() -> Wait | None:
    """Return the function that waits for the host; None if the component does not import `wasi:io/poll`."""
    if sys.platform != "wasi":
        return None
    try:
        from wasmcp.guest.component.pollables import wait
    except ImportError:
        return None
    return wait


_WAIT = _wait()


class _Timer:
    """The part of a selector that the loop uses: without files to watch, selecting is sleeping.

    Args:
        idle: A function to call when all tasks wait; it can raise to end the run.

    Attributes:
        waiting: Pollables of the host to wait for, by the future to resolve.
        threads: The number of threads that will wake the loop: in unit tests they replace the host.
        woken: Set by these threads.
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
            raise RuntimeError("deadlock: all tasks of this tool wait, and nothing can wake them")
        if timeout > 0:
            time.sleep(timeout)
        return []

    def close(self) -> None:
        """Do nothing: no resources are held."""


class TimerLoop(base_events.BaseEventLoop):
    """An event loop without input and output: tasks, timers, futures, queues and locks."""

    def __init__(self, idle: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._selector = _Timer(idle)

    def _process_events(self, event_list: list[Any]) -> None:
        """Do nothing: the selector returns no events."""

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> asyncio.Future[T]:
        """Call a function in place, because a component has no threads; see `asyncio.loop.run_in_executor`."""
        if sys.platform != "wasi":
            return super().run_in_executor(executor, func, *args)
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the caller gets it
            future.set_exception(error)
        return future

    def _write_to_self(self) -> None:
        """Wake the loop, from a thread of a unit test."""
        self._selector.woken.set()


async def ready(pollable: Any, seconds: float | None) -> bool:
    """Wait until a pollable of the host is ready, while other tasks run; return False on a timeout.

    Args:
        pollable: The handle; the caller drops it.
        seconds: The timeout; None for no limit.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, TimerLoop):
        raise TypeError("only the event loop of a component can wait for the host")
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
    """Call a blocking function on a thread, while other tasks run. In unit tests only: a component has no threads."""
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


def run(coroutine: Coroutine[Any, Any, T], idle: Callable[[], None] | None = None) -> T:
    """Run a coroutine to its end, then cancel its remaining tasks and wait for them.

    Args:
        coroutine: The coroutine.
        idle: A function to call when all tasks wait; an exception that it raises ends the run.
    """
    loop = TimerLoop(idle)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop._selector.idle = None  # noqa: SLF001 - cancelled tasks may wait
        try:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()
