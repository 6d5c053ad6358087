"""Sizes, in kilobytes (1000 bytes)."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Row
from wasmcp import package_data

CHAIN = tuple(name for name in package_data.FRAMEWORK_COMPONENTS if "-store" not in name)
"""What a server's chain is made of. Stores are composed where a component keeps something, adapters where it is another
tool's."""


def rows(zig_server: Path) -> list[Row]:
    """Measure the framework and a whole server with one Zig tool."""
    chain = sum(package_data.framework_component(name).stat().st_size for name in CHAIN)
    return [
        Row("framework components together", chain / 1e3, "kB", 300),
        Row("server with one Zig tool", zig_server.stat().st_size / 1e3, "kB", 400),
    ]
