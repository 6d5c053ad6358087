"""WIT packages of wasmcp for projects, written to the place where WIT tools look for dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wasmcp.errors import WitError
from wasmcp.file_writing import write_atomically
from wasmcp.package_data import wit_directory

_PACKAGE = re.compile(r"^package\s+([a-z0-9:-]+)@([0-9A-Za-z.+-]+)\s*;", re.MULTILINE)
_ITEM = re.compile(r"^(interface|world)\s+([a-z0-9-]+)\s*\{", re.MULTILINE)


@dataclass(frozen=True)
class WitPackage:
    """WIT package that comes with wasmcp.

    Attributes:
        name: Its name with its namespace: `wasi:io`.
        version: The version of its `package` line.
        folder: The name of its folder below `deps/`.
        files: File name -> text.
    """

    name: str
    version: str
    folder: str
    files: dict[str, str]

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name}@{self.version}"

    def items(self, kind: str) -> list[str]:
        """Return the names of its `interface`s or `world`s."""
        return [name for found, name, _ in self._items() if found == kind]

    def item(self, name: str) -> str | None:
        """Return the text of an interface or world, with the comment before it; None if it is missing."""
        texts = [text for _, found, text in self._items() if found == name]
        return "\n".join(texts) or None

    def _items(self) -> Iterator[tuple[str, str, str]]:
        for text in self.files.values():
            for match in _ITEM.finditer(text):
                yield match[1], match[2], text[_comment_start(text, match.start()) : _block_end(text, match.end())]


@dataclass(frozen=True)
class Written:
    """Result of `write_deps`.

    Attributes:
        files: The files that were written or replaced.
        unchanged: The files that existed already.
        elsewhere: Package -> the file outside of wasmcp's folder that declares it; it was left out.
    """

    files: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    elsewhere: dict[str, Path]


def wit_packages() -> list[WitPackage]:
    """Return the WIT packages that components are built against, those of wasmcp first.

    Raises:
        MissingPackageDataError: The installation is incomplete.
    """
    root = wit_directory()
    folders = [("", root), *((path.name, path) for path in sorted((root / "deps").iterdir()) if path.is_dir())]
    packages = []
    for folder, path in folders:
        files = {file.name: file.read_text("utf-8") for file in sorted(path.glob("*.wit"))}
        declared = next((found for found in map(_PACKAGE.search, files.values()) if found is not None), None)
        if declared is not None:
            name, version = declared.groups()
            packages.append(WitPackage(name, version, folder or name.replace(":", "-"), files))
    return packages


def write_deps(directory: Path, *, replace: bool = False) -> Written:
    """Write the packages to `DIRECTORY/deps/PACKAGE/`, where WIT tools look for the dependencies of `DIRECTORY`.

    Nothing is written unless all of it can be. A package that another file declares is left out, because WIT tools
    reject a package that occurs twice.

    Args:
        directory: A project's WIT folder; created if missing.
        replace: Replace files that differ.

    Raises:
        WitError: Files differ from those of wasmcp, or cannot be written.
    """
    deps = directory / "deps"
    elsewhere = _declared(deps)
    texts: dict[Path, str] = {}
    left_out: dict[str, Path] = {}
    for package in wit_packages():
        folder = deps / package.folder
        other = next((path for path in elsewhere.get(package.title, ()) if path.parent != folder), None)
        if other is not None:
            left_out[package.title] = other
        else:
            texts |= {folder / name: text for name, text in package.files.items()}
    try:
        same = [path for path, text in texts.items() if path.is_file() and path.read_text("utf-8") == text]
        different = [path for path in texts if path not in same and path.exists()]
        if different and not replace:
            raise WitError(directory, different)
        for path, text in texts.items():
            if path not in same:
                write_atomically(path, text.encode())
    except (OSError, UnicodeDecodeError) as error:
        raise WitError(directory, (), str(getattr(error, "strerror", None) or error)) from error
    return Written(tuple(path for path in texts if path not in same), tuple(same), left_out)


def _declared(deps: Path) -> dict[str, list[Path]]:
    """Return the files below a folder that declare each package."""
    found: dict[str, list[Path]] = {}
    for path in sorted(deps.rglob("*.wit")):
        match = _PACKAGE.search(path.read_text("utf-8", "replace"))
        if match is not None:
            found.setdefault(f"{match[1]}@{match[2]}", []).append(path)
    return found


def _comment_start(text: str, start: int) -> int:
    """Return the position of the documentation and the annotations before an item."""
    while start:
        before = text.rfind("\n", 0, start - 1) + 1
        if not text[before:start].startswith(("///", "@")):
            break
        start = before
    return start


def _block_end(text: str, position: int) -> int:
    """Return the end of the block whose brace was opened just before; braces in comments do not count."""
    depth = 1
    for match in re.compile(r"//[^\n]*|/\*.*?\*/|[{}]", re.DOTALL).finditer(text, position):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return len(text)
