"""Servers whose components keep values: `framework/chain/keeper.zig`."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.package_data import wit_directory
from wasmcp.toolchains.zig import build_component

SOURCE = Path(__file__).parents[1] / "framework" / "chain" / "keeper.zig"
WORLD = """\
package wasmcp:mcp-v20260728@0.1.0;

world keeper {
  import messages;
  import key-value;
  import sessions;
  export tools;
}
"""


@lru_cache
def keeper(tool: str = "do") -> bytes:
    """Build the component, its tool under this name."""
    with TemporaryDirectory() as folder:
        wit = Path(shutil.copytree(wit_directory(), Path(folder) / "wit"))
        (wit / "keeper.wit").write_text(WORLD, "utf-8")
        source = Path(folder) / "keeper.zig"
        source.write_text(SOURCE.read_text("utf-8").replace('"do"', f'"{tool}"'), "utf-8")
        return build_component(source, wit, "keeper", Path(folder) / "keeper.wasm").read_bytes()


def keeping_server(path: Path, *grants: str, tools: tuple[str, ...] = ("do",), **options: Any) -> Path:
    """Compose it: a component for each tool, called `keeper of TOOL`."""
    specs = []
    for tool in tools:
        catalogue = Catalogue(tools=({"name": tool, "inputSchema": {"type": "object"}},))
        specs.append(ComponentSpec(f"keeper of {tool}", keeper(tool), catalogue, frozenset(grants)))
    compose_server(specs, ServerMetadata("keeper", "1"), **options).write(path)
    return path
