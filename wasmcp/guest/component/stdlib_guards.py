"""Guards for functions of the standard library that do not work inside a component.

Sockets would not survive in the finished component, and SQLite cannot lock a database file in it: an audit hook
(PEP 578) rejects both. A symbolic link that leads out of a granted folder cannot be followed. `zoneinfo` reads time
zones with `importlib.resources`, which needs megabytes of modules: it gets the files of the component instead.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wasmcp.guest.files import Archive


_SOCKETS = (
    "socket.__new__",
    "socket.getaddrinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.getnameinfo",
)

_TRUE = {"1", "on", "true", "yes"}
_ATTACH = 24
_DENY = 1

_handlers: dict[str, Callable[..., None]] = {}
_refused: list[tuple[str, int]] = []


def install() -> None:
    """Install the guards; those of sockets are removed by `open_sockets`."""
    _handlers.update(dict.fromkeys(_SOCKETS, _refuse_socket))
    _handlers["sqlite3.connect"] = _check_database
    sys.addaudithook(_audit)
    os.scandir = scan  # type: ignore[assignment]


def open_sockets() -> list[tuple[str, int]]:
    """Permit sockets from now on; return the files and lines that tried to open one while the component was built."""
    for event in _SOCKETS:
        _handlers.pop(event, None)
    found = list(dict.fromkeys(_refused))
    _refused.clear()
    return found


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    handler = _handlers.get(event)
    if handler is not None:
        handler(*arguments)


def _refuse_socket(*_: Any) -> None:
    """Reject network access while a component is built: its libc would keep handles that no instance has."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - who opens it
    while frame is not None and _is_library(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is not None:
        _refused.append((frame.f_code.co_filename, frame.f_lineno))
    raise OSError(errno.ENETDOWN, "no socket can be opened while a component is built: open it inside a function")


def _is_library(file: str) -> bool:
    return file.startswith(("<", "/python/")) or "/wasmcp/guest/" in file


def is_safe(database: str, *, uri: bool) -> bool:
    """Return True for a database that needs no lock: in memory, or opened as immutable.

    Source: SQLite, "Uniform Resource Identifiers".

    Args:
        database: The name, as `sqlite3.connect` takes it.
        uri: True if a name that begins with ``file:`` is a URI.
    """
    if database in ("", ":memory:"):
        return True
    if not uri or not database.startswith("file:"):
        return False
    path, _, query = database.partition("#")[0].removeprefix("file:").partition("?")
    parameters: dict[str, str] = {}
    for item in query.split("&"):
        name, _, value = item.partition("=")
        if "%" in name + value:
            return False
        parameters.setdefault(name, value)
    if path == ":memory:" or parameters.get("mode") == "memory" or parameters.get("vfs") == "memdb":
        return True
    return parameters.get("immutable", "") in _TRUE


def _check_database(database: Any) -> None:
    """Reject a database file that is writable: it could not be locked against other programs."""
    name = os.fsdecode(database)
    if not is_safe(name, uri=True):
        raise _error(name)


def guard_sqlite() -> None:
    """Guard the connections of `sqlite3` against attached files; call it before other modules import `sqlite3`.

    A connection of another class is checked as well, but can attach any file.
    """
    import sqlite3
    import sqlite3.dbapi2 as module

    original = module.connect

    class Connection(module.Connection):
        """A connection that does not open database files for writing."""

        def __init__(self, database: Any, *arguments: Any, **options: Any) -> None:
            uri = bool(options.get("uri", arguments[6] if len(arguments) > 6 else False))
            name = os.fsdecode(database)
            if not is_safe(name, uri=uri):
                raise _error(name)
            super().__init__(database, *arguments, **options)
            self._is_loading = False
            self._uri = uri
            self.set_authorizer(None)

        def deserialize(self, data: Any, /, *, name: str = "main") -> None:
            """Load a database into memory."""
            self._is_loading = True
            try:
                super().deserialize(data, name=name)
            finally:
                self._is_loading = False

        def set_authorizer(self, authorizer_callback: Callable[..., int] | None) -> None:
            """Set an authorizer, which is called after the one that rejects files."""

            def authorize(action: int, first: str | None, *others: Any) -> int:
                # Also for `VACUUM INTO`. The file name is unknown here if it is a parameter.
                if (
                    action == _ATTACH
                    and not self._is_loading
                    and not is_safe("?" if first is None else first, uri=self._uri)
                ):
                    return _DENY
                return 0 if authorizer_callback is None else authorizer_callback(action, first, *others)

            super().set_authorizer(authorize)

    def connect(database: Any, *arguments: Any, **options: Any) -> Any:
        """Open a connection; see `sqlite3.connect`."""
        if len(arguments) < 5:
            options.setdefault("factory", Connection)
        return original(database, *arguments, **options)

    patches: tuple[Any, ...] = (sqlite3, module)
    for patched in patches:
        patched.Connection, patched.connect = Connection, connect


def _error(name: str) -> Exception:
    import sqlite3

    return sqlite3.NotSupportedError(
        f"`{name}` is not opened: SQLite cannot lock files inside a component, so that writes of other programs and "
        "instances would be lost. Open a file that is not written to with "
        '`sqlite3.connect("file:NAME?immutable=1", uri=True)`, work in `:memory:`, or keep values with the grant `kv`'
    )


class _Link:
    """A directory entry that is a symbolic link: a link to the outside is neither a file nor a folder."""

    def __init__(self, entry: os.DirEntry[Any]) -> None:
        self._entry = entry

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Return True if the link leads to a folder that can be accessed."""
        try:
            return self._entry.is_dir(follow_symlinks=follow_symlinks)
        except PermissionError:
            return False

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Return True if the link leads to a file that can be accessed."""
        try:
            return self._entry.is_file(follow_symlinks=follow_symlinks)
        except PermissionError:
            return False

    def __fspath__(self) -> Any:
        return self._entry.path

    def __repr__(self) -> str:
        return repr(self._entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The class of directory entries, for `isinstance`."""
        return os.DirEntry


class Scan:
    """The entries of a folder; see `os.scandir`."""

    def __init__(self, entries: Any) -> None:
        self._entries = entries

    def __iter__(self) -> Scan:
        return self

    def __next__(self) -> Any:
        entry = next(self._entries)
        return _Link(entry) if entry.is_symlink() else entry

    def __enter__(self) -> Scan:  # noqa: PYI034 - `typing.Self` is newer than Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self._entries.close()

    def close(self) -> None:
        """Close the folder."""
        self._entries.close()


_scandir = os.scandir


def scan(path: Any = None) -> Scan:
    """Return the entries of a folder, including links that lead out of a granted folder; see `os.scandir`."""
    return Scan(_scandir(path))


def keep_zones(archive: Archive, folder: str) -> None:
    """Make `zoneinfo` use the time zones of an archive; call it before other modules import `zoneinfo`.

    Args:
        archive: The component's files.
        folder: The folder ``zoneinfo`` of the package ``tzdata``, with a slash at its end.
    """
    # The default search path would come from `sysconfig`, with all variables of the interpreter's build.
    os.environ["PYTHONTZPATH"] = ""
    import zoneinfo
    from zoneinfo import _common, _tzpath

    del os.environ["PYTHONTZPATH"]

    def load_tzdata(key: str) -> io.BytesIO:
        try:
            data = archive.read(folder + key)
        except KeyError:
            data = b""
        if not data.startswith(b"TZif"):
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}") from None
        return io.BytesIO(data)

    def available_timezones() -> set[str]:
        """Return the names of the time zones."""
        found = (path for path in archive if path.startswith(folder) and archive.begins_with(path, b"TZif"))
        return {path.removeprefix(folder) for path in found}

    common: Any = _common
    common.load_tzdata = load_tzdata
    zoneinfo.available_timezones = _tzpath.available_timezones = available_timezones
