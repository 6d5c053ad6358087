"""Sources that the projects of one repository share: which folders outside a project may be used, and their copies.

A project may name a folder outside of its own, ``../../shared``, as long as it lies in the same repository: a checkout
then always has it. A source distribution is unpacked where there is no repository, so it carries copies of the files
that are used, below `CARRIED`: ``../../`` becomes ``up2/`` there. Labels, and so digests, are the same in both places.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

CARRIED = "_wasmcp_sources"
"""The folder in a source distribution with the files from outside of the project."""

_UP = re.compile(r"up([1-9][0-9]*)")
_MARKS = (".git", ".hg", ".jj", ".svn")


def repository_root(root: Path) -> Path | None:
    """Return the folder of the repository that a project is in, links followed; None when it is in none."""
    whole = root.resolve()
    return next(
        (folder for folder in (whole, *whole.parents) if any((folder / mark).exists() for mark in _MARKS)), None
    )


def is_outside(name: str) -> bool:
    """Tell whether a path or a label, relative to a project, begins outside of it."""
    return PurePosixPath(name).parts[:1] == ("..",)


def carried_name(label: str) -> str:
    """Return the path in a source distribution of a file outside of the project; its label for one inside."""
    if not is_outside(label):
        return label
    parts = PurePosixPath(label).parts
    ups = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    return "/".join([CARRIED, f"up{ups}", *parts[ups:]])


def original_label(label: str) -> str:
    """Return the label that a file below `CARRIED` has in the repository; any other label unchanged."""
    parts = PurePosixPath(label).parts
    up = _UP.fullmatch(parts[1]) if len(parts) > 1 and parts[0] == CARRIED else None
    return label if up is None else "/".join([*[".."] * int(up[1]), *parts[2:]])


def folder_problem(root: Path, name: str) -> str | None:
    """Return why a project cannot import from a folder, as the end of a sentence that begins with its name.

    Args:
        root: The project's folder.
        name: As configured: relative to it, with forward slashes.
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
    """Return a folder that a project names: the copy that a source distribution carries, or the folder itself."""
    normal = _normal(name)
    carried = root / carried_name(normal)
    return carried if is_outside(normal) and carried.is_dir() else root / normal


def _normal(name: str) -> str:
    """Return a path without `.`, and with `..` at its beginning only."""
    parts: list[str] = []
    for part in PurePosixPath(name).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."
