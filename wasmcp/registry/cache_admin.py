"""Sizes and pruning of a user's caches, for `wasmcp cache`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wasmcp.storage.cache import cache_directory

# Name -> subdirectory of the cache. Locks and tags are small and in use, so they are not pruned.
_KINDS = {
    "registry": "registry/blobs",
    "components": "components",
    "catalogues": "catalogues",
    "sboms": "sboms",
    "compiled": "compiled",
    "toolchains": "toolchains",
}


@dataclass(frozen=True)
class CacheUsage:
    """Usage of one cache.

    Attributes:
        name: The cache's name.
        path: The cache's directory.
        files: The number of files.
        size: The total size in bytes.
    """

    name: str
    path: Path
    files: int
    size: int


def caches() -> list[CacheUsage]:
    """Return the usage of each cache."""
    found = []
    for name, folder in _KINDS.items():
        path = cache_directory() / folder
        sizes = [status for _, status, _ in _files(path)]
        found.append(CacheUsage(name, path, len(sizes), sum(sizes)))
    return found


def prune(days: float) -> list[CacheUsage]:
    """Remove files that were not used for a number of days, and return their number and size.

    Reads and writes both update the times that count as use.
    """
    before = time.time() - days * 86400
    removed = []
    for name, folder in _KINDS.items():
        if name == "toolchains" and days > 0:  # a partly pruned compiler cache can break the compiler
            continue
        path, files, size = cache_directory() / folder, 0, 0
        for file, length, used in _files(path):
            if used <= before:
                with contextlib.suppress(OSError):  # a concurrent prune
                    file.unlink()
                    files, size = files + 1, size + length
        removed.append(CacheUsage(name, path, files, size))
    return removed


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    for path in folder.rglob("*") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            status = path.lstat()
            if path.is_file() and not path.is_symlink():
                yield path, status.st_size, max(status.st_mtime, status.st_atime)
