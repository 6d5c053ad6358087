"""Requests over stdio, one in flight: a small tool, and an argument and result of 1 MB; ours and the peers, in turn."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, Table
from benchmarks.processes import PEERS, WASMCP, Measured

ROUNDS = 3
BEST = "official SDK, low-level"
COLUMNS = ("requests/s", "CPU per request", "median", "p99")
UNITS = ("", "us", "ms", "ms")
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def commands(zig: Path, python: Path) -> dict[str, list[str]]:
    """Return the commands of our servers and the peers."""
    peers = {
        BEST: "sdk_lowlevel.py",
        "official SDK, MCPServer": "sdk_server.py",
        "FastMCP": "fastmcp_server.py",
    }
    return {
        "wasmcp run, Zig": [WASMCP, "run", str(zig)],
        "wasmcp run, Python": [WASMCP, "run", str(python)],
        **{name: [sys.executable, str(PEERS / file), "stdio"] for name, file in peers.items()},
    }


class StdioServer:
    """A server process, and requests to it."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
        self.measured = Measured(self._process.pid, 0)

    def __enter__(self) -> StdioServer:  # noqa: PYI034 - the class is not meant for subclasses
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.measured.processes()):  # also one that compiles in the background
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def send(self, line: bytes) -> bytes:
        """Send a line, and return the response.

        Raises:
            SystemExit: The server has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self._process.args!r} has ended")
        return answer


def request(method: str, **params: Any) -> bytes:
    """Return a line with a request of revision 2026-07-28."""
    return (
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}).encode() + b"\n"
    )


def add() -> bytes:
    """Return a call of `add`."""
    return request("tools/call", name="add", arguments={"a": 3, "b": 2})


def check(answer: bytes, expected: Any) -> None:
    """Check the structured content of a result.

    Raises:
        SystemExit: It is another one.
    """
    if json.loads(answer)["result"]["structuredContent"]["result"] != expected:
        raise SystemExit(f"a wrong answer: {answer[:200]!r}")


def _measure(server: StdioServer, line: bytes, seconds: float) -> tuple[float, float, float, float]:
    durations: list[float] = []
    cpu = server.measured.cpu_seconds()
    begun = time.perf_counter()
    while (now := time.perf_counter()) < begun + seconds:
        server.send(line)
        durations.append(time.perf_counter() - now)
    count, elapsed = len(durations), time.perf_counter() - begun
    used = server.measured.cpu_seconds() - cpu
    durations.sort()
    p99 = durations[min(count - 1, int(count * 0.99))]
    return count / elapsed, used / count * 1e6, statistics.median(durations) * 1e3, p99 * 1e3


def compare(found: Mapping[str, list[str]], line: bytes, expected: Any) -> dict[str, tuple[float, ...]]:
    """Return the medians of each server over some rounds."""
    samples: dict[str, list[tuple[float, ...]]] = {name: [] for name in found}
    for _ in range(ROUNDS):
        for name, command in found.items():
            with StdioServer(command) as server:
                check(server.send(line), expected)
                _measure(server, line, 0.5)
                samples[name].append(_measure(server, line, 2))
    return {
        name: tuple(statistics.median(column) for column in zip(*runs, strict=True)) for name, runs in samples.items()
    }


def rows(zig: Path, python: Path) -> list[Row | Table]:
    """Measure both sizes."""
    servers = commands(zig, python)
    small = compare(servers, add(), 5)
    text = "x" * 1_000_000
    large = compare(servers, request("tools/call", name="echo", arguments={"text": text}), text)
    found: list[Row | Table] = [
        Table("stdio: `add`, one request in flight", COLUMNS, UNITS, small),
        Table("stdio: argument and result of 1 MB", COLUMNS, UNITS, large),
    ]
    for language in ("Zig", "Python"):
        name = f"wasmcp run, {language}"
        ratio = small[name][0] / small[BEST][0]
        found.append(
            Row(
                f"stdio: `add`, {language}: ours / SDK, requests/s",
                ratio,
                "x",
                5 if language == "Python" else None,
                higher_is_better=True,
            )
        )
        median = large[name][2]
        against = ((peer, large[peer][2]) for peer in (BEST, "official SDK, MCPServer"))
        found += [Row(f"stdio: 1 MB, {language}: median", median, "ms", other, peer, other) for peer, other in against]
    return found
