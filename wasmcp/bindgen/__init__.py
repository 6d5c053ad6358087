"""Zig bindings from WIT: types, imports, exports and resources of one world.

What is generated, and how a component is written with it, is told in `README.md` beside this file. The Canonical ABI
itself is `zig/abi.zig`, generic code that is copied beside what is generated.
"""

from __future__ import annotations

from pathlib import Path

from wasmcp.bindgen.files import write_if_changed
from wasmcp.bindgen.resolved import Resolved
from wasmcp.bindgen.writer import write_bindings

RUNTIME = Path(__file__).parent / "zig"
"""The Zig files that generated bindings need beside them."""


def generate(wit: str | Path, world: str, out: str | Path) -> Path:
    """Generate the Zig bindings of a world.

    Args:
        wit: A directory with WIT files and its `deps` folder, or one WIT file.
        world: The name of a world of its main package.
        out: The directory to write to; made when missing. Files that would not change are not touched.

    Returns:
        The path of `bindings.zig` in it. `abi.zig` and the other runtime files lie beside it.

    Raises:
        BindgenError: The package is not valid, has no such world, or uses what bindings can't express (async
            functions, streams, futures and other types of WASI 0.3).
        MissingToolchainError: wasm-tools is not installed.
    """
    text = write_bindings(Resolved(wit, world))
    directory = Path(out)
    directory.mkdir(parents=True, exist_ok=True)
    for file in sorted(RUNTIME.glob("*.zig")):
        write_if_changed(directory / file.name, file.read_text("utf-8"))
    write_if_changed(directory / "bindings.zig", text)
    return directory / "bindings.zig"


__all__ = ["RUNTIME", "generate"]
