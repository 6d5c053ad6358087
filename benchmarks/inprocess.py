"""Boot, list and call in this process, from the compile cache, compared with the official SDK's in-memory client."""

from __future__ import annotations

from pathlib import Path

import anyio

from benchmarks.measure import Row, median_seconds
from wasmcp.host import open_server


def sdk_call() -> float:
    """Seconds of one tools/call through the official client and low-level server, in memory."""
    from mcp import Client

    from benchmarks.peers.sdk_lowlevel import server

    async def measure() -> float:
        import statistics
        import time

        async with Client(server) as client:
            samples = []
            for _ in range(200):
                start = time.perf_counter()
                await client.call_tool("add", {"a": 1, "b": 2})
                samples.append(time.perf_counter() - start)
            return statistics.median(samples)

    return anyio.run(measure)


def boot(path: Path) -> None:
    """Open a server, get its first response, and close it."""
    with open_server(path) as server:
        server.call_tool("add", {"a": 1, "b": 2})


def rows(zig: Path, python: Path, hundred: Path) -> list[Row]:
    """In-process figures."""
    boot_seconds = median_seconds(lambda: boot(python), runs=11)
    with open_server(zig) as server:
        zig_call = median_seconds(lambda: server.call_tool("add", {"a": 1, "b": 2}), inner=200)
    with open_server(python) as server:
        python_call = median_seconds(lambda: server.call_tool("add", {"a": 1, "b": 2}), inner=100)
    with open_server(hundred) as server:
        listing = median_seconds(server.list_tools, inner=50)
    peer = sdk_call()
    name = "official SDK, in memory"
    return [
        Row("open a Python server from the compile cache, first call", boot_seconds * 1e3, "ms", 25),
        Row("tools/call in-process, Zig tool", zig_call * 1e3, "ms", 0.2, name, peer * 1e3),
        Row("tools/call in-process, Python tool", python_call * 1e3, "ms", 1, name, peer * 1e3),
        Row("tools/list of 100 tools", listing * 1e3, "ms", 1),
    ]
