"""Sizes, in kilobytes (1000 bytes)."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Row
from wasmcp import package_data
from wasmcp.project import ensure_built

CHAIN = tuple(name for name in package_data.FRAMEWORK_COMPONENTS if "-store" not in name)
"""What a server's chain is made of. Stores are composed where a component keeps something, adapters where it is another
tool's."""


def rows(project: Path) -> list[Row]:
    """Measure the framework, and a whole server with one Zig tool without and with authorization.

    Args:
        project: The folder of the project of the benchmarks.
    """
    bytes_of = {name: ensure_built(project, name).stat().st_size for name in ("open", "zig")}
    chain = sum(package_data.framework_component(name).stat().st_size for name in CHAIN)
    return [
        Row("framework components together", chain / 1e3, "kB", 300),
        Row("server with one Zig tool, without authorization", bytes_of["open"] / 1e3, "kB", 400),
        Row("server with one Zig tool, with authorization", bytes_of["zig"] / 1e3, "kB"),
    ]
