"""Servers with one Zig component that uses what grants give, composed with any grants."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.compose_inputs import METADATA
from wasmcp.compose import ComponentSpec, compose_server
from wasmcp.compose.grant_rules import read_grants
from wasmcp.compose.server import ComposedServer
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.zig import ZigToolchain, user_cache

SOURCE = Path(__file__).with_name("granted_tools.zig")


@lru_cache(maxsize=1)
def granted_tools() -> bytes:
    """The component; see `granted_tools.zig`."""
    with TemporaryDirectory() as folder:
        output = Path(folder) / "tools.wasm"
        source = ComponentSource("tools", SOURCE, SOURCE.parent)
        ZigToolchain().build(source, output, cache=user_cache(), progress=lambda _: None)
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
