"""Composing ten components, and the hook's own time in a build where nothing changed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchmarks.measure import Row, median_seconds
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.project import ensure_built
from wasmcp.toolchains import ComponentSource, toolchain

EXAMPLE = Path(__file__).parent.parent / "example-project"


def ten(component: bytes) -> list[ComponentSpec]:
    """Ten components of one tool each."""
    schema = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}
    return [
        ComponentSpec(
            name=f"component-{n}",
            data=component,
            catalogue=Catalogue(tools=({"name": f"add-{n}", "inputSchema": schema},)),
            grants=frozenset(),
        )
        for n in range(10)
    ]


def compiled(project: Path) -> bytes:
    """Return the Zig component of the benchmarks' project."""
    source = ComponentSource("calc", project / "zig" / "calc.zig", project)
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "calc.wasm"
        toolchain("zig").build(source, output, cache=Path(scratch), progress=lambda _: None)
        return output.read_bytes()


def rows(project: Path) -> list[Row]:
    """Both figures."""
    specs, metadata = ten(compiled(project)), ServerMetadata(name="ten", version="1")
    composing = median_seconds(lambda: compose_server(specs, metadata))
    with tempfile.TemporaryDirectory() as scratch:
        ignored = shutil.ignore_patterns("_wasmcp", "dist", "__pycache__")
        example = shutil.copytree(EXAMPLE, Path(scratch) / "project", ignore=ignored)
        ensure_built(example)
        unchanged = median_seconds(lambda: ensure_built(example))
    return [
        Row("composing ten components, catalogues given", composing * 1e3, "ms", 100),
        Row("the hook's own time, nothing changed", unchanged * 1e3, "ms", 200),
    ]
