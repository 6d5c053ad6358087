"""Sizes, in kilobytes (1000 bytes)."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure import Row
from wasmcp import package_data
from wasmcp.project import ensure_built

CHAIN = (
    "transport",
    "server-io",
    "tools-middleware",
    "resources-middleware",
    "prompts-middleware",
    "completions-middleware",
    "catalogue",
    "method-not-found",
)
"""The chain of a server of components with fixed lists. What else the framework has is composed only where it is
used."""


def rows(project: Path) -> list[Row]:
    """Measure the framework, and a whole server with one Zig tool without and with authorization.

    Args:
        project: The folder of the project of the benchmarks.
    """
    bytes_of = {name: ensure_built(project, name).stat().st_size for name in ("open", "zig")}
    chain, authorization = (
        sum(package_data.framework_component(name).stat().st_size for name in names)
        for names in (CHAIN, ("authorization",))
    )
    return [
        Row("components of the chain", chain / 1e3, "kB", 300),
        Row("component of authorization", authorization / 1e3, "kB", 200),
        Row("server with one Zig tool, without authorization", bytes_of["open"] / 1e3, "kB", 400),
        Row("server with one Zig tool, with authorization", bytes_of["zig"] / 1e3, "kB"),
    ]
