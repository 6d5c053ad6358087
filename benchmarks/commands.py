"""The command line: how fast it starts, and what composing files with it takes in time and memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from benchmarks.composing import compiled
from benchmarks.measure import Row

WASMCP = str(Path(sys.executable).parent / "wasmcp")
LARGE = 18_000_000
MEASURE = """
import resource, subprocess, sys, time
begun = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def start(*arguments: str) -> float:
    """Return the median time of a command with little work, in seconds."""
    samples = []
    for _ in range(7):
        begun = time.perf_counter()
        subprocess.run([WASMCP, *arguments], stdout=subprocess.DEVNULL, check=True)
        samples.append(time.perf_counter() - begun)
    return statistics.median(samples)


def padding(size: int) -> bytes:
    """Return a custom section of about a size, as the code of a Python component would take it."""
    content = b"\x03pad" + os.urandom(1000) * (size // 1000)
    length, encoded = len(content), b""
    while length >= 0x80:
        encoded += bytes([length & 0x7F | 0x80])
        length >>= 7
    return b"\0" + encoded + bytes([length]) + content


def compose(component: bytes, count: int, size: int) -> tuple[float, float]:
    """Compose files with their catalogues next to them: seconds, and the peak of memory as a multiple of the output."""
    schema = {"type": "object"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = [folder / f"component-{number}.wasm" for number in range(count)]
        for number, file in enumerate(files):
            data = component + padding(size)
            file.write_bytes(data)
            tools = [{"name": f"add-{number}", "inputSchema": schema}]
            sidecar = {"format": 1, "digest": f"sha256:{sha256(data).hexdigest()}", "tools": tools}
            file.with_name(f"{file.name}.catalogue.json").write_text(json.dumps(sidecar), "utf-8")
        output = folder / "server.wasm"
        # Through a small process: what a child has at its start is its parent's memory.
        command = [WASMCP, "compose", "server", *map(str, files), "-o", str(output)]
        measured = subprocess.run(
            [sys.executable, "-c", MEASURE, *command], stdout=subprocess.PIPE, check=True, text=True
        )
        elapsed, peak = map(float, measured.stdout.split())
        return elapsed, peak * 1024 / output.stat().st_size


def rows(project: Path) -> list[Row]:
    """Every figure."""
    component = compiled(project)
    two, _ = compose(component, 2, 0)
    hundred, _ = compose(component, 100, 0)
    two_large, of_two = compose(component, 2, LARGE)
    ten, memory = compose(component, 10, LARGE)
    return [
        Row("wasmcp --help", start("--help") * 1e3, "ms", 120),
        Row("wasmcp registry component list", start("registry", "component", "list") * 1e3, "ms", 150),
        Row("wasmcp compose server, 2 components", two * 1e3, "ms"),
        Row("wasmcp compose server, 100 components", hundred * 1e3, "ms"),
        Row("wasmcp compose server, 2 components of 18 MB", two_large * 1e3, "ms"),
        Row("the same: peak memory / size of the output", of_two, "x", 3),
        Row("wasmcp compose server, 10 components of 18 MB", ten * 1e3, "ms"),
        Row("the same: peak memory / size of the output", memory, "x", 3),
    ]
