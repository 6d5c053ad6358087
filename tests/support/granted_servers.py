"""Servers with one Zig component that uses what grants give, composed with any grants."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.compose_inputs import METADATA
from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.compose.composed_server import ComposedServer
from wasmcp.compose.grant_rules import read_grants
from wasmcp.package_data import guest_directory, wit_directory
from wasmcp.toolchains.zig import build_component, user_cache

SOURCE = Path(__file__).with_name("granted_tools.zig")


WORLD = """
package wasmcp:mcp-v20260728@0.1.0;

world granted {
  import messages;
  include http-imports;
  include kv-imports;
  include sessions-imports;
  include config-imports;
  import wasi:filesystem/preopens@0.2.8;
  import wasi:cli/environment@0.2.8;
  import wasi:cli/stderr@0.2.8;
  export tools;
}
"""


@lru_cache(maxsize=1)
def granted_tools() -> bytes:
    """The component; see `granted_tools.zig`. Its world has the file system, which the guest library does not have."""
    with TemporaryDirectory() as folder:
        wit = Path(shutil.copytree(wit_directory(), Path(folder) / "wit"))
        (wit / "granted.wit").write_text(WORLD)
        guest, output = guest_directory("zig"), Path(folder) / "tools.wasm"
        modules = {"wasmcp": guest / "wasmcp.zig", "author": SOURCE}
        build_component(guest / "component.zig", wit, "granted", output, modules=modules, cache=user_cache() / "zig")
        return output.read_bytes()


def composed(grants: Mapping[str, Any], **options: Any) -> ComposedServer:
    """Compose a server with these grants, as in `[tool.wasmcp.components.tools.grants]`."""
    problems: list[tuple[str, str]] = []
    families, rules = read_grants(grants, lambda place, problem: problems.append((place, problem)))
    assert problems == []
    spec = ComponentSpec("tools", granted_tools(), None, families | {"middleware"}, dynamic=True, rules=rules)
    return compose_server([spec], METADATA, **options)


def granted_server(path: Path, grants: Mapping[str, Any], **options: Any) -> Path:
    """Write a server with these grants, and return its file."""
    composed(grants, **options).write(path)
    return path
