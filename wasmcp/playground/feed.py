"""Feed of events for pages: the state of the build, and the messages of all clients."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from typing import Any

_KEPT = 200  # events
_KEPT_BYTES = 1 << 20
_WAITING = 500  # events that wait for one page
_MOST_PAGES = 16


class Feed:
    """Events, of which the last are kept for pages that connect later. Its methods can be called on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {}
        self._kept: deque[str] = deque()
        self._size = 0
        self._pages: dict[asyncio.Queue[str | None], asyncio.AbstractEventLoop] = {}
        self._is_closed = False

    def publish_state(self, state: dict[str, Any]) -> None:
        """Publish the state of the build; pages get the last one when they connect."""
        with self._lock:
            self._state = state
            self._send(json.dumps({"type": "state", **state}))

    def publish(self, event: dict[str, Any]) -> None:
        """Publish an event."""
        text = json.dumps(event)
        with self._lock:
            self._kept.append(text)
            self._size += len(text)
            while len(self._kept) > _KEPT or self._size > _KEPT_BYTES:
                self._size -= len(self._kept.popleft())
            self._send(text)

    def connect(self) -> asyncio.Queue[str | None] | None:
        """Return a queue with the events for a page, which ends with None; None if there are too many pages."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        with self._lock:
            if self._is_closed or len(self._pages) >= _MOST_PAGES:
                return None
            self._pages[queue] = asyncio.get_running_loop()
            for text in (json.dumps({"type": "state", **self._state}), *self._kept):
                queue.put_nowait(text)
        return queue

    def disconnect(self, queue: asyncio.Queue[str | None]) -> None:
        """Forget a page."""
        with self._lock:
            self._pages.pop(queue, None)

    def close(self) -> None:
        """End the queues of all pages."""
        with self._lock:
            self._is_closed = True
            self._send(None)

    def _send(self, text: str | None) -> None:
        """Send a text to all pages. The lock must be held."""
        for queue, loop in list(self._pages.items()):
            if text is not None and queue.qsize() > _WAITING + _KEPT:
                continue  # the page does not read
            try:
                loop.call_soon_threadsafe(queue.put_nowait, text)
            except RuntimeError:  # the loop is closed
                del self._pages[queue]
