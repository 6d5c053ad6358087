"""Processes of `wasmcp serve` for tests, with what they write."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from support.server_processes import WASMCP
from support.waiting import wait_until, wait_without


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
