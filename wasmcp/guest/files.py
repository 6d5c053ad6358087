"""Read-only files inside a Python component, in memory: files of packages, and those of the option ``files``.

Paths in the tree are read from it, other paths by the replaced function. Files of the tree cannot be changed. A
directory of the tree that also exists outside of it has the names of both.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
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
        """Return True if the content of a file begins with these bytes, without reading all of it.

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
            The path in normal form; the given one if it is empty, or leads through a path that is not in the tree.

        Raises:
            NotADirectoryError: The path continues below a file of the tree.
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
    """Check that the arguments of `open` can be combined.

    Raises:
        ValueError: Arguments are mutually exclusive.
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
        ValueError: Arguments are mutually exclusive.
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


_CHANGING = {
    "chmod": 1, "link": 2, "mkdir": 1, "mkfifo": 1, "remove": 1, "rename": 2, "replace": 2, "rmdir": 1, "symlink": 2,
    "truncate": 1, "unlink": 1, "utime": 1,
}  # fmt: skip
"""Function of `os` that changes files -> number of leading arguments that can be paths."""

_CREATING = {"link", "mkdir", "mkfifo", "symlink"}
_UNREACHABLE = frozenset({errno.ENOENT, errno.EBADF, getattr(errno, "ENOTCAPABLE", errno.ENOENT)})
"""Errors for a path that is in no directory that the host provides."""


class FileFunctions:
    """Functions that replace those of `io`, `os` and the import system.

    Args:
        tree: The files.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._open: Callable[..., Any] = io.open
        names = ("access", "listdir", "lstat", "open", "readlink", "scandir", "stat", *_CHANGING)
        self._os: dict[str, Any] = {name: getattr(os, name) for name in names if hasattr(os, name)}
        self._get_data: Callable[..., bytes] | None = None

    def install(self) -> None:
        """Replace the functions; call it before modules are imported that keep references to them."""
        io.open = builtins.open = self.open
        own = {name: self._changing(name) for name in _CHANGING if name in self._os}
        own |= {"access": self.access, "listdir": self.listdir, "scandir": self.scandir, "open": self.open_descriptor}
        own |= {"stat": self._status("stat"), "lstat": self._status("lstat"), "readlink": self.readlink}
        for name in own.keys() & self._os.keys():
            setattr(os, name, own[name])
            for supports in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
                if self._os[name] in supports and name != "scandir":
                    supports.add(own[name])
        loader: Any = sys.modules["_frozen_importlib_external"].FileLoader
        self._get_data = get_data = loader.get_data

        def data_of(this: Any, path: str) -> bytes:
            found = self._find(path)
            is_file = found is not None and self._tree.is_file(found)
            return self._tree.archive.read(found) if found is not None and is_file else get_data(this, path)

        loader.get_data = data_of

    def remove(self) -> None:
        """Restore the replaced functions."""
        io.open = builtins.open = self._open
        for name, function in self._os.items():
            for supports in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
                supports.discard(getattr(os, name))
                if function in supports:
                    supports.add(function)
            setattr(os, name, function)
        if self._get_data is not None:
            sys.modules["_frozen_importlib_external"].FileLoader.get_data = self._get_data

    def _find(self, path: Any) -> str | None:
        """Return a path in normal form; None for other values, such as a file descriptor."""
        if isinstance(path, int):
            return None
        try:
            return self._tree.resolve(os.fsdecode(path))
        except TypeError:
            return None

    def _has(self, path: str | None) -> bool:
        return path is not None and (self._tree.is_file(path) or self._tree.is_directory(path))

    def open(  # noqa: PLR0917 - as the replaced function
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        """Open a file; see `io.open`."""
        original = (file, mode, buffering, encoding, errors, newline, closefd, opener)
        if opener is not None or not _is_mode(mode):
            return self._open(*original)
        path = self._find(file)
        if path is not None and self._tree.is_file(path):
            options = {"encoding": encoding, "errors": errors, "newline": newline}
            check_arguments(mode, **options)
            if "x" in mode:
                raise _error(errno.EEXIST, file)
            if {*mode} & {*"wa+"}:
                raise _error(errno.EROFS, file)
            return stream(self._tree.archive.read(path), file, mode, buffering, **options)
        if path is not None and self._tree.is_directory(path):
            raise _error(errno.EEXIST if "x" in mode else errno.EISDIR, file)
        with self._outside(path, file, creates=bool({*mode} & {*"wax"})):
            return self._open(*original)

    def open_descriptor(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """Open a file outside of the tree; see `os.open`. Files of the tree have no descriptor."""
        found = None if dir_fd is not None else self._find(path)
        if found is not None and self._tree.is_file(found):
            changes = flags & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC)
            raise _error(errno.EROFS if changes else errno.ENOTSUP, path)
        with self._outside(found, path, creates=bool(flags & os.O_CREAT)):
            return int(self._os["open"](path, flags, mode, dir_fd=dir_fd))

    def access(self, path: Any, mode: int, **options: Any) -> bool:
        """Return True if a path can be accessed; see `os.access`."""
        try:
            found = None if options.get("dir_fd") is not None else self._find(path)
        except NotADirectoryError:
            return False
        if self._has(found):
            assert found is not None  # noqa: S101 - for the type checker
            is_directory = self._tree.is_directory(found)
            if is_directory and self._os["access"](path, mode, **options):
                return True
            return not mode & os.W_OK and (is_directory or not mode & os.X_OK)
        return bool(self._os["access"](path, mode, **options))

    def _status(self, name: str) -> Callable[..., os.stat_result]:
        original = self._os[name]

        def status(path: Any, **options: Any) -> os.stat_result:
            found = None if options.get("dir_fd") is not None else self._find(path)
            if found is not None and self._tree.is_file(found):
                return self._tree.stat(found)
            if found is not None and self._tree.is_directory(found):
                try:
                    return original(path, **options)  # type: ignore[no-any-return]
                except OSError:
                    return self._tree.stat(found)
            with self._outside(found, path):
                return original(path, **options)  # type: ignore[no-any-return]

        status.__name__ = name
        status.__doc__ = f"Return the status of a path; see `os.{name}`."
        return status

    def listdir(self, path: Any = None) -> list[Any]:
        """Return the names in a directory; see `os.listdir`."""
        found = self._find("." if path is None else path)
        if found is not None and self._tree.is_file(found):
            raise _error(errno.ENOTDIR, path)
        own = [] if found is None else self._tree.names(found)
        if not own:
            with self._outside(found, path):
                return list(self._os["listdir"](path))
        names = [os.fsencode(name) for name in own] if isinstance(path, bytes) else own
        try:
            outside = self._os["listdir"](path)
        except OSError:
            return [*names]
        return [*names, *(name for name in outside if name not in set(names))]

    def scandir(self, path: Any = None) -> Any:
        """Return the entries of a directory; see `os.scandir`."""
        found = self._find("." if path is None else path)
        if found is not None and self._tree.is_file(found):
            raise _error(errno.ENOTDIR, path)
        own = [] if found is None else self._tree.names(found)
        if found is None or not own:
            with self._outside(found, path):
                return self._os["scandir"](path)
        entries = [_Entry(self._tree, found, name, path) for name in own]
        try:
            outside = self._os["scandir"](path)
        except OSError:
            return _Scan(iter(entries), None)
        return _Scan(_both(entries, outside), outside)

    def readlink(self, path: Any, **options: Any) -> Any:
        """Return the target of a symbolic link; see `os.readlink`. The tree has no links."""
        found = None if options.get("dir_fd") is not None else self._find(path)
        if self._has(found):
            raise _error(errno.EINVAL, path)
        with self._outside(found, path):
            return self._os["readlink"](path, **options)

    def _changing(self, name: str) -> Callable[..., Any]:
        original = self._os[name]
        count = _CHANGING[name]

        def change(*arguments: Any, **options: Any) -> Any:
            named = [options[key] for key in ("path", "src", "dst") if key in options]
            paths = [*arguments[:count], *named]
            has_base = any(options.get(key) is not None for key in ("dir_fd", "src_dir_fd", "dst_dir_fd"))
            found = [None if has_base or _is_content(name, each, paths) else self._find(each) for each in paths]
            for path, given in zip(found, paths, strict=True):
                if self._has(path):
                    raise _error(errno.EEXIST if name in _CREATING else errno.EROFS, given)
            try:
                return original(*arguments, **options)
            except OSError as error:
                for path, given in zip(found, paths, strict=True):
                    if error.errno in _UNREACHABLE and path is not None and self._tree.contains_parent(path):
                        missing = errno.EROFS if name in _CREATING else errno.ENOENT
                        raise _error(missing, given) from None
                raise

        change.__name__ = name
        change.__doc__ = f"Change files outside of the tree; see `os.{name}`."
        return change

    def _outside(self, path: str | None, given: Any, *, creates: bool = False) -> _Outside:
        return _Outside(path is not None and self._tree.contains_parent(path), given, creates=creates)


class _Outside:
    """Context of a call for a path that is not in the tree.

    Args:
        below: True if the directory above the path is in the tree.
        given: The path, for errors.
        creates: True if the call creates a missing file.
    """

    def __init__(self, below: bool, given: Any, *, creates: bool) -> None:
        self._below = below
        self._given = given
        self._creates = creates

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if self._below and isinstance(error, OSError) and error.errno in _UNREACHABLE:
            raise _error(errno.EROFS if self._creates else errno.ENOENT, self._given) from None


class _Entry:
    """A directory entry of the tree; see `os.DirEntry`."""

    def __init__(self, tree: Tree, directory: str, name: str, given: Any) -> None:
        self._tree = tree
        self._path = f"{directory.rstrip('/')}/{name}"
        base = "." if given is None else os.fspath(given)
        is_bytes = isinstance(base, bytes)
        self.name: Any = os.fsencode(name) if is_bytes else name
        joined = name if given is None else f"{os.fsdecode(base).rstrip('/')}/{name}"
        self.path: Any = os.fsencode(joined) if is_bytes else joined

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - the tree has no links
        """Return True for a directory."""
        return self._tree.is_directory(self._path)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        """Return True for a file."""
        return self._tree.is_file(self._path)

    def is_symlink(self) -> bool:
        """Return False."""
        return False

    def is_junction(self) -> bool:
        """Return False."""
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002
        """Return the status of the entry."""
        return self._tree.stat(self._path)

    def inode(self) -> int:
        """Return the number of the entry."""
        return self.stat().st_ino

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The class of directory entries, for `isinstance`."""
        return os.DirEntry


class _Scan:
    """Iterator over the entries of a directory; see `os.scandir`."""

    def __init__(self, entries: Iterator[Any], outside: Any) -> None:
        self._entries = entries
        self._outside = outside

    def __iter__(self) -> _Scan:
        return self

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> _Scan:  # noqa: PYI034 - `typing.Self` is newer than Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the directory."""
        self._entries = iter(())
        if self._outside is not None:
            self._outside.close()


def _both(entries: list[_Entry], outside: Any) -> Iterator[Any]:
    yield from entries
    names = {entry.name for entry in entries}
    yield from (entry for entry in outside if entry.name not in names)


def _is_content(name: str, given: Any, paths: list[Any]) -> bool:
    """Return True if an argument is the text of a symbolic link, not a path."""
    return name == "symlink" and given is paths[0]


def _is_mode(mode: Any) -> bool:
    if not isinstance(mode, str) or len({*mode}) != len(mode) or {*mode} - {*"rwxabt+"}:
        return False
    return len({*mode} & {*"rwxa"}) == 1 and not {*mode} >= {*"bt"}


def _error(number: int, path: Any) -> OSError:
    return OSError(number, os.strerror(number), path)
