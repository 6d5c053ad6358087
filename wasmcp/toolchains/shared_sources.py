"""Sources shared by the projects of one repository: folders outside of a project, and their copies in an sdist.

A project can use a folder outside of it, ``../../shared``, in the same repository: every checkout contains it. A source
distribution is unpacked without the repository, so it contains copies of the used files below `CARRIED`, where
``../../`` becomes ``up2/``. Labels, and therefore digests, are the same in both places.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

CARRIED = "_wasmcp_sources"
"""The folder of a source distribution for copies of files from outside of the project."""

_UP = re.compile(r"up([1-9][0-9]*)")
_MARKS = (".git", ".hg", ".jj", ".svn")


def repository_root(root: Path) -> Path | None:
    """Return the root of the repository that contains a project, with links resolved; None if no repository does."""
    whole = root.resolve()
    return next(
        (folder for folder in (whole, *whole.parents) if any((folder / mark).exists() for mark in _MARKS)), None
    )


def is_outside(name: str) -> bool:
    """Return whether a path or label, relative to a project, is outside of it."""
    return PurePosixPath(name).parts[:1] == ("..",)


def carried_name(label: str) -> str:
    """Return a file's path in a source distribution: below `CARRIED` if outside of the project, else its label."""
    if not is_outside(label):
        return label
    parts = PurePosixPath(label).parts
    ups = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    return "/".join([CARRIED, f"up{ups}", *parts[ups:]])


def original_label(label: str) -> str:
    """Return the label in the repository of a file below `CARRIED`; other labels are unchanged."""
    parts = PurePosixPath(label).parts
    up = _UP.fullmatch(parts[1]) if len(parts) > 1 and parts[0] == CARRIED else None
    return label if up is None else "/".join([*[".."] * int(up[1]), *parts[2:]])


def folder_problem(root: Path, name: str) -> str | None:
    """Return the reason why a project cannot import from a folder, as the end of a sentence; None if it can.

    Args:
        root: The project's folder.
        name: The configured path: relative to `root`, with forward slashes.
    """
    found = PurePosixPath(name)
    if found.is_absolute() or "\\" in name or name[1:2] == ":":
        return "which is not a path relative to the project, with forward slashes"
    folder = shared_folder(root, name)
    if not folder.is_dir():
        return "which is not a folder"
    if folder.resolve().is_relative_to(root.resolve()):
        return None
    repository = repository_root(root)
    if repository is None:
        return "which is outside of the project, and the project is in no repository that both could be in"
    if not folder.resolve().is_relative_to(repository):
        return f"which is outside of the repository of the project (`{repository.name}`)"
    return None


def shared_folder(root: Path, name: str) -> Path:
    """Return the folder for a configured path: the copy in a source distribution, or the folder itself."""
    normal = _normal(name)
    carried = root / carried_name(normal)
    return carried if is_outside(normal) and carried.is_dir() else root / normal


def _normal(name: str) -> str:
    """Return a path without `.` segments, and with `..` only at its beginning."""
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."
