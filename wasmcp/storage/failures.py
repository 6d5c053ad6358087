"""Conversion of file system errors to `StorageError`, with the file, the reason and a remedy."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wasmcp.errors import StorageError
from wasmcp.storage.cache import cache_directory

_CACHE = "set `WASMCP_CACHE_DIR` to a directory that can be written to"
_REMEDIES = {
    errno.ENOSPC: "free some space, or `wasmcp cache prune`",
    errno.EDQUOT: "free some space, or `wasmcp cache prune`",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "raise the limit of open files of the system",
}
"""Remedies that apply to any file."""


@contextmanager
def file_failures() -> Iterator[None]:
    """Raise file system errors as `StorageError`; other `OSError`s (connections, programs) pass unchanged.

    Raises:
        StorageError: A file or directory cannot be created, read, written or removed.
    """
    try:
        yield
    except OSError as error:
        found = storage_error(error)
        if found is None:
            raise
        raise found from error


def storage_error(error: OSError) -> StorageError | None:
    """Return a file system error as an error of wasmcp; None for an `OSError` of another kind."""
    path = next((os.fsdecode(name) for name in (error.filename2, error.filename) if isinstance(name, (str, bytes))), "")
    reason = error.strerror or type(error).__name__
    if error.errno in _REMEDIES:
        return StorageError(path, reason, _REMEDIES[error.errno])
    if not path or isinstance(error, (ConnectionError, ChildProcessError)):
        return None
    # The cache can be below a path that is not a directory: compare as text, without following links.
    inside = Path(os.path.abspath(path)).is_relative_to(cache_directory())  # noqa: PTH100 - follows no link
    return StorageError(path, reason, _CACHE if inside else _remedy(error))


def _remedy(error: OSError) -> str:
    if error.errno in {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}:
        return "move the existing file away"
    if error.errno == errno.EROFS:
        return "its file system is read-only: use a copy of the project that can be written to"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "change its permissions, or use a copy of the project that can be written to"
    return ""
