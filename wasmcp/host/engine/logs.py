"""Log records of the host: loggers under `wasmcp.host`, in one tree, which never delay a request.

A program that embeds servers routes them with the standard module `logging`: a record's message is escaped text for a
terminal or a file, and the facts are attributes of the record. The program's handlers run on a separate thread, behind
a bounded queue, so that a handler that blocks delays no request; records that do not fit are dropped and counted.

Without handlers, records are written to standard error (`standard_error`, which does not block either). `logging` takes
16 ms to import, more than the start of a server, so this module uses it only if the program has imported it.

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

import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from wasmcp.host.engine import standard_error
from wasmcp.host.engine.standard_error import BoundedQueue
from wasmcp.terminal import printable

if TYPE_CHECKING:
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
            standard_error.write_lines(f"{dropped} log records were dropped: the handlers of `logging` were slow")
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
        standard_error.write_lines(text, "server: ")
    else:
        standard_error.write_lines(f"warning: {text}" if level == WARNING else text)


def set_up(*, verbose: bool = False) -> None:
    """Write records from INFO on to standard error, for a process that serves, unless the program has handlers.

    Also replaces `sys.stderr` by a stream that does not block.

    Args:
        verbose: Write records from DEBUG on.
    """
    global _lowest  # noqa: PLW0603 - of the process, like standard error
    _lowest = DEBUG if verbose else INFO
    standard_error.replace_stream()


def is_verbose() -> bool:
    """Return True if records from DEBUG on are written to standard error."""
    return _lowest <= DEBUG


def flush() -> None:
    """Wait at most one second until all records are handled and written. For the end of the process."""
    _QUEUE.flush()
    standard_error.flush()


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
