"""Servers of many components: open, first call, and calls of the first and the last component's tool."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.chain import compiled
from benchmarks.measure import Row, Table, median_seconds
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.host import open_server

COUNTS = (128, 256)
FIRST = ("add", {"a": 1, "b": 2})
LAST = ("measured", {"text": "x"})


def _catalogue(name: str) -> Catalogue:
    return Catalogue(tools=({"name": name, "inputSchema": {"type": "object"}},))


def _compose(specs: list[ComponentSpec], path: Path) -> Path:
    compose_server(specs, ServerMetadata("scale", "1")).write(path)
    return path


def _first_call(path: Path, tool: tuple[str, dict[str, object]]) -> float:
    begun = time.perf_counter()
    with open_server(path) as server:
        server.call_tool(*tool)
        return time.perf_counter() - begun


def _calls(path: Path, *tools: tuple[str, dict[str, object]]) -> list[float]:
    with open_server(path, instances=1) as server:
        return [median_seconds(lambda tool=tool: server.call_tool(*tool), runs=15, inner=50) for tool in tools]  # type: ignore[misc]


def rows(project: Path) -> list[Row | Table]:
    """Measure each number of components; the first and the last have the called tools."""
    add, measured = (compiled(project, "zig", f"zig/{name}.zig") for name in ("calc", "measured"))
    first = ComponentSpec("first", add, _catalogue("add"))
    last = ComponentSpec("last", measured, _catalogue("measured"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        alone = [
            _compose([first], folder / "first.wasm"),
            _compose([last], folder / "last.wasm"),
        ]
        single = [_calls(alone[0], FIRST)[0], _calls(alone[1], LAST)[0]]
        opened = statistics.median(_first_call(alone[0], FIRST) for _ in range(7))
        size = alone[0].stat().st_size
        figures = {"1 component": (opened * 1e3, single[0] * 1e6, single[1] * 1e6, size / 1e3)}
        for count in COUNTS:
            between = [ComponentSpec(f"filler-{n}", add, _catalogue(f"add-{n}")) for n in range(count - 2)]
            path = _compose([first, *between, last], folder / f"{count}.wasm")
            _first_call(path, LAST)
            opened = statistics.median(_first_call(path, LAST) for _ in range(7))
            calls = _calls(path, FIRST, LAST)
            figures[f"{count} components"] = (
                opened * 1e3,
                calls[0] * 1e6,
                calls[1] * 1e6,
                path.stat().st_size / 1e3,
            )
    columns = ("open and first call", "call of the first", "call of the last", "size")
    found: list[Row | Table] = [Table("servers of many components", columns, ("ms", "us", "us", "kB"), figures)]
    for count in COUNTS:
        many = figures[f"{count} components"]
        slowest = max(many[1] / 1e6 / single[0], many[2] / 1e6 / single[1])
        found += [
            Row(f"{count} components: open and first call", many[0], "ms", 25),
            Row(f"{count} components: slowest call / call of one", slowest, "x", 1.5),
        ]
    return found
