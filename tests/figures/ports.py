"""Times of public servers, of the servers in `tests/ports`, and of imported ones, to the official client over stdio."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from ports.originals import PORTS, SOURCES, Port, code_lines, fill, original_of, placed, site
from ports.public_servers import PORTS as PUBLIC
from ports.public_servers import Port as PublicPort
from ports.public_servers import cells, imported
from ports.public_servers import site as public_site
from support.fastmcp_originals import NULL
from support.server_processes import WASMCP

from figures.tables import measured, table, write
from wasmcp.project import ensure_built

TIMES = ("start to the first list", "first call", "each further call")
HEADS = ("original", "lines", "server", *TIMES)
PUBLIC_HEADS = ("distribution", "needs", "lines carried", "server", *TIMES, "left to do")
RUNS = 3
CALLS = 10


async def _times(command: list[str], name: str, arguments: dict[str, Any]) -> tuple[float, float, float]:
    """Return the seconds from the start to the first list, of the first call, and of each further one (the median)."""
    begun = perf_counter()
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    with NULL.open("w") as null:
        async with (
            stdio_client(parameters, errlog=null) as (read, write_),
            ClientSession(read, write_) as session,
        ):
            await session.initialize()
            await session.list_tools()
            listed = perf_counter() - begun
            calls = []
            for _ in range(1 + CALLS):
                begun = perf_counter()
                await session.call_tool(name, arguments)
                calls.append(perf_counter() - begun)
    return listed, calls[0], statistics.median(calls[1:])


def _least(command: list[str], call: tuple[str, dict[str, Any]], prepare: Callable[[], Any]) -> list[float]:
    found = []
    for _ in range(RUNS):
        prepare()
        found.append(asyncio.run(_times(command, *call)))
    return [min(values) for values in zip(*found, strict=True)]


def _compared(theirs: list[float], own: list[float]) -> list[str]:
    calls = (f"{1000 * a:.0f} ms, here {1000 * b:.0f} ms" for a, b in zip(theirs[1:], own[1:], strict=True))
    return [f"{theirs[0]:.1f} s, here {own[0]:.1f} s", *calls]


def _row(name: str, port: Port, project: Path, folder: Path) -> list[str]:
    server = ensure_built(project, name)
    command, sources = original_of(port)
    with site() as base:
        here = placed(port, base, folder)
        ours = [*WASMCP, "run", str(server), *here.options]
        fill(folder)
        asyncio.run(_times(ours, *here.calls[port.timed]))  # compiles it
        call = here.calls[port.timed]
        theirs = _least(["env", *here.variables, *command, *here.script[1:]], call, lambda: fill(folder))
        own = _least(ours, call, lambda: fill(folder))
    lines = code_lines(*sources), code_lines(SOURCES / f"public/src/ports/{name}_tools.py")
    megabytes = server.stat().st_size / 1e6
    return [f"`{port.requirement}`", f"{lines[0]}, here {lines[1]}", f"{megabytes:.1f} MB", *_compared(theirs, own)]


def update() -> None:
    """Measure the servers, and write the table of what-runs.md."""
    rows = []
    with TemporaryDirectory() as folder:
        project = Path(shutil.copytree(SOURCES / "public", Path(folder) / "ports"))
        for name, port in PORTS.items():
            rows.append(_row(name, port, project, Path(folder) / "files"))
            print(" | ".join(rows[-1]), flush=True)
    write("what-runs.md", "ports", table(HEADS, rows) + _words())


def _public_row(port: PublicPort, folder: Path) -> list[str]:
    made = imported(port, folder)
    server = ensure_built(made.root)
    with public_site() as address:
        call = port.calls_of(address)[port.timed]
        ours = [*WASMCP, "run", str(server)]
        asyncio.run(_times(ours, *call))  # compiles it
        times = _compared(*(_least(command, call, lambda: None) for command in (port.original()[1], ours)))
    return [*cells(port, made, server.stat().st_size), *times, port.left]


def update_public() -> None:
    """Import, build and measure public servers, and write the table of from-fastmcp.md."""
    rows = []
    with TemporaryDirectory() as folder:
        for port in PUBLIC.values():
            rows.append(_public_row(port, Path(folder)))
            print(" | ".join(rows[-1]), flush=True)
    write("from-fastmcp.md", "public", table(PUBLIC_HEADS, rows) + _words())


def _words() -> str:
    return f"\nThe least of {RUNS} starts, and the median of {CALLS} further calls, measured {measured()}.\n"
