"""Discovery of the files of a Zig component: imported and embedded files, and their layout for the compiler."""

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
    """Return the source file and the files that it imports or embeds, transitively, by label.

    Missing files are omitted: the compiler reports them. Files outside of the project can be copies in a source
    distribution; see `wasmcp.toolchains.shared_sources`.

    Raises:
        ToolchainError: The source is missing.
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
