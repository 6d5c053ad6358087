"""Folders of unpacked packages in the user's cache, with a recorded digest of their files.

A folder without a record, or whose files do not match it, counts as absent: unpacking was interrupted, or it was
modified.

Standard library only, as `wasmcp.toolchains.base`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path


def is_whole_folder(folder: Path) -> bool:
    """Return whether a folder is unchanged since `keep_folder`: no file modified, missing or added."""
    try:
        return folder.is_dir() and _record(folder).read_text("utf-8") == digest_of_folder(folder)
    except (OSError, UnicodeDecodeError):
        return False


def keep_folder(made: Path, folder: Path) -> None:
    """Move a folder into the cache and record its digest; a folder that another process moved first is kept.

    Args:
        made: The folder, on the same file system.
        folder: Its path in the cache.
    """
    handle, name = tempfile.mkstemp(prefix=".record-", dir=folder.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(digest_of_folder(made))
    if not folder.is_dir():
        Path(name).replace(_record(folder))
        made.replace(folder)
    Path(name).unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder and its record, if they exist."""
    _record(folder).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def digest_of_folder(folder: Path) -> str:
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
