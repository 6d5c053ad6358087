"""Archive of files, each compressed alone so that reading one decompresses nothing else, and its directories."""

from __future__ import annotations

import errno
import json
import os
import stat
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

_DEVICE = 0x57
_BLOCK = 4096


class Archive:
    """Contents of files by path.

    Args:
        data: The compressed contents, one after another.
        index: Path -> offset and length in `data`, and size of the content in bytes.
    """

    def __init__(self, data: bytes, index: Mapping[str, tuple[int, int, int]]) -> None:
        self._data = memoryview(data)
        self._index = index

    def __contains__(self, path: str) -> bool:
        return path in self._index

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def read(self, path: str) -> bytes:
        """Return the content of a file.

        Raises:
            KeyError: No file has this path.
        """
        offset, length, _ = self._index[path]
        return zlib.decompress(self._data[offset : offset + length])

    def begins_with(self, path: str, prefix: bytes) -> bool:
        """Return whether the content of a file begins with these bytes, without reading all of it.

        Raises:
            KeyError: No file has this path.
        """
        offset, length, _ = self._index[path]
        return zlib.decompressobj().decompress(self._data[offset : offset + length], len(prefix)) == prefix

    def size(self, path: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            KeyError: No file has this path.
        """
        return self._index[path][2]


def read_archive(data: str, index: str) -> Archive:
    """Return the archive in two files: the compressed contents, and the index as JSON."""
    with open(data, "rb") as file:  # noqa: PTH123 - pathlib would stay in the component
        content = file.read()
    with open(index, encoding="utf-8") as file:  # noqa: PTH123
        return Archive(content, {path: tuple(entry) for path, entry in json.load(file).items()})


def pack(contents: Mapping[str, bytes]) -> tuple[bytes, dict[str, tuple[int, int, int]]]:
    """Return the two arguments of an `Archive`; equal contents are stored once.

    Args:
        contents: Path -> content.
    """
    data = bytearray()
    index: dict[str, tuple[int, int, int]] = {}
    stored: dict[bytes, tuple[int, int, int]] = {}
    for path in sorted(contents):
        content = contents[path]
        if content not in stored:
            compressed = zlib.compress(content, 9)
            stored[content] = (len(data), len(compressed), len(content))
            data += compressed
        index[path] = stored[content]
    return bytes(data), index


class Tree:
    """Directories and files of an archive, by absolute path.

    Args:
        archive: The files; their paths are absolute, in normal form.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._directories: dict[str, list[str]] = {}
        for path in sorted(archive):
            child = path
            while child != "/":
                parent, _, name = child.rpartition("/")
                parent = parent or "/"
                known = parent in self._directories
                self._directories.setdefault(parent, []).append(name)
                if known:
                    break
                child = parent
        for names in self._directories.values():
            names.sort()
        self._numbers = {path: number for number, path in enumerate(sorted([*archive, *self._directories]), 2)}

    def is_file(self, path: str) -> bool:
        """Return True for the path of a file, in normal form."""
        return path in self.archive

    def is_directory(self, path: str) -> bool:
        """Return True for the path of a directory, in normal form."""
        return path in self._directories

    def names(self, path: str) -> list[str]:
        """Return the names in a directory, sorted; an empty list for other paths."""
        return list(self._directories.get(path, ()))

    def resolve(self, path: str) -> str:
        """Return a path in absolute, normal form, resolved as a file system does.

        Args:
            path: The path; a relative one is resolved from the current directory.

        Returns:
            The path in normal form; the given one if it is empty, or goes through something that is not in the tree.

        Raises:
            NotADirectoryError: The path goes on below a file of the tree.
        """
        if not path or path in self.archive or path in self._directories:
            return path
        whole = path if path.startswith("/") else f"{os.getcwd()}/{path}"  # noqa: PTH109 - no pathlib here
        found: list[str] = []
        below_file = False
        for part in whole.split("/"):
            if below_file:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            if part == "..":
                if "/" + "/".join(found) not in self._directories:
                    return path
                del found[-1:]
            elif part not in ("", "."):
                found.append(part)
                below_file = "/" + "/".join(found) in self.archive
        return "/" + "/".join(found)

    def contains_parent(self, path: str) -> bool:
        """Return True if the directory above a path, in normal form, is in the tree, below the root directory."""
        parent = path.rpartition("/")[0]
        return parent in self._directories

    def stat(self, path: str) -> os.stat_result:
        """Return the status of a file or directory, which can be read by all, and never changes."""
        is_file = path in self.archive
        mode = stat.S_IFREG | 0o444 if is_file else stat.S_IFDIR | 0o555
        size = self.archive.size(path) if is_file else 0
        values = (mode, self._numbers[path], _DEVICE, 1, 0, 0, size, 0, 0, 0)
        fields: dict[str, Any] = {f"st_{kind}time": 0.0 for kind in "amc"}
        fields |= {f"st_{kind}time_ns": 0 for kind in "amc"}
        fields |= {"st_blksize": _BLOCK, "st_blocks": -(-size // 512), "st_rdev": 0}
        return os.stat_result(values, fields)
