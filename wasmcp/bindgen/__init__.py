"""Generator of Zig bindings from WIT: types, imports, exports and resources of one world.

`README.md` in this directory describes the generated code and its use in a component. The Canonical ABI itself is
`zig/abi.zig`, generic code that is copied next to the generated file.
"""

from __future__ import annotations

from pathlib import Path

from wasmcp.bindgen.resolved import Resolved
from wasmcp.bindgen.zig import write_bindings
from wasmcp.file_writing import write_if_changed

RUNTIME = Path(__file__).parent / "zig"
"""Directory of the Zig runtime files, which are copied next to generated bindings."""


def generate(wit: str | Path, world: str, out: str | Path) -> Path:
    """Generate the Zig bindings of a world.

    Args:
        wit: A directory with WIT files and its `deps` folder, or one WIT file.
        world: The name of a world of its main package.
        out: The directory to write to; created if missing. Files with unchanged contents are not rewritten.

    Returns:
        The path of `bindings.zig` in it. `abi.zig` and the other runtime files are in the same directory.

    Raises:
        BindgenError: The package is invalid, does not have the world, or uses types that bindings do not support (async
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
