"""Data files of a Python component: those of the option ``files``, and those of packages.

They are packed into one archive, which the guest library shows where the files would be (`wasmcp.guest.files`): next to
the modules that are imported from the same folder.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from wasmcp.errors import ToolchainError
from wasmcp.toolchains.base import ComponentSource, relative_label
from wasmcp.toolchains.python.dependencies import packages_of

ARCHIVE = "_wasmcp_files.bin"
"""Name of the archive in the folder of the application."""

INDEX = "_wasmcp_files.json"
"""Name of its index."""

MOST_FILES = 10_000
"""Maximum number of files of the option ``files``, and of the packages of one component."""

MOST_BYTES = 64 << 20
"""Maximum total size of the files of the option ``files``, in bytes."""

MOST_PACKAGE_BYTES = 256 << 20
"""Maximum total size of the data files of packages, in bytes."""

MOST_ENTRIES = 200_000
"""Maximum number of paths that the patterns of the option ``files`` search."""

_CODE = frozenset({
    ".a", ".c", ".cc", ".cpp", ".dll", ".dylib", ".h", ".hpp", ".lib", ".pxd", ".pxi", ".py", ".pyc", ".pyd", ".pyi",
    ".pyx", ".so", ".typed",
})  # fmt: skip
_UNREAD_METADATA = frozenset({"licenses", "sboms"})
_UNREAD_RECORDS = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})
_OUTPUTS = frozenset({"__pycache__", "_wasmcp"})


def files_of(source: ComponentSource) -> dict[str, Path]:
    """Return the files that the option ``files`` names: label -> path, sorted.

    Raises:
        ToolchainError: A pattern matches no file or a file that cannot be taken in, or there are too many files.
    """
    configured = source.options.get("files", [])
    patterns = [str(item) for item in configured] if isinstance(configured, list) else []
    search = _Search(source.root)
    found: dict[str, Path] = {}
    problems: list[str] = []
    for pattern in patterns:
        matched = {relative_label(path, source.root): path for path in search.matches(pattern)}
        if not matched and not search.problems:
            problems.append(f"`{pattern}` matches no file{_advice(source, pattern)}")
        found.update(matched)
    problems += search.problems
    total = sum(path.stat().st_size for path in found.values())
    if len(found) > MOST_FILES:
        problems.append(f"{len(found):,} files match, and a component can have {MOST_FILES:,}")
    if total > MOST_BYTES:
        problems.append(f"the files have {total:,} bytes, and a component can have {MOST_BYTES:,}")
    if problems:
        message = f"component `{source.name}`: `files`: {'; '.join(dict.fromkeys(problems))}"
        raise ToolchainError(message, source=source.label, toolchain="python")
    return dict(sorted(found.items()))


def _advice(source: ComponentSource, pattern: str) -> str:
    """Return what to do about a pattern that matches no file; empty if it is not known."""
    if (source.root / pattern).is_dir():
        return f": name its files, `{pattern.rstrip('/')}/**`"
    beside = source.path.parent
    if beside != source.root and _Search(beside).matches(pattern):
        full = f"{relative_label(beside, source.root)}/{pattern}"
        return f": patterns start at the folder of `pyproject.toml`, `{full}`"
    return ""


class _Search:
    """Search for the files of a project that match patterns.

    Names that begin with a dot are matched only by a part of a pattern that begins with one, as in a shell. Symbolic
    links are followed within the project.

    Attributes:
        problems: Matched paths that cannot be taken in.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._whole = root.resolve()
        self._seen = 0
        self.problems: list[str] = []

    def matches(self, pattern: str) -> list[Path]:
        """Return the files that match a pattern."""
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        return list(dict.fromkeys(self._below(self._root, parts, frozenset())))

    def _below(self, folder: Path, parts: Sequence[str], above: frozenset[Path]) -> Iterator[Path]:
        part, rest = parts[0], parts[1:]
        if part == "**" and rest:
            yield from self._below(folder, rest, above)
        for path in self._entries(folder):
            if not _fits(path.name, part) or not self._is_inside(path):
                continue
            if path.is_file():
                if not rest:
                    yield path
            elif path.is_dir():
                whole = path.resolve()
                if whole not in above and (rest or part == "**"):
                    yield from self._below(path, parts if part == "**" else rest, above | {whole})

    def _entries(self, folder: Path) -> list[Path]:
        try:
            found = sorted(path for path in folder.iterdir() if path.name not in _OUTPUTS)
        except OSError as error:
            self.problems.append(f"`{relative_label(folder, self._root)}` cannot be read: {error.strerror}")
            return []
        self._seen += len(found)
        if self._seen > MOST_ENTRIES:
            self.problems.append(f"the patterns search more than {MOST_ENTRIES:,} paths: name a folder")
            return []
        return found

    def _is_inside(self, path: Path) -> bool:
        if not path.is_symlink():
            return True
        label = relative_label(path, self._root)
        try:
            whole = path.resolve(strict=True)
        except (OSError, RuntimeError):
            self.problems.append(f"`{label}` is a symbolic link to nothing")
            return False
        if whole.is_relative_to(self._whole):
            return True
        self.problems.append(f"`{label}` is a symbolic link that leads out of the project")
        return False


