"""Uses of worker threads by coroutines, each with its result."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio.to_thread

VARIABLE = ContextVar("VARIABLE", default="default")


def blocking(number: int, *, factor: int = 1) -> list[Any]:
    """Return a value of the context, and a number."""
    if number < 0:
        raise ValueError("a negative number")
    return [VARIABLE.get(), number * factor]


async def to_thread(base: str) -> Any:
    VARIABLE.set("of the task")
    return await asyncio.to_thread(blocking, 2, factor=3)


async def executor(base: str) -> Any:
    loop = asyncio.get_running_loop()
    found = await asyncio.gather(*(loop.run_in_executor(None, partial(blocking, number)) for number in range(3)))
    return [number for _, number in found]


async def failure(base: str) -> Any:
    try:
        await asyncio.to_thread(blocking, -1)
    except ValueError as error:
        return str(error)


async def of_anyio(base: str) -> Any:
    return (await anyio.to_thread.run_sync(partial(blocking, 2, factor=5)))[1]


EXPECTED: dict[Any, Any] = {
    to_thread: ["of the task", 6],
    executor: [0, 1, 2],
    failure: "a negative number",
    of_anyio: 10,
}
"""Use -> its result."""
