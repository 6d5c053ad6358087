"""tools/call `add` over HTTP, with httptools and uvloop on both sides, in requests per second."""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row

PEERS = Path(__file__).parent / "peers"
CONNECTIONS = 16
SECONDS = 3


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """Start a server process and wait until it accepts connections."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.1)
            yield
        finally:
            process.terminate()


def throughput(command: list[str]) -> float:
    """Return the requests per second of a server; `{port}` in its command is replaced."""
    port = free_port()
    with running([word.replace("{port}", str(port)) for word in command], port):
        load = [sys.executable, "-m", "benchmarks.load", str(port), str(CONNECTIONS), str(SECONDS)]
        return float(subprocess.run(load, check=True, capture_output=True, text=True).stdout)


def rows(zig_server: Path, python_server: Path) -> list[Row]:
    """Measure both languages and the official SDK's two servers."""
    wasmcp = str(Path(sys.executable).parent / "wasmcp")
    commands = {
        "zig": [wasmcp, "serve", str(zig_server), "--port", "{port}"],
        "python": [wasmcp, "serve", str(python_server), "--port", "{port}"],
        "lowlevel": [sys.executable, str(PEERS / "sdk_lowlevel.py"), "http", "{port}"],
        "server": [sys.executable, str(PEERS / "sdk_server.py"), "http", "{port}"],
    }
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(3):
        for name, command in commands.items():
            samples[name].append(throughput(command))
    rate = {name: statistics.median(values) for name, values in samples.items()}
    text = f"HTTP: tools/call at {CONNECTIONS} in flight"
    low, high = "official SDK, low-level", "official SDK, MCPServer"
    return [
        Row(f"{text}, Zig tool", rate["zig"], "req/s", rate["lowlevel"], low, rate["lowlevel"], higher_is_better=True),
        Row(f"{text}, Zig tool", rate["zig"], "req/s", None, high, rate["server"], higher_is_better=True),
        Row(f"{text}, Python tool", rate["python"], "req/s", None, low, rate["lowlevel"], higher_is_better=True),
        Row(f"{text}, Python tool", rate["python"], "req/s", None, high, rate["server"], higher_is_better=True),
    ]
