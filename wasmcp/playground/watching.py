"""Changes of the files of a project, found by comparing their time and size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_IGNORED = {"__pycache__", "node_modules", "target", "dist", "build", "site", "_wasmcp", "zig-out", "venv"}
_SUFFIXES = (".pyc", ".wasm", "~", ".swp", ".tmp")
_MOST = 50_000  # files

Snapshot = dict[str, tuple[int, int]]
"""Path of a file -> its time of modification in nanoseconds, and its size."""


def snapshot(folders: Iterable[Path]) -> Snapshot:
    """Return the files below folders.

    Hidden files and folders are left out, with those that tools write: caches, virtual environments, builds.
    """
    found: Snapshot = {}
    for folder in folders:
        for entry in _files(folder):
            if len(found) >= _MOST:
                return found
            try:
                status = entry.stat()
            except OSError:  # deleted meanwhile
                continue
            found[entry.path] = (status.st_mtime_ns, status.st_size)
    return found


def changed(before: Snapshot, now: Snapshot) -> list[str]:
    """Return the paths of files that were added, changed or removed."""
    return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                found = list(entries)
        except OSError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in found):
            continue
        for entry in found:
            if entry.name.startswith(".") or entry.name in _IGNORED:
                continue
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
                is_file = not is_folder and entry.is_file()
            except OSError:
                continue
            if is_folder:
                waiting.append(entry.path)
            elif is_file and not entry.name.endswith(_SUFFIXES):
                yield entry
