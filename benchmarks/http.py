"""Requests over HTTP: a small tool, a tool that waits, large arguments and results; ours and the peers, in turn."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import load
from benchmarks.load import Load, Workload
from benchmarks.measure import Row, Table
from benchmarks.processes import Contender, http_contenders, running
from wasmcp.host import open_server

ROUNDS = 3
WARM = Workload(connections=4, seconds=1)
BEST = "official SDK, low-level"
COLUMNS = ("requests/s", "CPU per request", "median", "p99", "errors")
UNITS = ("", "us", "ms", "ms", "")


def compare(contenders: Sequence[Contender], work: Workload, *, rounds: int = ROUNDS) -> dict[str, Load]:
    """Return the medians of each server. Each round measures all of them, so that a drift of the machine meets all.

    A server starts once a round and gets some requests first.
    """
    found: dict[str, list[Load]] = {one.name: [] for one in contenders}
    for _ in range(rounds):
        for contender in contenders:
            with running(contender) as server:
                load.run(server, Workload(work.tool, WARM.connections, WARM.seconds, work.size), checked=False)
                found[contender.name].append(load.run(server, work, checked=contender.tools))
    return {name: load.median(loads) for name, loads in found.items()}


def table(title: str, found: dict[str, Load]) -> Table:
    """Return the table of a comparison."""
    rows = {name: (one.rate, one.cpu_us, one.p50_ms, one.p99_ms, one.errors) for name, one in found.items()}
    return Table(title, COLUMNS, UNITS, rows)


def small(contenders: Sequence[Contender]) -> list[Row | Table]:
    """Measure `add` at 16 connections."""
    found = compare(contenders, Workload())
    best = found[BEST]
    rows: list[Row | Table] = [table("HTTP: `add`, 16 connections", found)]
    for language, cpu, factor in (("Zig", 100.0, 4.0), ("Python", 200.0, 2.0)):
        one = found[f"wasmcp serve, {language}"]
        name = f"HTTP: `add`, {language}"
        rows += [
            Row(f"{name}: CPU per request", one.cpu_us, "us", cpu, BEST, best.cpu_us),
            Row(f"{name}: CPU, SDK / ours", best.cpu_us / one.cpu_us, "x", factor, higher_is_better=True),
            Row(f"{name}: requests/s", one.rate, "1/s", None, BEST, best.rate, higher_is_better=True),
            Row(f"{name}: p99", one.p99_ms, "ms", 5, BEST, best.p99_ms),
        ]
    return rows


def waiting(contenders: Sequence[Contender]) -> list[Row | Table]:
    """Measure 16 clients of a tool that waits for 200 ms, and one client of `add` next to them."""
    waits: dict[str, list[Load]] = {one.name: [] for one in contenders}
    quick: dict[str, list[Load]] = {one.name: [] for one in contenders}
    for _ in range(ROUNDS):
        for contender in contenders:
            with running(contender) as server:
                load.run(server, Workload(seconds=1))
                load.run(server, Workload("wait", 16, 2))  # the number of instances grows on demand
                slow = load.begin(server, Workload("wait", 16, 5))
                time.sleep(1)
                quick[contender.name].append(load.run(server, Workload(connections=1, seconds=3)))
                waits[contender.name].append(load.finish(slow, 0))
    medians = {name: (load.median(waits[name]), load.median(quick[name])) for name in waits}
    rows = {
        name: (wait.rate, wait.p99_ms, add.p50_ms, add.p99_ms, wait.errors + add.errors)
        for name, (wait, add) in medians.items()
    }
    columns = ("waiting calls/s", "p99", "quick call, median", "quick call, p99", "errors")
    python = "wasmcp serve, Python"
    return [
        Table(
            "HTTP: 16 clients of a tool that waits 200 ms, and quick calls", columns, ("", "ms", "ms", "ms", ""), rows
        ),
        Row("HTTP: waiting calls/s, 16 clients, Python", rows[python][0], "1/s", 75, higher_is_better=True),
        Row("HTTP: quick calls next to them, p99", rows[python][3], "ms", 20),
    ]


def large(contenders: Sequence[Contender]) -> list[Row | Table]:
    """Measure an argument and a result of 1 MB, four connections."""
    found = compare(contenders, Workload("echo", 4, 3, 1_000_000))
    rows: list[Row | Table] = [table("HTTP: argument and result of 1 MB, 4 connections", found)]
    for language in ("Zig", "Python"):
        one = found[f"wasmcp serve, {language}"]
        for against in (BEST, "official SDK, MCPServer"):
            name = f"HTTP: 1 MB, {language}: median"
            rows.append(Row(name, one.p50_ms, "ms", found[against].p50_ms, against, found[against].p50_ms))
    return rows


def rows(zig: Path, python: Path) -> list[Row | Table]:
    """Measure everything."""
    for path in (zig, python):  # the optimised code is in the cache then; without it a server starts with quick code
        with open_server(path) as server:
            server.list_tools()
    every = http_contenders(zig, python)
    tools = [one for one in every if one.tools and "h11" not in one.name and "uvicorn" not in one.name]
    python_and_peers = [one for one in tools if "Zig" not in one.name]
    return small(every) + waiting(python_and_peers) + large(tools)
