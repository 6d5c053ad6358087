"""The pipes that are a guest's stdin, stdout and stderr, and the thread that reads what comes out while a call runs.

Files, not callbacks: wasmtime calls an output callback on a thread of its own, and one that is still in Python when
the interpreter ends aborts the process.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
from collections import deque
from typing import TYPE_CHECKING

from wasmcp.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wasmtime import WasiConfig

    from wasmcp.host.engine.standard_error import Echo

_CHUNK = 65536
STDERR_KEPT = 64 << 10


class Output:
    """The reading end of a guest's stdout or stderr. Several threads may drain it; what comes out stays in order."""

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self._on_data = on_data
        self._lock = threading.Lock()
        self.paused = False
        self.ended = False
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)

    def hand_over(self) -> str:
        """Return the path under which the guest's runtime opens the writing end."""
        return f"/dev/fd/{self._write}"

    def handed_over(self) -> None:
        """Close our copy of the writing end: the runtime has its own."""
        os.close(self._write)

    def pause(self) -> None:
        """Leave what comes in the pipe; when it is full the guest waits in its write."""
        self.paused = True

    def resume(self) -> None:
        """Go on after `pause`."""
        if self.paused:
            self.paused = False
            if not self.ended:
                _reader().add(self)

    def drain(self, *, paused_too: bool = False) -> bool:
        """Pass on everything that is there. False: it is paused, or the guest has closed its end."""
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

    def close(self) -> None:
        """Close the reading end; writes of the guest fail from now on."""
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
        self._stdin_read, self._stdin = os.pipe()
        os.set_blocking(self._stdin, False)
        self._lock = threading.Lock()

    def configure(self, wasi: WasiConfig) -> None:
        """Make the pipes the guest's streams."""
        wasi.stdin_file = f"/dev/fd/{self._stdin_read}"
        wasi.stdout_file = self.stdout.hand_over()
        wasi.stderr_file = self.stderr.hand_over()
        os.close(self._stdin_read)
        self.stdout.handed_over()
        self.stderr.handed_over()
        _reader().add(self.stdout)
        _reader().add(self.stderr)

    def say(self, line: str) -> bool:
        """Write a line to the guest's stdin. False: it has not read for so long that there is no room."""
        with self._lock:
            if self._stdin < 0:
                return False
            try:
                os.write(self._stdin, line.encode() + b"\n")
            except (BlockingIOError, BrokenPipeError):
                return False
        return True

    def drain(self) -> None:
        """Pass on what the guest has written so far."""
        self.stdout.drain(paused_too=True)
        self.stderr.drain()

    def end_input(self) -> None:
        """Close stdin. A guest that was ever read from it must see its end before its store goes."""
        with self._lock:
            if self._stdin >= 0:
                os.close(self._stdin)
                self._stdin = -1

    def close(self) -> None:
        """Close everything, after a last look at what was written."""
        self.end_input()
        for output in (self.stdout, self.stderr):
            output.resume()
            output.drain()
            _reader().remove(output)
            output.close()


class _Reader:
    """One thread for the outputs of all instances of the process: it only wakes when a guest writes."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, output: Output) -> None:
        with self._lock, contextlib.suppress(KeyError, ValueError):  # already there; closed meanwhile
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
                if not output.paused and not output.ended:  # resumed meanwhile
                    self.add(output)


_readers: list[_Reader] = []
_readers_lock = threading.Lock()


def _reader() -> _Reader:
    with _readers_lock:
        if not _readers:
            _readers.append(_Reader())
        return _readers[0]


class StderrLog:
    """What the guests of one server wrote to stderr, the last 64 KiB of it, and on to our own where wanted."""

    def __init__(self, *, echo: bool) -> None:
        self._echo: Echo | None = None
        if echo:
            from wasmcp.host.engine.standard_error import Echo

            self._echo = Echo()
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Keep the data, forgetting the oldest beyond the bound."""
        with self._lock:
            self._kept.append(data)
            self._size += len(data)
            while self._size > STDERR_KEPT and len(self._kept) > 1:
                self._size -= len(self._kept.popleft())
        if self._echo is not None:
            self._echo.write(data)

    def close(self) -> None:
        """Pass on a last line that has not ended."""
        if self._echo is not None:
            self._echo.close()

    def text(self) -> str:
        """Everything that is kept, as text."""
        with self._lock:
            return b"".join(self._kept)[-STDERR_KEPT:].decode("utf-8", "replace")
