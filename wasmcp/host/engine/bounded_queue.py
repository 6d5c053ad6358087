"""Bounded queue in front of a consumer on a thread of its own, which never delays a producer."""

from __future__ import annotations

import atexit
import threading
from collections import deque
from time import monotonic
from typing import Generic, TypeVar

GRACE = 0.5  # seconds that the end of the process waits for the consumer

T = TypeVar("T")


class BoundedQueue(Generic[T]):
    """Queue of items with sizes. What does not fit is dropped and counted; the consumer gets the count.

    Subclasses implement `_consume`. The thread starts with the first item.
    """

    def __init__(self, most: int, thread: str) -> None:
        """Create an empty queue.

        Args:
            most: The maximum sum of the sizes of waiting items, and of those that the consumer has.
            thread: The name of the thread.
        """
        self._most = most
        self._name = thread
        self._waiting: deque[tuple[T, int]] = deque()
        self._size = 0
        self._dropped = 0
        self._busy = False
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None

    def flush(self, timeout: float = GRACE) -> bool:
        """Wait until all items are consumed, for at most `timeout` seconds. Return True if they are."""
        ends = monotonic() + timeout
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._busy), max(0.0, ends - monotonic()))

    def _put(self, item: T, size: int, count: int = 1) -> None:
        """Queue an item; drop it, and count `count`, if it does not fit."""
        with self._changed:
            if self._size + size > self._most:
                self._dropped += count
                return
            self._waiting.append((item, size))
            self._size += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
                atexit.register(self.flush)
            self._changed.notify_all()

    def _take(self) -> list[tuple[T, int]]:
        """Remove and return the items that the consumer gets at once: the oldest one."""
        return [self._waiting.popleft()]

    def _consume(self, items: list[T], dropped: int) -> None:
        """Consume items.

        Args:
            items: The items.
            dropped: The count of what was dropped since the last call.
        """
        raise NotImplementedError

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                self._busy = True
                taken = self._take()
                dropped, self._dropped = self._dropped, 0
            self._consume([item for item, _ in taken], dropped)
            with self._changed:
                self._size -= sum(size for _, size in taken)
