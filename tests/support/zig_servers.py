"""Servers with components in Zig: for server-to-client requests, stored values, the world around, grants, and changes.

Sources: `framework/chain/asker.zig`, `framework/chain/keeper.zig`, `world_tools.zig`, `granted_tools.zig`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.compose_inputs import METADATA, MIDDLEWARE
from wasmcp.component.canonical_abi import Case
from wasmcp.component.constant_component import constants
from wasmcp.component.types import Func
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.compose.composed_server import ComposedServer
from wasmcp.compose.framework import load_framework
from wasmcp.compose.grant_rules import read_grants
from wasmcp.compose.interfaces import RESOURCES
from wasmcp.package_data import guest_directory, wit_directory
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.zig import ZigToolchain, build_component, user_cache

ASKER = Path(__file__).parents[1] / "framework" / "chain" / "asker.zig"
ASKER_TOOLS = ("greet", "survey", "rounds", "visit", "trip")


def asker(folder: Path, *, environment: bool = False, settings: dict[str, str] | None = None) -> Path:
    """Build and compose it."""
    folder.mkdir(exist_ok=True)
    data = build_component(ASKER, wit_directory(), "tools-component", folder / "asker.wasm").read_bytes()
    tools = tuple({"name": name, "inputSchema": {"type": "object"}} for name in ASKER_TOOLS)
    spec = ComponentSpec("asker", data, Catalogue(tools=tools, digest="sha256:0"))
    path = folder / "server.wasm"
    compose_server([spec], ServerMetadata("asker", "1"), environment=environment, settings=settings).write(path)
    return path


KEEPER = Path(__file__).parents[1] / "framework" / "chain" / "keeper.zig"
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
        source.write_text(KEEPER.read_text("utf-8").replace('"do"', f'"{tool}"'), "utf-8")
        return build_component(source, wit, "keeper", Path(folder) / "keeper.wasm").read_bytes()


def keeping_server(path: Path, *grants: str, tools: tuple[str, ...] = ("do",), **options: Any) -> Path:
    """Compose it: a component for each tool, called `keeper of TOOL`."""
    specs = []
    for tool in tools:
        catalogue = Catalogue(tools=({"name": tool, "inputSchema": {"type": "object"}},))
        specs.append(ComponentSpec(f"keeper of {tool}", keeper(tool), catalogue, frozenset(grants)))
    compose_server(specs, ServerMetadata("keeper", "1"), **options).write(path)
    return path


WORLD_TOOLS = Path(__file__).with_name("world_tools.zig")
WORLD_OF_TOOLS = """
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


def _in_world(name: str, world: str, source: Path) -> bytes:
    """Build a component with a world of its own, which imports what the guest library does not."""
    with TemporaryDirectory() as folder:
        wit = Path(shutil.copytree(wit_directory(), Path(folder) / "wit"))
        (wit / f"{name}.wit").write_text(world)
        guest, output = guest_directory("zig"), Path(folder) / "tools.wasm"
        modules = {"wasmcp": guest / "wasmcp.zig", "author": source}
        build_component(guest / "component.zig", wit, name, output, modules=modules, cache=user_cache() / "zig")
        return output.read_bytes()


def world_server(path: Path) -> Path:
    """Build the component, write the server, and return its file."""
    spec = ComponentSpec("tools", _in_world("around", WORLD_OF_TOOLS, WORLD_TOOLS), None, GRANTS, dynamic=True)
    compose_server([spec], METADATA).write(path)
    return path


GRANTED_TOOLS = Path(__file__).with_name("granted_tools.zig")


GRANTED_WORLD = """
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
    return _in_world("granted", GRANTED_WORLD, GRANTED_TOOLS)


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


CHANGING = """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("change", "Change the tools.", change),
    mcp.tool("relist", "Change the resources.", relist),
    mcp.tool("update", "Change a resource.", update),
};

fn change(args: struct { times: u32 = 1 }, context: mcp.Context) []const u8 {
    for (0..args.times) |_| context.notifyToolsChanged();
    return "changed";
}

fn relist(_: struct {}, context: mcp.Context) []const u8 {
    context.notifyResourcesChanged();
    return "changed";
}

fn update(args: struct { uri: []const u8 }, context: mcp.Context) []const u8 {
    context.notifyResourceUpdated(args.uri);
    return "changed";
}
"""
CHANGING_TOOLS = ("change", "relist", "update")
CAPABILITIES = {"tools": {"listChanged": True}, "resources": {"listChanged": True, "subscribe": True}}


def changing_server(folder: Path) -> Path:
    """Build it; the path of its file."""
    (folder / "changing.zig").write_text(CHANGING, "utf-8")
    source = ComponentSource("changing", folder / "changing.zig", folder)
    built = folder / "changing.wasm"
    ZigToolchain().build(source, built, cache=folder / "cache", progress=lambda _: None)
    tools = tuple({"name": name, "inputSchema": {"type": "object"}} for name in CHANGING_TOOLS)
    server = compose_server(
        [
            ComponentSpec("changing", built, Catalogue(tools=tools)),
            ComponentSpec("resources", _resources(), grants=MIDDLEWARE),
        ],
        METADATA,
    )
    server.write(folder / "server.wasm")
    return folder / "server.wasm"


def _resources() -> bytes:
    """A component whose lists are empty."""

    def answers(_interface: str, name: str, _func: Func) -> Any:
        if name == "read-resource":
            return Case("ok", Case("none"))
        return Case("ok", {"items": [], "next": None, "cache": None})

    return constants({RESOURCES: load_framework()["resources-middleware"].wants(RESOURCES)}, answers)
