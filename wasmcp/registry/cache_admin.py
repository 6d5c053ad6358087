"""All caches of a user, by name: what `wasmcp cache` shows and prunes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wasmcp.storage.cache import cache_directory

# Name -> what it is below the cache's folder. Locks and tags are small, and in use while they are.
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
    """What one cache holds.

    Attributes:
        name: What is in it.
        path: Where it is.
        files: How many files.
        size: Their bytes.
    """

    name: str
    path: Path
    files: int
    size: int


def caches() -> list[CacheUsage]:
    """Count what each cache holds."""
    found = []
    for name, folder in _KINDS.items():
        path = cache_directory() / folder
        sizes = [status for _, status, _ in _files(path)]
        found.append(CacheUsage(name, path, len(sizes), sum(sizes)))
    return found


def prune(days: float) -> list[CacheUsage]:
    """Remove what was not used for some days, and return how much that was.

    Files are used when they are read or written; the cache notes it in their times.
    """
    before = time.time() - days * 86400
    removed = []
    for name, folder in _KINDS.items():
        if name == "toolchains" and days > 0:  # compilers find half of what they kept worse than nothing
            continue
        path, files, size = cache_directory() / folder, 0, 0
        for file, length, used in _files(path):
            if used <= before:
                with contextlib.suppress(OSError):  # another process prunes as well, or is at it
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
