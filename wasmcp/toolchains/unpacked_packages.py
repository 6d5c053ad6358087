"""Folders of unpacked packages in the user's cache, each with a recorded digest of its files.

A folder without a record, or whose files do not match it, counts as absent: unpacking was interrupted, or it was
modified.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path


def is_whole(folder: Path) -> bool:
    """Return whether a folder is unchanged since `keep`: no file modified, missing or added."""
    try:
        return folder.is_dir() and _record(folder).read_text("utf-8") == digest_of(folder)
    except (OSError, UnicodeDecodeError):
        return False


def keep(made: Path, folder: Path) -> None:
    """Move a folder into the cache and record its digest; a folder that another process moved first is kept.

    Args:
        made: The folder, on the same file system.
        folder: Its path in the cache.
    """
    handle, name = tempfile.mkstemp(prefix=".record-", dir=folder.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(digest_of(made))
    if not folder.is_dir():
        Path(name).replace(_record(folder))
        made.replace(folder)
    Path(name).unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Remove a folder and its record, if they exist."""
    _record(folder).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def digest_of(folder: Path) -> str:
    """Return the digest of the names and contents of all files in a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            kind, content = b"link", os.fsencode(path.readlink())
        elif path.is_file():
            kind, content = b"file", hashlib.sha256(path.read_bytes()).digest()
        else:
            continue
        name = os.fsencode(path.relative_to(folder).as_posix())
        found.update(b"%s %d %s %d %s\n" % (kind, len(name), name, len(content), content))
    return f"sha256:{found.hexdigest()}"


def _record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.digest")
