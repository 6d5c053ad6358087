"""Standard error of the process, written by a separate thread, so that output never blocks.

A pipe that is not read is full after 64 KiB, and a write to it would block indefinitely. Output that does not fit into
a bounded buffer is dropped and counted.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress
from io import TextIOBase
from typing import TYPE_CHECKING

from wasmcp.host.engine.bounded_queue import BoundedQueue
from wasmcp.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable

BUFFERED = 256 << 10  # maximum bytes that wait to be written


def _dropped_notice(dropped: int) -> str:
    return f"wasmcp: {dropped} bytes for standard error were dropped: it was not read"


class Log(BoundedQueue[bytes]):
    """Bounded buffer in front of a descriptor."""

    def __init__(self, descriptor: int, most: int = BUFFERED, notice: Callable[[int], str] = _dropped_notice) -> None:
        """Create an empty buffer.

        Args:
            descriptor: The descriptor to write to.
            most: The maximum bytes that wait to be written.
            notice: Function that returns the line for a number of bytes that were dropped.
        """
        super().__init__(most, "wasmcp-stderr")
        self._descriptor = descriptor
        self._notice = notice

    def write(self, data: bytes) -> None:
        """Queue whole lines to be written; drop all of them if the buffer is full."""
        if data:
            self._put(data, len(data), len(data))

    def _take(self) -> list[tuple[bytes, int]]:
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def _consume(self, items: list[bytes], dropped: int) -> None:
        data = b"".join(items)
        if dropped:
            data += f"{self._notice(dropped)}\n".encode()
        self._write(data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # another process has made the pipe non-blocking
                threading.Event().wait(0.01)
            except OSError:
                return


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