def _fits(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return part == "**" or _expression(part).fullmatch(name) is not None


def _expression(part: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in part), re.DOTALL)


def own_places(source: ComponentSource, files: Mapping[str, Path], folders: Sequence[Path]) -> dict[str, Path]:
    """Return path in the component -> path, for the files of the option ``files``.

    A file below a folder that modules are imported from is next to those modules. Another one has the same relative
    path from the source root as in the project.

    Args:
        source: The component.
        files: The result of `files_of`.
        folders: The folders that modules are imported from; the first is the source root.

    Raises:
        ToolchainError: Two files have the same path in the component.
    """
    found: dict[str, Path] = {}
    problems: list[str] = []
    for path in files.values():
        holding = [folder for folder in folders if path.is_relative_to(folder)]
        base = max(holding, key=lambda folder: len(folder.parts), default=folders[0])
        relative = os.path.relpath(path, base).replace("\\", "/")
        place = posixpath.normpath(posixpath.join("/0", relative))
        if place in found:
            both = " and ".join(f"`{relative_label(one, source.root)}`" for one in (found[place], path))
            problems.append(f"{both} have the same path in the component, `{place}`")
        found[place] = path
    if problems:
        message = f"component `{source.name}`: `files`: {'; '.join(problems)}"
        raise ToolchainError(message, source=source.label, toolchain="python")
    return found


def package_places(source: ComponentSource, fetched: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Return path in the component -> path, for the data files of packages, and the metadata of all distributions.

    Args:
        source: The component.
        fetched: The folder of the packages.
        packages: The import packages whose files are taken.

    Raises:
        ToolchainError: The files are too many or too large.
    """
    found = [
        path
        for package in sorted(packages)
        for path in sorted((fetched / package).rglob("*"))
        if path.suffix not in _CODE and "__pycache__" not in path.parts and path.is_file()
    ]
    for metadata in sorted(fetched.glob("*.dist-info")):
        found += [
            path
            for path in sorted(metadata.rglob("*"))
            if path.is_file()
            and path.relative_to(metadata).parts[0] not in _UNREAD_METADATA
            and path.name not in _UNREAD_RECORDS
        ]
    total = sum(path.stat().st_size for path in found)
    if len(found) > MOST_FILES or total > MOST_PACKAGE_BYTES:
        owners = packages_of(fetched)
        sizes: dict[str, int] = {}
        for path in found:
            name = path.relative_to(fetched).as_posix()
            owner = owners.get(name, name.partition("/")[0])
            sizes[owner] = sizes.get(owner, 0) + path.stat().st_size
        largest = max(sizes, key=lambda owner: sizes[owner])
        message = (
            f"component `{source.name}`: its packages have {len(found):,} data files of {total:,} bytes, most of them "
            f"`{largest}`; a component can have {MOST_FILES:,} files of {MOST_PACKAGE_BYTES:,} bytes"
        )
        raise ToolchainError(message, source=source.label, toolchain="python")
    return {f"/0/{path.relative_to(fetched).as_posix()}": path for path in found}


def stage_archive(places: Mapping[str, Path], application: Path) -> bool:
    """Write the archive and its index into the folder of the application; return False without files."""
    from wasmcp.guest.files import pack

    if not places:
        return False
    data, index = pack({place: path.read_bytes() for place, path in places.items()})
    (application / ARCHIVE).write_bytes(data)
    (application / INDEX).write_text(json.dumps(index), encoding="utf-8")
    return True
