"""Cost of the framework itself: reading and writing messages, large results, one more component, many requests."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, least_seconds, median_seconds
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.compose.interfaces import MIDDLEWARE
from wasmcp.host import Server, open_server
from wasmcp.toolchains import ComponentSource, toolchain

COUNTS = (1, 4, 16, 64)
ARGUMENTS = {"100 B": ("x" * 100, 100), "100 KB": ("x" * 100_000, 20)}
"""What is sent, and how often in a batch."""
REQUESTS = 100_000


def compiled(project: Path, language: str, source: str) -> bytes:
    """Return a component of the benchmarks' project."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "component.wasm"
        made = ComponentSource(Path(source).stem, project / source, project)
        toolchain(language).build(made, output, cache=Path(scratch), progress=lambda _: None)
        return output.read_bytes()


def _catalogue(*names: str) -> Catalogue:
    return Catalogue(tools=tuple({"name": name, "inputSchema": {"type": "object"}} for name in names))


def composed(target: bytes, filler: bytes, count: int, *, dynamic: bool, folder: Path) -> Path:
    """Return a server of `count` components, the measured one at the end.

    `dynamic`: each is a separate server handler, called in turn; otherwise one table leads straight to the owner.
    """
    granted = frozenset({MIDDLEWARE}) if dynamic else frozenset()
    components = [
        ComponentSpec(
            name=f"filler-{n}", data=filler, catalogue=_catalogue(f"filler-{n}"), grants=granted, dynamic=dynamic
        )
        for n in range(count - 1)
    ]
    components.append(
        ComponentSpec(
            name="target", data=target, catalogue=_catalogue("measured", "large"), grants=granted, dynamic=dynamic
        )
    )
    path = folder / f"{count}-{dynamic}-{len(target)}.wasm"
    compose_server(components, ServerMetadata(name="chain", version="1")).write(path)
    return path


def _call(server: Server, text: str) -> Any:
    return server.call_tool("measured", {"text": text}).structured_content


def one_more(project: Path, folder: Path) -> list[Row]:
    """Return the time that one more component adds to a call: the slope between one component and 64."""
    filler = compiled(project, "zig", "zig/calc.zig")
    targets = {
        "Zig": compiled(project, "zig", "zig/measured.zig"),
        "Python": compiled(project, "python", "src/bench/measured.py"),
    }
    rows = []
    for language, target in targets.items():
        for dynamic in (False, True):
            times: dict[str, dict[int, float]] = {size: {} for size in ARGUMENTS}
            for count in COUNTS:
                with open_server(
                    composed(target, filler, count, dynamic=dynamic, folder=folder), instances=1
                ) as server:
                    for size, (text, calls) in ARGUMENTS.items():
                        assert _call(server, text) == {"result": len(text)}
                        times[size][count] = batched(server, text, calls)
            kind = "a link of its own" if dynamic else "in a segment"
            for size, measured in times.items():
                name = f"one more component, {kind}, {language}, {size}"
                slope = (measured[COUNTS[-1]] - measured[COUNTS[0]]) / (COUNTS[-1] - COUNTS[0])
                rows.append(Row(name, max(slope, 0.0) * 1e6, "us", 5))
                shown = ", ".join(f"{count}: {seconds * 1e6:.1f}" for count, seconds in measured.items())
                print(f"  {language}, {kind}, {size}: microseconds a call by number of components: {shown}")
    return rows


def batched(server: Server, text: str = "x" * 100, size: int = 100, *, runs: int = 30) -> float:
    """Seconds for one tools/call inside a batch (2025-03-26), without a call of the host or of Python for each.

    It is everything a call costs inside wasm: reading and writing JSON, the chain, the tool. Waking a thread up, which
    a call from outside pays as well, takes longer and varies by more.
    """
    params = {"name": "measured", "arguments": {"text": text}}
    single = {"jsonrpc": "2.0", "id": 0, "method": "tools/call", "params": params}
    initialize = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    server.send(json.dumps({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": initialize}))
    many, one = (json.dumps([{**single, "id": number} for number in range(count)]) for count in (size, 1))
    assert len(json.loads(server.send(many) or "[]")) == size
    longer = least_seconds(lambda: server.send(many), runs=runs, inner=5)
    return (longer - least_seconds(lambda: server.send(one), runs=runs, inner=5)) / (size - 1)


def kept(server: Server) -> float:
    """MiB by which this process has grown after 100,000 requests to one instance (Linux; 0 elsewhere)."""
    for _ in range(2000):
        _call(server, "x")
    before = _resident()
    for _ in range(REQUESTS):
        _call(server, "x")
    return max(_resident() - before, 0) / 2**20


def _resident() -> int:
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


def rows(project: Path) -> list[Row]:
    """All of them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        target = compiled(project, "zig", "zig/measured.zig")
        with open_server(composed(target, b"", 1, dynamic=False, folder=folder), instances=1) as server:
            large = median_seconds(lambda: server.call_tool("large", {}), runs=21)
            found = [
                Row("1 MB text result, whole chain and host", large * 1e3, "ms", 10),
                Row(f"memory kept after {REQUESTS:,} requests", kept(server), "MiB", 1),
                Row("tools/call inside wasm (batch), whole chain", batched(server) * 1e6, "us", 20),
            ]
        return found + one_more(project, folder)
