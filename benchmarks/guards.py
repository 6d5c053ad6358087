"""Cost of guards: calls through the guard of a grant with rules, against the same calls with the whole family."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, least_seconds
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.compose.grant_rules import read_grants
from wasmcp.host import Server, open_server
from wasmcp.package_data import guest_directory, wit_directory
from wasmcp.toolchains.zig import build_component

TOOLS = {"requests": 200, "values": 200, "stats": 200, "opens": 200, "reads": 200}
"""Tools, and the calls that each makes in one measurement."""
AUTHORITY = "127.0.0.1:9"
WHOLE: Mapping[str, Any] = {"http": True, "kv": True, "fs": True}
RULES: Mapping[str, Any] = {
    "http": [*(f"https://host-{number}.example.org" for number in range(9)), f"http://{AUTHORITY}"],
    "kv": ["bucket:"],
    "fs": ["/data"],
}
ROUNDS = 5
"""Rounds, in each of which both servers are measured: the engine's calls of the system run in threads of its own, and
take three times as long in a process whose threads are on two cores."""
LIMIT = 10.0
"""Most microseconds that a guard may add to an outgoing request."""
WORLD = """
package wasmcp:mcp-v20260728@0.1.0;

world guarded {
  import messages;
  include http-imports;
  include kv-imports;
  import wasi:filesystem/preopens@0.2.8;
  import wasi:cli/environment@0.2.8;
  import wasi:cli/stderr@0.2.8;
  include config-imports;
  include sessions-imports;
  export tools;
}
"""


def component(source: Path) -> bytes:
    """Compile the component; its world has the file system, which the guest library has not."""
    with tempfile.TemporaryDirectory() as folder:
        wit = Path(shutil.copytree(wit_directory(), Path(folder) / "wit"))
        (wit / "guarded.wit").write_text(WORLD)
        guest, output = guest_directory("zig"), Path(folder) / "guarded.wasm"
        modules = {"wasmcp": guest / "wasmcp.zig", "author": source}
        build_component(guest / "component.zig", wit, "guarded", output, modules=modules)
        return output.read_bytes()


def server(data: bytes, grants: Mapping[str, Any], path: Path) -> Path:
    """Compose a server with these grants."""
    families, rules = read_grants(grants, print)
    catalogue = Catalogue(tools=tuple({"name": name, "inputSchema": {"type": "object"}} for name in TOOLS))
    spec = ComponentSpec("guarded", data, catalogue, families, rules=rules)
    compose_server([spec], ServerMetadata(name="guards", version="1")).write(path)
    return path


def microseconds(opened: Server, name: str) -> float:
    """Return the time of one call that a tool makes."""
    arguments = {"count": TOOLS[name]} | ({"authority": AUTHORITY} if name == "requests" else {})

    def call() -> None:
        result = opened.call_tool(name, arguments)
        assert not result.is_error, result.content

    call()
    return least_seconds(call, runs=15, inner=1) * 1e6 / TOOLS[name]


def rows(project: Path) -> list[Row]:
    """Return the time that guards add to a call."""
    data = component(project / "zig" / "guarded.zig")
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "data").mkdir()
        (folder / "data" / "file").write_bytes(bytes(4096))
        paths = {
            kind: server(data, grants, folder / f"{kind}.wasm") for kind, grants in (("whole", WHOLE), ("rules", RULES))
        }
        times = {kind: dict.fromkeys(TOOLS, inf) for kind in paths}
        for _ in range(ROUNDS):
            for kind, path in paths.items():
                with open_server(path, instances=1, directories=[(str(folder / "data"), "/data", True)]) as opened:
                    times[kind] = {name: min(least, microseconds(opened, name)) for name, least in times[kind].items()}
    words = {
        "requests": "a guard, per outgoing request (10 rules)",
        "values": "a guard, per `exists` of a key-value store",
        "stats": "a guard, per `stat-at` of a file",
        "opens": "a guard, per `open-at` and close of a file",
        "reads": "a guard, per `read` of 4 KiB of a file",
    }
    for name, text in words.items():
        added = times["rules"][name] - times["whole"][name]
        target = LIMIT if name == "requests" else None
        found.append(Row(text, added, "us", target=target, higher_is_better=False))
        found.append(Row(f"  without one ({name})", times["whole"][name], "us", higher_is_better=False))
    return found
