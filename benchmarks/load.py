"""Load of HTTP requests by `wrk`, with the processor time of the server.

`wrk` is written in C, so that it takes little of the cores that the server runs on. Each response's status is checked,
and that of tools also by its content.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import Measured

TIMEOUT = 30
"""Seconds after which `wrk` counts a response as `timeout`; it arrived nevertheless, and is in no percentile."""

_SCRIPT = Path(__file__).parent / "load.lua"


@dataclass(frozen=True)
class Load:
    """Result of one run.

    Attributes:
        rate: Requests per second.
        cpu_us: Processor time of the server per request, in microseconds.
        p50_ms: Median duration of a request, in milliseconds.
        p99_ms: 99th percentile of the durations, in milliseconds.
        errors: Requests that failed, or whose response was wrong.
        kinds: Their numbers by kind: `connect`, `read`, `write`, `timeout` (see `TIMEOUT`), `wrong`, as far as there
            are any.
    """

    rate: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    errors: int
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """Requests to send.

    Attributes:
        tool: The tool: `add`, `wait` or `echo`.
        connections: Their number; each has one request in flight.
        seconds: The duration.
        size: Bytes of the text of `echo`.
    """

    tool: str = "add"
    connections: int = 16
    seconds: int = 3
    size: int = 0


def wrk() -> str:
    """Return the program.

    Raises:
        SystemExit: It is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("the benchmarks over HTTP need `wrk`: `make system-deps` installs it")
    return found


def begin(server: Measured, work: Workload, *, checked: bool = True) -> subprocess.Popen[str]:
    """Start a run; `finish` waits for its end."""
    command = [
        wrk(),
        *(
            "-t",
            "1",
            "-c",
            str(work.connections),
            "-d",
            f"{work.seconds}s",
            "--timeout",
            f"{TIMEOUT}s",
            "-s",
            str(_SCRIPT),
        ),
        f"http://127.0.0.1:{server.port}/mcp",
        *("--", work.tool, str(work.size), "checked" if checked else "status"),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str], cpu_seconds: float) -> Load:
    """Wait for the end of a run.

    Args:
        process: The run.
        cpu_seconds: Processor time of the server before the run is subtracted by the caller; 0 if it is not wanted.

    Raises:
        SystemExit: `wrk` failed.
    """
    output, _ = process.communicate()
    line = next((line for line in output.splitlines() if line.startswith("JSON ")), None)
    if line is None:
        raise SystemExit(f"wrk failed:\n{output}")
    facts = json.loads(line.removeprefix("JSON "))
    count = max(facts["requests"], 1)
    kinds = {name: facts[name] for name in ("connect", "read", "write", "timeout", "wrong") if facts[name]}
    return Load(
        rate=facts["requests"] / facts["seconds"],
        cpu_us=cpu_seconds / count * 1e6,
        p50_ms=facts["p50_ms"],
        p99_ms=facts["p99_ms"],
        errors=sum(kinds.values()),
        kinds=kinds,
    )


def run(server: Measured, work: Workload, *, checked: bool = True) -> Load:
    """Send requests for some seconds."""
    before = server.cpu_seconds()
    process = begin(server, work, checked=checked)
    process.wait()
    return finish(process, server.cpu_seconds() - before)


def median(loads: Sequence[Load]) -> Load:
    """Return the medians of some runs, and the sum of their errors."""
    return Load(
        *(statistics.median(getattr(load, name) for load in loads) for name in ("rate", "cpu_us", "p50_ms", "p99_ms")),
        errors=sum(load.errors for load in loads),
    )
