"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_PAUSE = 0.01


def wait_until(
    condition: Callable[[], T], what: Callable[[], Any] = lambda: "the condition does not hold", *, seconds: float = 60
) -> T:
    """Return the first true value of a condition.

    Args:
        condition: The condition; it is evaluated again and again.
        what: Returns the message of the failure.
        seconds: The time after which waiting fails.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what()
        time.sleep(_PAUSE)
    return found


def wait_without(
    error: type[Exception] | tuple[type[Exception], ...], action: Callable[[], T], *, seconds: float = 60
) -> T:
    """Return the result of an action, which is repeated as long as it raises an error.

    Args:
        error: The class of the error, or several.
        action: The action.
        seconds: The time after which the error is raised.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except error:
            if time.monotonic() >= deadline:
                raise
        time.sleep(_PAUSE)


def accepts(port: int) -> bool:
    """Return True if connections to a port of this machine are accepted."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
