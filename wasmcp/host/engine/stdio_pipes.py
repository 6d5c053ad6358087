"""Pipes for a guest's stdin, stdout and stderr, and the thread that reads its output while a call runs.

They are files instead of callbacks, because wasmtime calls an output callback on its own thread, and a callback that
is still in Python code when the interpreter ends aborts the process.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import threading
from collections import deque
from typing import TYPE_CHECKING

from wasmcp.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmtime import WasiConfig

    from wasmcp.host.engine.logs import Echo

_CHUNK = 65536
STDERR_KEPT = 64 << 10


class Output:
    """The reading end of a guest's stdout or stderr. Several threads can drain it; the data stays in order.

    Attributes:
        paused: True if it is not read.
        ended: True if no more data can be read.
        fd: The descriptor of the reading end; -1 once it is closed.
        is_drained: Function that returns True while a thread drains it.
    """

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self._on_data = on_data
        self._lock = threading.Lock()
        self.is_drained = self._lock.locked
        self.paused = False
        self.ended = False
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)

    def writing_path(self) -> str:
        """Return the path under which the guest's runtime opens the writing end."""
        return f"/dev/fd/{self._write}"

    def close_writing_end(self) -> None:
        """Close this process's copy of the writing end: the runtime has another."""
        os.close(self._write)

    def pause(self) -> None:
        """Stop reading; the guest's write blocks when the pipe is full."""
        self.paused = True

    def resume(self) -> None:
        """Read again after `pause`."""
        if self.paused:
            self.paused = False
            if not self.ended:
                _reader().add(self)

    def drain(self, *, paused_too: bool = False) -> bool:
        """Pass on all available data. Return False if the output is paused or closed by the guest."""
        with self._lock:
            while self.fd >= 0:
                if self.paused and not paused_too:
                    return False
                try:
                    data = os.read(self.fd, _CHUNK)
                except BlockingIOError:
                    return True
                if not data:
                    self.ended = True
                    return False
                self._on_data(data)
                if len(data) < _CHUNK:
                    return True
        return False

    def settle(self) -> None:
        """Wait until the data that another thread has read was passed on."""
        with self._lock:
            pass

    def close(self) -> None:
        """Close the reading end; later writes of the guest fail."""
        with self._lock:
            self.ended = True
            if self.fd >= 0:
                os.close(self.fd)
                self.fd = -1


class Stdio:
    """Stdin, stdout and stderr of one instance."""

    def __init__(self, on_stdout: Callable[[bytes], None], on_stderr: Callable[[bytes], None]) -> None:
        if os.name == "nt":
            raise HostError("servers run on Linux and macOS; on Windows use WSL: their streams need `/dev/fd`")
        self.stdout = Output(on_stdout)
        self.stderr = Output(on_stderr)
        self._outputs = (self.stdout, self.stderr)
        arrived = select.poll()
        for output in self._outputs:
            arrived.register(output.fd, select.POLLIN)
        self._arrived = arrived.poll
        self._stdin_read, self._stdin = os.pipe()
        os.set_blocking(self._stdin, False)
        self._lock = threading.Lock()

    def configure(self, wasi: WasiConfig) -> None:
        """Connect the pipes to the guest's streams."""
        wasi.stdin_file = f"/dev/fd/{self._stdin_read}"
        wasi.stdout_file = self.stdout.writing_path()
        wasi.stderr_file = self.stderr.writing_path()
        os.close(self._stdin_read)
        self.stdout.close_writing_end()
        self.stderr.close_writing_end()
        _reader().add(self.stdout)
        _reader().add(self.stderr)

    def write_line(self, line: str) -> bool:
        """Write a line to the guest's stdin. Return False if the pipe is full or closed."""
        with self._lock:
            if self._stdin < 0:
                return False
            try:
                os.write(self._stdin, line.encode() + b"\n")
            except (BlockingIOError, BrokenPipeError):
                return False
        return True

    def drain(self) -> None:
        """Pass on all data that the guest has written so far. Only the thread of the instance can call it."""
        if not self._arrived(0):  # most calls write nothing, and two reads that fail take longer
            for output in self._outputs:
                if output.is_drained():  # by the reader, which has the data of this call
                    output.settle()
            return
        self.stdout.drain(paused_too=True)
        self.stderr.drain()

    def end_input(self) -> None:
        """Close stdin. A guest that has read from it must see its end before its store is closed."""
        with self._lock:
            if self._stdin >= 0:
                os.close(self._stdin)
                self._stdin = -1

    def close(self) -> None:
        """Drain and close all streams."""
        self.end_input()
        for output in self._outputs:
            output.resume()
            output.drain()
            _reader().remove(output)
            output.close()


class _Reader:
    """Reader of the outputs of all instances of the process, on one thread that wakes only when a guest writes."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, output: Output) -> None:
        with self._lock, contextlib.suppress(KeyError, ValueError):  # already registered, or closed
            self._selector.register(output.fd, selectors.EVENT_READ, output)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wasmcp-reader", daemon=True)
                self._thread.start()

    def remove(self, output: Output) -> None:
        with self._lock, contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(output.fd)

    def _run(self) -> None:
        while True:
            for key, _events in self._selector.select():
                output: Output = key.data
                if output.drain():
                    continue
                self.remove(output)
                if not output.paused and not output.ended:  # resumed in the meantime
                    self.add(output)


_readers: list[_Reader] = []
_readers_lock = threading.Lock()


def _reader() -> _Reader:
    with _readers_lock:
        if not _readers:
            _readers.append(_Reader())
        return _readers[0]


class StderrLog:
    """Log of the last 64 KiB that the guests of one server wrote to stderr, with an optional log."""

    def __init__(self, *, echo: bool, server: str = "") -> None:
        """Create an empty log.

        Args:
            echo: Also log each line with the module `logs`.
            server: The server's name for these records.
        """
        self._echo: Echo | None = None
        if echo:
            from wasmcp.host.engine.logs import Echo

            self._echo = Echo(server)
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Keep the data; remove the oldest data beyond the limit."""
        with self._lock:
            self._kept.append(data)
            self._size += len(data)
            while self._size > STDERR_KEPT and len(self._kept) > 1:
                self._size -= len(self._kept.popleft())
        if self._echo is not None:
            self._echo.write(data)

    def close(self) -> None:
        """Log the incomplete last line."""
        if self._echo is not None:
            self._echo.close()

    def text(self) -> str:
        """Return the kept data as text."""
        with self._lock:
            return b"".join(self._kept)[-STDERR_KEPT:].decode("utf-8", "replace")
