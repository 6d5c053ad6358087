"""Server whose one component sends requests to its client: `framework/chain/asker.zig`."""

from __future__ import annotations

from pathlib import Path

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.zig import build_component

SOURCE = Path(__file__).parents[1] / "framework" / "chain" / "asker.zig"
TOOLS = ("greet", "survey", "rounds", "visit", "trip")


def asker(folder: Path, *, environment: bool = False, settings: dict[str, str] | None = None) -> Path:
    """Build and compose it."""
    folder.mkdir(exist_ok=True)
    data = build_component(SOURCE, wit_directory(), "tools-component", folder / "asker.wasm").read_bytes()
    tools = tuple({"name": name, "inputSchema": {"type": "object"}} for name in TOOLS)
    spec = ComponentSpec("asker", data, Catalogue(tools=tools, digest="sha256:0"))
    path = folder / "server.wasm"
    compose_server([spec], ServerMetadata("asker", "1"), environment=environment, settings=settings).write(path)
    return path
