"""Development builds of a project that is edited: the last valid version is served, errors are reported."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import WasmcpError
from wasmcp.project import load
from wasmcp.project.development import DevelopmentServer, development_server

if TYPE_CHECKING:
    from wasmcp.host import Server
    from wasmcp.project.events import BuildEvent

_IGNORED = {"__pycache__", "node_modules", "target", "dist", "build", "site", "_wasmcp", "zig-out", "venv"}
_SUFFIXES = (".pyc", ".wasm", "~", ".swp", ".tmp")
_MOST = 50_000  # files

Snapshot = dict[str, tuple[int, int]]
"""Path of a file -> its time of modification in nanoseconds, and its size."""


def snapshot(folders: Iterable[Path]) -> Snapshot:
    """Return the files below folders.

    Hidden files and folders are left out, with those that tools write: caches, virtual environments, builds.
    """
    found: Snapshot = {}
    for folder in folders:
        for entry in _files(folder):
            if len(found) >= _MOST:
                return found
            try:
                status = entry.stat()
            except OSError:  # deleted meanwhile
                continue
            found[entry.path] = (status.st_mtime_ns, status.st_size)
    return found


def changed(before: Snapshot, now: Snapshot) -> list[str]:
    """Return the paths of files that were added, changed or removed."""
    return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                found = list(entries)
        except OSError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in found):
            continue
        for entry in found:
            if entry.name.startswith(".") or entry.name in _IGNORED:
                continue
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
                is_file = not is_folder and entry.is_file()
            except OSError:
                continue
            if is_folder:
                waiting.append(entry.path)
            elif is_file and not entry.name.endswith(_SUFFIXES):
                yield entry


_INTERVAL = 0.3  # seconds between looks at the files
_SETTLED = 0.05  # seconds without changes before a build


@dataclass(frozen=True)
class Version:
    """Version of a server that was built, or failed to.

    Attributes:
        number: Its number, from 1.
        error: The error; the empty string if it is served.
        seconds: Duration of the build and the reload.
        files: The files that were changed, relative to the project; empty for the first version.
        serving: The number of the version that is served; 0 before the first valid one.
    """

    number: int
    error: str
    seconds: float
    files: tuple[str, ...]
    serving: int

    def to_dict(self) -> dict[str, Any]:
        """Return the state for pages."""
        state = "failed" if self.error else "ready"
        return {
            "state": state,
            "number": self.number,
            "error": self.error,
            "seconds": self.seconds,
            "serving": self.serving,
        }


class Builds:
    """Builds of one server of a project.

    Attributes:
        current: The version that is served; None before the first valid one.
    """

    def __init__(
        self,
        root: Path,
        server: str | None,
        *,
        on_start: Callable[[tuple[str, ...]], None],
        on_version: Callable[[Version], None],
        on_event: Callable[[BuildEvent], None],
    ) -> None:
        """Prepare builds.

        Args:
            root: The folder with the ``pyproject.toml``.
            server: The server's key; if omitted, the only one, or ``default``.
            on_start: Called with the changed files before a build.
            on_version: Called after a build.
            on_event: Called with the events of a build.
        """
        self.current: DevelopmentServer | None = None
        self._root = root.absolute()
        self._server = server
        self._on_start = on_start
        self._on_version = on_version
        self._on_event = on_event
        self._number = 0
        self._serving = 0
        self._folders = [self._root]
        self._seen: Snapshot = {}
        self._stop = threading.Event()
        self._wanted = threading.Event()

    def first(self, opened: Callable[[DevelopmentServer], Server]) -> Server | None:
        """Build until a version is valid, and return its server; None if `stop` was called.

        Args:
            opened: Opens a version.
        """
        files: tuple[str, ...] = ()
        while not self._stop.is_set():
            self._seen = self._snapshot()
            found: list[Server] = []

            def use(built: DevelopmentServer, found: list[Server] = found) -> None:
                server = opened(built)
                try:
                    if built.check_running(server):
                        server.reload(built.path, development=built.modules)
                except BaseException:
                    server.close()
                    raise
                found.append(server)

            if self._build(files, use):
                return found[0]
            files = self._wait()
        return None

    def follow(self, server: Server) -> None:
        """Rebuild and reload a server at each change, until `stop` is called."""
        while not self._stop.is_set():
            files = self._wait()
            if self._stop.is_set():
                return

            def use(built: DevelopmentServer) -> None:
                built.check(quick=True)
                server.reload(built.path, development=built.modules)

            self._build(files, use)

    def rebuild(self) -> None:
        """Build again, although nothing has changed."""
        self._wanted.set()

    def stop(self) -> None:
        """End `first` and `follow`."""
        self._stop.set()
        self._wanted.set()

    def _build(self, files: tuple[str, ...], use: Callable[[DevelopmentServer], None]) -> bool:
        self._number += 1
        began = time.monotonic()
        self._on_start(files)
        error = ""
        try:
            built = development_server(self._root, self._server, progress=self._on_event)
            use(built)
            self.current = built
            self._serving = self._number
        except (WasmcpError, OSError) as problem:
            error = str(problem)
        self._on_version(Version(self._number, error, time.monotonic() - began, files, self._serving))
        return not error

    def _wait(self) -> tuple[str, ...]:
        """Wait for a change that has settled, and return the changed files."""
        before = self._seen
        while not self._stop.is_set():
            if self._wanted.wait(_INTERVAL):
                self._wanted.clear()
                self._seen = self._snapshot()
                break
            now = self._snapshot()
            if now == before:
                continue
            while not self._stop.wait(_SETTLED):
                again = self._snapshot()
                if again == now:
                    break
                now = again
            self._seen = now
            break
        return tuple(self._relative(path) for path in changed(before, self._seen))

    def _snapshot(self) -> Snapshot:
        try:
            options = [one.options for one in load(self._root).components.values()]
        except (WasmcpError, OSError):  # the build reports it; the folders before are watched
            return snapshot(self._folders)
        others = [self._root / str(path) for one in options for path in _texts(one.get("python-path"))]
        outside = [path.resolve() for path in others if not path.resolve().is_relative_to(self._root)]
        self._folders = [self._root, *dict.fromkeys(outside)]
        return snapshot(self._folders)

    def _relative(self, path: str) -> str:
        found = Path(path)
        return found.relative_to(self._root).as_posix() if found.is_relative_to(self._root) else path


def _texts(value: object) -> list[object]:
    return value if isinstance(value, list) else []
