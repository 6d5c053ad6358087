"""Archive of files: each is compressed alone, so that reading one decompresses nothing else."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping


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
