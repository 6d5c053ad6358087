"""Process start to the first tools/list answer over stdio."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Row

PEERS = Path(__file__).parent / "peers"
REQUEST = (
    json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/list",
            "params": {
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        },
    ).encode()
    + b"\n"
)


def first_list(command: list[str], environment: dict[str, str] | None = None) -> float:
    """Seconds from the spawn of a stdio server to its answer to tools/list."""
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(REQUEST)
        process.stdin.flush()
        line = process.stdout.readline()
        elapsed = time.perf_counter() - start
        if not json.loads(line)["result"]["tools"]:
            raise SystemExit(f"{command}: no tools in {line!r}")
        process.kill()
    return elapsed


def rows(python_server: Path) -> list[Row]:
    """Start-up with a warm and a cold cache, compared with the official SDK."""
    wasmcp = [str(Path(sys.executable).parent / "wasmcp"), "run", str(python_server)]
    peers = [[sys.executable, str(PEERS / name), "stdio"] for name in ("sdk_lowlevel.py", "sdk_server.py")]
    first_list(wasmcp)
    # In turn, so that a drift of the machine's speed meets all alike.
    samples = [[first_list(command) for command in (wasmcp, *peers)] for _ in range(7)]
    warm, lowlevel, server = (statistics.median(column) * 1e3 for column in zip(*samples, strict=True))
    cold = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(first_list(wasmcp, {"WASMCP_CACHE_DIR": cache}))
    return [
        Row("stdio: start to first tools/list, warm cache", warm, "ms", 150, "official SDK, MCPServer", server),
        Row("stdio: the same", warm, "ms", 150, "official SDK, low-level", lowlevel),
        Row("stdio: start to first tools/list, cold cache", statistics.median(cold) * 1e3, "ms", 300),
    ]
