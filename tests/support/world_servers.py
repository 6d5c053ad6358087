"""Server with one Zig component that uses the world around it: `world_tools.zig`."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from support.compose_inputs import METADATA
from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.package_data import guest_directory, wit_directory
from wasmcp.toolchains.zig import build_component, user_cache

SOURCE = Path(__file__).with_name("world_tools.zig")
WORLD = """
package wasmcp:mcp-v20260728@0.1.0;

world around {
  import messages;
  include http-imports;
  include kv-imports;
  include config-imports;
  import wasi:clocks/wall-clock@0.2.8;
  import wasi:random/random@0.2.8;
  import wasi:cli/environment@0.2.8;
  import wasi:cli/stderr@0.2.8;
  export tools;
}
"""
GRANTS = frozenset({"http", "kv", "env", "middleware"})


def world_server(path: Path) -> Path:
    """Build the component, write the server, and return its file."""
    with TemporaryDirectory() as folder:
        wit = Path(shutil.copytree(wit_directory(), Path(folder) / "wit"))
        (wit / "around.wit").write_text(WORLD)
        guest, output = guest_directory("zig"), Path(folder) / "tools.wasm"
        modules = {"wasmcp": guest / "wasmcp.zig", "author": SOURCE}
        build_component(guest / "component.zig", wit, "around", output, modules=modules, cache=user_cache() / "zig")
        spec = ComponentSpec("tools", output.read_bytes(), None, GRANTS, dynamic=True)
    compose_server([spec], METADATA).write(path)
    return path
