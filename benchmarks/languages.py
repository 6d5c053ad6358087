"""The same two tools in every language: time of a call, size and build time, compared with FastMCP and the SDK."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from benchmarks.measure import Row, median_seconds
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.errors import MissingToolchainError
from wasmcp.host import open_server
from wasmcp.toolchains import ComponentSource, toolchain

PROJECT = Path(__file__).parent / "polyglot"
ITEMS = [{"name": f"item {n}", "price": n * 1.5, "tags": ["a", "b", "c"]} for n in range(170)]
CALLS: Mapping[str, dict[str, Any]] = {"add": {"a": 1.5, "b": 2}, "reverse": {"items": ITEMS}}
WHAT = {"add": "two numbers", "reverse": "10 KB JSON"}
OVERHEAD = 60.0


@dataclass(frozen=True)
class Language:
    """One way to write the tools.

    Attributes:
        title: Its name in the rows.
        name: Of its toolchain.
        source: The file.
        options: Of the toolchain.
    """

    title: str
    name: str
    source: str
    options: Mapping[str, object]


LANGUAGES = (
    Language("Python", "python", "python/tools.py", {}),
    Language("TypeScript (QuickJS)", "typescript", "typescript/tools.ts", {"engine": "quickjs"}),
    Language("TypeScript (StarlingMonkey)", "typescript", "typescript/tools.ts", {"engine": "starlingmonkey"}),
    Language("Rust", "rust", "rust/tools.rs", {}),
    Language("Zig", "zig", "zig/tools.zig", {}),
)


def rows(only: str = "") -> list[Row]:
    """Measure each language whose compiler is installed."""
    peers = {name: _peers(name) for name in CALLS}
    found = []
    for language in (one for one in LANGUAGES if only in one.title):
        with tempfile.TemporaryDirectory() as scratch:
            try:
                found += _language(language, Path(scratch), peers)
            except MissingToolchainError as missing:
                print(f"{language.title}: not measured: {missing}")
    return found


def _language(language: Language, folder: Path, peers: Mapping[str, Mapping[str, float]]) -> list[Row]:
    project = Path(shutil.copytree(PROJECT, folder / "project"))
    source = ComponentSource("tools", project / language.source, project, options=language.options)
    tools, output = toolchain(language.name), folder / "component.wasm"
    # The first build of all fills the compiler's own caches; what a change costs is the second.
    tools.build(source, output, cache=folder / "cache", progress=lambda _: None)
    with source.path.open("a", encoding="utf-8") as file:
        file.write("\n# changed\n" if language.name == "python" else "\n// changed\n")
    begun = time.perf_counter()
    tools.build(source, output, cache=folder / "cache", progress=lambda _: None)
    built = time.perf_counter() - begun
    title = language.title
    found = [
        Row(f"{title}: build after a change", built, "s"),
        Row(f"{title}: size of the component", output.stat().st_size / 1e3, "kB"),
    ]
    path = folder / "server.wasm"
    names = [*CALLS, *(["overhead"] if language.name == "python" else [])]
    catalogue = Catalogue(tools=tuple({"name": name, "inputSchema": {"type": "object"}} for name in names))
    compose_server([ComponentSpec("tools", output.read_bytes(), catalogue)], ServerMetadata("languages", "1")).write(
        path
    )
    with open_server(path) as server:
        for name, arguments in CALLS.items():
            seconds = median_seconds(lambda n=name, a=arguments: server.call_tool(n, a), inner=50)
            for peer, peer_seconds in peers[name].items():
                row = f"{title}: tools/call, {WHAT[name]}"
                found.append(Row(row, seconds * 1e3, "ms", None, peer, peer_seconds * 1e3))
        if language.name == "python":
            least = server.call_tool("overhead", {"runs": 2000}).structured_content["result"]
            found.append(Row("Python: our time in a call, beyond the function", least, "us", OVERHEAD))
    return found


def _peers(name: str) -> dict[str, float]:
    """Seconds of one call of the same tool, in memory, by peer."""
    return {
        "FastMCP, in memory": anyio.run(_fastmcp, name),
        "official SDK, in memory": anyio.run(_official, name),
    }


async def _official(name: str) -> float:
    from mcp import Client
    from mcp.server import MCPServer

    from benchmarks.peers import tools

    server = MCPServer("peer")
    for function in (tools.add, tools.reverse):
        server.tool()(function)
    async with Client(server) as client:
        return await _median(lambda: client.call_tool(name, CALLS[name]))


async def _fastmcp(name: str) -> float:
    from fastmcp import Client, FastMCP

    from benchmarks.peers import tools

    server = FastMCP("peer")
    for function in (tools.add, tools.reverse):
        server.tool(function)
    async with Client(server) as client:
        return await _median(lambda: client.call_tool(name, CALLS[name]))


async def _median(call: Callable[[], Awaitable[Any]]) -> float:
    samples = []
    for _ in range(100):
        begun = time.perf_counter()
        await call()
        samples.append(time.perf_counter() - begun)
    return statistics.median(samples)
