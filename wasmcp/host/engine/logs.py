"""Log records of the host: loggers under `wasmcp.host`, in one tree, which never delay a request.

A program that embeds servers routes them with the standard module `logging`: a record's message is escaped text for a
terminal or a file, and the facts are attributes of the record. The program's handlers run on a separate thread, behind
a bounded queue, so that a handler that blocks delays no request; records that do not fit are dropped and counted.

Without handlers, records are written to standard error. `logging` takes 16 ms to import, more than the start of a
server, so this module uses it only if the program has imported it.

Standard error is written by a separate thread behind a bounded queue, too. A pipe that is not read is full after 64
KiB, and a write to it would block indefinitely. Output that does not fit into the queue is dropped and counted.

==============================  =======  ==============================================================
logger                          level    record and attributes
==============================  =======  ==============================================================
`wasmcp.host.server`            INFO     a line that a component wrote to standard error: `line`, `server`
`wasmcp.host.requests`          ERROR    a request that failed: `error`, the exception
`wasmcp.host.engine`            INFO     a compilation begins: `path`, and `reason` if it is not cached
`wasmcp.host.engine`            DEBUG    bound of instances: `instances`, `instance_bytes`, `memory_bytes`, `reuse`
`wasmcp.host.configuration`     WARNING  sources are newer than the server: `path`, `sources`
`wasmcp.host.authorization`     WARNING  keys or the endpoint of an issuer cannot be used: `url`; INFO when they can
`wasmcp.host.authorization`     WARNING  tokens of any audience are accepted: `path`
`wasmcp.host.stores`            WARNING  the key-value store cannot be reached: `url`; INFO when it can again
`wasmcp.host.transports`        INFO     HTTP is served: `path`, `url`
`wasmcp.host.transports`        INFO     the server was reloaded: `path`
`wasmcp.host.transports`        ERROR    the server was not reloaded: `path`, `error`
`wasmcp.host.transports`        ERROR    a worker has ended: `pid`, `exit_code`
`wasmcp.host.transports`        ERROR    a client of stdio neither writes nor reads
==============================  =======  ==============================================================
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
    from logging import Logger, LogRecord
    from types import ModuleType

SERVER = "wasmcp.host.server"
REQUESTS = "wasmcp.host.requests"
ENGINE = "wasmcp.host.engine"
CONFIGURATION = "wasmcp.host.configuration"
AUTHORIZATION = "wasmcp.host.authorization"
STORES = "wasmcp.host.stores"
TRANSPORTS = "wasmcp.host.transports"

DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40
"""Levels of the module `logging`, without its import."""

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


def _flush_stream() -> None:
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
    _flush_stream()
    sys.stderr = sys.__stderr__


QUEUED = 1 << 20  # maximum size of records that wait for handlers
_OVERHEAD = 512  # of a record, in addition to its message
LONGEST = 8 << 10  # maximum bytes of a line of a component


class RecordQueue(BoundedQueue["tuple[Logger, LogRecord]"]):
    """Bounded queue of records in front of the program's handlers, which run on a thread of their own."""

    def __init__(self, most: int = QUEUED) -> None:
        super().__init__(most, "wasmcp-log")

    def put(self, logger: Logger, record: LogRecord) -> None:
        """Queue a record; drop it if the queue is full."""
        self._put((logger, record), len(str(record.msg)) + _OVERHEAD)

    def _consume(self, items: list[tuple[Logger, LogRecord]], dropped: int) -> None:
        if dropped:
            write_lines(f"{dropped} log records were dropped: the handlers of `logging` were slow")
        for logger, record in items:
            with suppress(Exception):  # a filter or handler of the program
                logger.handle(record)


_QUEUE = RecordQueue()
_lowest = WARNING  # lowest level that is written to standard error


def log(name: str, level: int, message: str, **facts: object) -> None:
    """Log a message, without blocking.

    Args:
        name: The name of the logger.
        level: The level, as in the module `logging`.
        message: The message; control characters in it are escaped, except for line breaks and tabs.
        facts: Attributes of the record.
    """
    text = printable(message, keep="\n\t")
    lowest = level if name == SERVER else None  # the caller decides with `echo_stderr`
    logging = _imported_logging()
    if logging is None:
        if level >= (lowest or _lowest):
            _write(name, level, text)
        return
    logger: Logger = logging.getLogger(name)
    if not logger.hasHandlers():
        if _is_enabled(logger, level, lowest or _lowest):
            _write(name, level, text)
    elif _is_enabled(logger, level, lowest or logger.root.level):
        _QUEUE.put(logger, logger.makeRecord(name, level, __file__, 0, text, (), None, None, facts))


def _imported_logging() -> ModuleType | None:
    """Return the module `logging` if the program has imported it.

    While another thread imports it, it is in `sys.modules` without its functions, and the program has no handlers yet.
    """
    module = sys.modules.get("logging")
    return None if getattr(getattr(module, "__spec__", None), "_initializing", False) else module


def _is_enabled(logger: Logger, level: int, lowest: int) -> bool:
    """Return True if a level is enabled: by the nearest level that the program has set below the root, or `lowest`."""
    if logger.manager.disable >= level:
        return False
    node: Logger | None = logger
    while node is not None and node is not logger.root:
        if node.level:
            return level >= node.level
        node = node.parent
    return level >= lowest


def _write(name: str, level: int, text: str) -> None:
    if name == SERVER:
        write_lines(text, "server: ")
    else:
        write_lines(f"warning: {text}" if level == WARNING else text)


def set_up(*, verbose: bool = False) -> None:
    """Write records from INFO on to standard error, for a process that serves, unless the program has handlers.

    Also replaces `sys.stderr` by a stream that does not block.

    Args:
        verbose: Write records from DEBUG on.
    """
    global _lowest  # noqa: PLW0603 - of the process, like standard error
    _lowest = DEBUG if verbose else INFO
    replace_stream()


def is_verbose() -> bool:
    """Return True if records from DEBUG on are written to standard error."""
    return _lowest <= DEBUG


def flush() -> None:
    """Wait at most one second until all records are handled and written. For the end of the process."""
    _QUEUE.flush()
    _flush_stream()


class Echo:
    """Log of the standard error of a server's components, a record for each line."""

    def __init__(self, server: str = "") -> None:
        """Create a log.

        Args:
            server: The server's name, an attribute of the records.
        """
        self._server = server
        self._partial = b""
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Add a part of the output of a component."""
        with self._lock:
            *lines, self._partial = (self._partial + data).split(b"\n")
            if len(self._partial) > LONGEST:
                lines.append(self._partial)
                self._partial = b""
            self._pass_on(lines)

    def close(self) -> None:
        """Log the incomplete last line."""
        with self._lock:
            lines, self._partial = [self._partial] if self._partial else [], b""
            self._pass_on(lines)

    def _pass_on(self, lines: list[bytes]) -> None:
        for line in lines:
            text = line.decode("utf-8", "backslashreplace")
            log(SERVER, INFO, text, line=text, server=self._server)
