"""Start of a process to its first responses over stdio, with a warm and an empty cache of compiled components."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import Row, Table
from benchmarks.stdio import StdioServer, add, check, commands, request

WARM_ROUNDS = 7
COLD_ROUNDS = 3
LIST = request("tools/list")
_CUSTOM_SECTION = b"\0\x06\x05other"
"""Section that makes the same server another file."""


def first_responses(command: list[str], environment: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Return the milliseconds from the start to the first list, and of another process to its first call."""
    with StdioServer(command, environment) as server:
        answer = server.send(LIST)
        listed = time.perf_counter() - server.started
        if b'"add"' not in answer:
            raise SystemExit(f"{command}: no tool `add` in {answer[:200]!r}")
    with StdioServer(command, environment) as server:
        check(server.send(add()), 5)
        return listed * 1e3, (time.perf_counter() - server.started) * 1e3


def _cold(command: list[str]) -> tuple[float, float]:
    times = []
    for line in (LIST, add()):
        with tempfile.TemporaryDirectory() as cache, StdioServer(command, {"WASMCP_CACHE_DIR": cache}) as server:
            server.send(line)
            times.append((time.perf_counter() - server.started) * 1e3)
    return times[0], times[1]


def _cold_beside_another(python: Path, name: str) -> float:
    """Return the milliseconds from the start to the first call of a server, after that of another Python server."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other.wasm"
        other.write_bytes(python.read_bytes() + _CUSTOM_SECTION)
        found = []
        for path in (other, python):
            command = commands(path, path)[name]
            with StdioServer(command, {"WASMCP_CACHE_DIR": folder}) as server:
                check(server.send(add()), 5)
                found.append((time.perf_counter() - server.started) * 1e3)
        return found[1]


def rows(zig: Path, python: Path) -> list[Row | Table]:
    """Measure our servers and the peers."""
    servers = commands(zig, python)
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for command in servers.values():
        first_responses(command)
    for _ in range(WARM_ROUNDS):  # in turn, so that a drift of the machine's speed meets all
        for name, command in servers.items():
            samples[name].append(first_responses(command))
    ours = {name: command for name, command in servers.items() if name.startswith("wasmcp")}
    for name, command in ours.items():
        samples[f"{name}, empty cache"] = [_cold(command) for _ in range(COLD_ROUNDS)]
    found = {
        name: [statistics.median(column) for column in zip(*times, strict=True)] for name, times in samples.items()
    }
    beside = statistics.median(_cold_beside_another(python, "wasmcp run, Python") for _ in range(COLD_ROUNDS))
    low, high = "official SDK, low-level", "official SDK, MCPServer"
    warm, cold = found["wasmcp run, Python"], found["wasmcp run, Python, empty cache"]
    return [
        Table("stdio: start of the process to the first response", ("tools/list", "tools/call"), ("ms", "ms"), found),
        Row("start to the first list, Python", warm[0], "ms", 100, low, found[low][0]),
        Row("start to the first list, Python", warm[0], "ms", None, high, found[high][0]),
        Row("start to the first call, Python, empty cache", cold[1], "ms", 3000),
        Row("start to the first call, Python, the interpreter compiled for another server", beside, "ms", 3000),
    ]
