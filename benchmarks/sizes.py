"""Sizes, in kilobytes (1000 bytes)."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Row
from wasmcp import resources

FRAMEWORK = ("transport", "server-io", "tools-middleware", "catalogue", "method-not-found")


def rows(zig_server: Path) -> list[Row]:
    """The framework, and a whole server with one Zig tool."""
    framework = sum(resources.framework_component(name).stat().st_size for name in FRAMEWORK)
    return [
        Row("framework components of a server of tools", framework / 1e3, "kB", 300),
        Row("server with one Zig tool", zig_server.stat().st_size / 1e3, "kB", 400),
    ]
