"""Writing of files: atomically, and only if their contents change. Standard library only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Chunk = bytes | bytearray | memoryview


def write_atomically(
    path: Path, data: Chunk | Iterable[Chunk], mode: int | None = 0o644, *, parents: bool = True
) -> None:
    """Write a file so that readers see either its old or its new contents, never a part of them.

    Args:
        path: The file.
        data: Its contents, or the pieces of them.
        mode: Its permissions; None for those of the process's new files.
        parents: Create its directory if it is missing.

    Raises:
        OSError: The file cannot be written.
    """
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp creates files that only their owner can read.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines([data] if isinstance(data, bytes | bytearray | memoryview) else data)
        if mode is None:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_if_changed(path: Path, text: str) -> None:
    """Write a text file unless its contents are the same: compilers compare modification times."""
    data = text.encode()
    try:
        if path.read_bytes() == data:
            return
    except FileNotFoundError:
        pass
    write_atomically(path, data, mode=None)
