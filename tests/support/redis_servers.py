"""Redis servers for tests, on loopback ports."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from .server_processes import free_port
from .waiting import accepts, wait_until

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")

if PROGRAM is None:
    warnings.warn("`redis-server` is not installed: the tests of Redis are SKIPPED (make system-deps)", stacklevel=1)

needs_redis = pytest.mark.skipif(PROGRAM is None, reason="needs `redis-server`: run `make system-deps`")


class Redis:
    """A Redis server whose process can be killed and started again.

    Attributes:
        port: Its port.
        url: Its URL.
    """

    def __init__(self, folder: Path, *options: str, tls: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"{'rediss' if tls else 'redis'}://127.0.0.1:{self.port}"
        port = ["--port", "0", "--tls-port", str(self.port)] if tls else ["--port", str(self.port)]
        base = ["--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--daemonize", "no"]
        self._command = [str(PROGRAM), *port, *base, *options]
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, and wait until it listens."""
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(lambda: process.poll() is not None or accepts(self.port), self._log.read_text)
        assert process.poll() is None, self._log.read_text()

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End the process as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def stop(self) -> None:
        """End the process in order; a stopped process is continued first."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            self._process = None


@contextlib.contextmanager
def redis_server(folder: Path, *options: str, tls: bool = False) -> Iterator[Redis]:
    """Run a Redis server until the block ends."""
    server = Redis(folder, *options, tls=tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()
