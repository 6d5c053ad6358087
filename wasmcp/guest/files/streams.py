"""Streams of files in an archive, made of the classes of `io`."""

from __future__ import annotations

import errno
import io
import os
from typing import Any


class RawFile(io.RawIOBase):
    """A file opened for reading.

    Args:
        content: Its content.
        name: The path that it was opened with.
    """

    mode = "rb"

    def __init__(self, content: bytes, name: Any) -> None:
        super().__init__()
        self.name = name
        self._content = memoryview(content)
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        self._check_open()
        return True

    def seekable(self) -> bool:
        """Return True."""
        self._check_open()
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer; return their number, 0 at the end."""
        self._check_open()
        into = memoryview(buffer).cast("B")
        part = self._content[self._position : self._position + len(into)]
        into[: len(part)] = part
        self._position += len(part)
        return len(part)

    def readall(self) -> bytes:
        """Return the rest of the content."""
        self._check_open()
        part = bytes(self._content[self._position :])
        self._position = max(self._position, len(self._content))
        return part

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Change the position; return it."""
        self._check_open()
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: len(self._content)}
        if whence not in base:
            raise ValueError(f"invalid whence value: {whence}")
        position = base[whence] + offset
        if position < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._position = position
        return position

    def tell(self) -> int:
        """Return the position."""
        self._check_open()
        return self._position

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")


def check_arguments(
    mode: str, *, encoding: str | None = None, errors: str | None = None, newline: str | None = None
) -> None:
    """Check the arguments of `open` that need no file against each other.

    Raises:
        ValueError: They exclude each other.
    """
    binary = "b" in mode
    given = {"encoding": encoding, "errors": errors, "newline": newline}
    for argument, value in given.items():
        if binary and value is not None:
            article = "an" if argument[0] == "e" else "a"
            raise ValueError(f"binary mode doesn't take {article} {argument} argument")


def stream(
    content: bytes,
    name: Any,
    mode: str,
    buffering: int = -1,
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> Any:
    """Return a stream for reading, as `open` does.

    Args:
        content: The content of the file.
        name: The path that is opened.
        mode: A mode for reading.
        buffering: As for `open`.
        encoding: As for `open`.
        errors: As for `open`.
        newline: As for `open`.

    Raises:
        ValueError: The arguments exclude each other.
    """
    if buffering == 0 and "b" not in mode:
        raise ValueError("can't have unbuffered text I/O")
    if not isinstance(buffering, int) or buffering < -1:
        raise ValueError("invalid buffering size")
    raw = RawFile(content, name)
    if buffering == 0:
        return raw
    buffered = io.BufferedReader(raw, buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE)
    if "b" in mode:
        return buffered
    text = io.TextIOWrapper(buffered, io.text_encoding(encoding), errors, newline, line_buffering=buffering == 1)
    text.mode = mode  # type: ignore[misc]
    return text
