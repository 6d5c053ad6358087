"""The files that a Zig component is made of: what its source imports and embeds, and where the compiler finds them."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.shared_sources import carried_name, is_outside, repository_root

_IMPORT = re.compile(r'@(?:import|embedFile)\s*\(\s*"((?:[^"\\]|\\.)*)"\s*\)')
_MODULE = "wasmcp_author.zig"


def reachable(source: ComponentSource) -> dict[str, Path]:
    """Return the source file and the files that it imports or embeds, and those that they import, by label.

    Files that are not there are left out: the compiler names them. Those outside of the project may be copies that a
    source distribution carries; see `wasmcp.toolchains.shared_sources`.

    Raises:
        ToolchainError: The source is not there.
    """
    if not source.path.is_file():
        raise ToolchainError(
            f"component `{source.name}`: `{source.label}` is not there", source=source.label, toolchain="zig"
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
        # A name in a comment costs a rebuild too many, never one too few. An escaped name is no file's.
        for name in _IMPORT.findall(path.read_text("utf-8", "replace")):
            other = posixpath.normpath(posixpath.join(posixpath.dirname(label), name))
            target = _located(source.root, other)
            if target.is_file():
                waiting[other] = target
    return dict(sorted(found.items()))


def shared(source: ComponentSource, files: Mapping[str, Path]) -> frozenset[str]:
    """Return the labels of the files outside of the project that it may use: those of its repository."""
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
    """The module of an author's files, as the compiler takes it.

    Attributes:
        root_file: Its root file.
        directory: The directory that the compiler's messages name files relative to.
        labels: How the compiler names copied files -> their labels.
    """

    root_file: Path
    directory: Path
    labels: Mapping[str, str]

    def with_labels(self, words: str) -> str:
        """Return what the compiler said with the labels of files."""
        for name, label in self.labels.items():
            words = re.sub(rf"(?<![\w./-]){re.escape(name)}(?=:\d)", label, words)
        return words


@contextmanager
def author_module(source: ComponentSource) -> Iterator[AuthorModule]:
    """Make the author's module.

    The compiler reads no file outside the directory of a module's root file. A source that imports files from elsewhere
    is compiled from a copy of them, at the same places below a root file of ours.
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
    """Return the place of a file; not `resolve`: below a linked folder, labels would leave the project."""
    carried = root / carried_name(label)
    return carried if is_outside(label) and carried.is_file() else Path(os.path.normpath(root / label))
