"""Standard error of the process, written by a separate thread behind a bounded queue, so that output never blocks.

A pipe that is not read is full after 64 KiB, and a write to it would block indefinitely. Output that does not fit into
the queue is dropped and counted.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections import deque
from contextlib import suppress
from io import TextIOBase
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from wasmcp.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable


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


BUFFERED = 256 << 10  # maximum bytes that wait to be written


def _dropped_notice(dropped: int) -> str:
    return f"wasmcp: {dropped} bytes for standard error were dropped: it was not read"


class Log(BoundedQueue[bytes]):
    """Bounded buffer in front of a descriptor.

    Attributes:
        is_torn: True if the last line was written in part, before an error.
    """

    def __init__(
        self,
        descriptor: int,
        most: int = BUFFERED,
        notice: Callable[[int], str] = _dropped_notice,
        on_error: Callable[[OSError], None] | None = None,
    ) -> None:
        """Create an empty buffer.

        Args:
            descriptor: The descriptor to write to.
            most: The maximum bytes that wait to be written.
            notice: Function that returns the line for a number of bytes that were dropped.
            on_error: Called with an error of the descriptor, unless the write before it has failed, too.
        """
        super().__init__(most, "wasmcp-stderr")
        self._descriptor = descriptor
        self._notice = notice
        self._on_error = on_error
        self._has_failed = False
        self.is_torn = False

    def write(self, data: bytes) -> None:
        """Queue whole lines to be written; drop all of them if the buffer is full."""
        if data:
            self._put(data, len(data), len(data))

    def _take(self) -> list[tuple[bytes, int]]:
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def _consume(self, items: list[bytes], dropped: int) -> None:
        start = b"\n" if self.is_torn else b""
        end = f"{self._notice(dropped)}\n".encode() if dropped else b""
        data = b"".join((start, *items, end))
        written = self._write(data)
        if written == len(data):
            self.is_torn = False
            return
        self.is_torn = data[:written][-1:] != b"\n" if written else self.is_torn
        with self._changed:
            self._dropped += dropped + max(0, len(data) - len(end) - max(written, len(start)))

    def _write(self, data: bytes) -> int:
        """Write data, and return the number of bytes that were written before an error."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # another process has made the pipe non-blocking
                threading.Event().wait(0.01)
            except OSError as error:
                if self._on_error is not None and not self._has_failed:
                    self._on_error(error)
                self._has_failed = True
                return len(data) - len(view)
        self._has_failed = False
        return len(data)


class Stream(TextIOBase):
    """Text stream that writes to a log, a replacement of `sys.stderr`."""

    encoding = "utf-8"

    def __init__(self, log: Log) -> None:
        self._log = log
        self._partial = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Write complete lines at once; write the rest when its line ends or at `flush`."""
        with self._lock:
            whole, feed, self._partial = (self._partial + text).rpartition("\n")
        self._log.write((whole + feed).encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Write the incomplete last line."""
        with self._lock:
            partial, self._partial = self._partial, ""
        self._log.write(partial.encode("utf-8", "backslashreplace"))

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of standard error."""
        return 2

    def isatty(self) -> bool:
        """Return True if standard error is a terminal."""
        return os.isatty(2)


_LOG = Log(2)


def write_lines(text: str, prefix: str = "wasmcp: ") -> None:
    """Write the lines of `text`, each after a prefix and with escaped control characters.

    The prefixes distinguish the host's lines from those of components (`server: `), so that they cannot be forged.
    """
    lines = "".join(f"{prefix}{printable(line, keep=chr(9))}\n" for line in text.split("\n"))
    _LOG.write(lines.encode("utf-8", "backslashreplace"))


def flush() -> None:
    """Wait at most `GRACE` until everything is written. For the end of the process."""
    with suppress(Exception):
        sys.stderr.flush()
    _LOG.flush()


def replace_stream() -> None:
    """Replace `sys.stderr` by a stream that never blocks, for the warnings and loggers of libraries.

    A stream that another library has installed is kept.
    """
    if sys.stderr is sys.__stderr__:
        atexit.register(_restore_stream)
        sys.stderr = Stream(_LOG)


def _restore_stream() -> None:
    flush()
    sys.stderr = sys.__stderr__
