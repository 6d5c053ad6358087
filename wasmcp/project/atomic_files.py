"""Atomic writing of several files."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from wasmcp.storage.cache import write_atomically


def create_tree(root: Path, files: Mapping[str, str]) -> None:
    """Create a folder with files in it, as a whole or not at all.

    Args:
        root: The folder. Missing parents are created, and removed again on failure.
        files: Path relative to it, with forward slashes -> text.

    Raises:
        OSError: The folder cannot be written, or was created by another process.
    """
    with contextlib.ExitStack() as undo:
        _make_folders(root.parent, undo)
        temporary = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
        undo.callback(shutil.rmtree, temporary, ignore_errors=True)
        for name, text in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)  # mkdtemp grants access to the owner alone
        temporary.rename(root)
        undo.pop_all()  # keep everything


def write_files(root: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder, replacing existing ones. If one cannot be written, all are restored.

    Args:
        root: The folder.
        files: Path relative to it, with forward slashes -> text; written in this order.

    Raises:
        OSError: A file cannot be written.
    """
    with contextlib.ExitStack() as undo:
        for name, text in files.items():
            path = (root / name).resolve()  # a link to a file stays a link
            _make_folders(path.parent, undo)
            if path.exists():
                mode = path.stat().st_mode & 0o777
                undo.callback(_write, path, path.read_bytes(), mode)
                _write(path, text.encode(), mode)
            else:
                undo.callback(path.unlink, missing_ok=True)
                write_atomically(path, text.encode())
        undo.pop_all()


def _write(path: Path, data: bytes, mode: int) -> None:
    write_atomically(path, data)
    path.chmod(mode)


def _make_folders(folder: Path, undo: contextlib.ExitStack) -> None:
    """Create a folder and its parents; undoing removes the new ones that are empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    undo.callback(_remove_folders, missing)
    folder.mkdir(parents=True, exist_ok=True)


def _remove_folders(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):  # not created, or another process has put a file into it
            folder.rmdir()
