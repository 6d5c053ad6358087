"""Development server of a project: its builds, its HTTP endpoint, and the playground.

The last valid version of a project that is edited is served, and errors are reported.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError, WasmcpError
from wasmcp.host.configuration.declared import Given, Published, complete, operator_store
from wasmcp.host.engine.limits import Limits
from wasmcp.host.transports.http_options import HttpOptions
from wasmcp.playground.application import Feed, Playground
from wasmcp.project import load
from wasmcp.project.development import DevelopmentServer, development_server

if TYPE_CHECKING:
    import socket

    from wasmcp.host import Server
    from wasmcp.host.operations.tracing import Tracing
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
        except Exception as problem:  # noqa: BLE001 - the next change must find the thread alive
            error = f"internal error: {type(problem).__name__}: {problem}"
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
        except Exception:  # noqa: BLE001 - the build reports it; the folders before are watched
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


@dataclass(frozen=True)
class Reports:
    """Callbacks of a development server, called on several threads.

    Attributes:
        on_listening: Called with the URL of the playground.
        on_start: Called with the changed files before a build.
        on_version: Called after a build.
        on_event: Called with the events of a build.
    """

    on_listening: Callable[[str], None]
    on_start: Callable[[tuple[str, ...]], None]
    on_version: Callable[[Version], None]
    on_event: Callable[[BuildEvent], None]


@dataclass(frozen=True)
class DevelopmentOptions:
    """Options of `wasmcp dev`.

    Attributes:
        host: The address to listen on.
        port: The port; 0 for a free one.
        given: Environment variables, directories and the key-value store.
        limits: The limits of the server.
        has_page: Serve the playground.
        traces: Export traces for OpenTelemetry; None to do so if variables `OTEL_*` enable it.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    given: Given = field(default_factory=Given)
    limits: Limits | None = None
    has_page: bool = True
    traces: bool | None = None


def serve_project(root: Path, server: str | None, options: DevelopmentOptions, reports: Reports) -> None:
    """Serve a project until the process is interrupted; rebuild and reload it when its files change.

    Args:
        root: The folder with the ``pyproject.toml``.
        server: The server's key; if omitted, the only one, or ``default``.
        options: The options.
        reports: The callbacks.

    Raises:
        HostError: The address cannot be listened on, a library of an extra is not installed, or the variables `OTEL_*`
            are invalid.
        InvalidSettingError: A setting in the environment (`WASMCP_*`) is invalid or unknown.
    """
    try:
        import httptools  # noqa: F401 - the transport imports it
    except ImportError as error:
        raise HostError(f"serving HTTP needs `{error.name}`: install `wasmcp[serve]`") from None
    from wasmcp.host.transports.listener import listen_tcp

    bound = listen_tcp(options.host, options.port)
    try:
        _Development(root, server, options, reports, bound).run()
    finally:
        bound.close()


class _Development:
    def __init__(
        self, root: Path, server: str | None, options: DevelopmentOptions, reports: Reports, bound: socket.socket
    ) -> None:
        from wasmcp.environment import BOUND_TO
        from wasmcp.host.configuration.settings import ALLOWED_HOSTS, from_environment, limits_for, with_state_keys
        from wasmcp.host.engine import logs
        from wasmcp.host.operations.tracing import check_installed, is_enabled
        from wasmcp.host.transports.listener import host_names

        logs.set_up()
        self._traces = is_enabled(options.traces, os.environ)
        if self._traces:
            check_installed()
        self._tracing: Tracing | None = None
        self._options = options
        self._reports = reports
        self._bound = bound
        self._feed = Feed()
        self._opened: Server | None = None
        self._owning = threading.Lock()
        self._owned: tuple[DevelopmentServer | None, Mapping[str, Mapping[str, str]]] = (None, {})
        self._hosts = host_names(options.host)
        settings = from_environment(os.environ, options.given.env)
        names = settings if ALLOWED_HOSTS in settings else {**settings, BOUND_TO: ",".join(self._hosts)}
        self._settings = with_state_keys(names)
        self._limits = limits_for(settings, options.limits)
        self._builds = Builds(root, server, on_start=self._started, on_version=self._version, on_event=reports.on_event)

    def run(self) -> None:
        """Serve until the process is interrupted."""
        shown = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        url = f"http://{shown}:{self._bound.getsockname()[1]}"
        opened = self._builds.first(self._open)
        if opened is None or self._builds.current is None:
            return
        self._opened = opened
        self._reports.on_listening(url)
        watcher = threading.Thread(target=self._builds.follow, args=(opened,), name="wasmcp-watch", daemon=True)
        watcher.start()
        try:
            self._serve(opened, self._builds.current)
        finally:
            self._end()

    def _serve(self, opened: Server, built: DevelopmentServer) -> None:
        from wasmcp.host.transports.http_process import Serving, note_reloads, serve_on
        from wasmcp.host.transports.starting import Opening

        note_reloads()
        serving = Serving(
            built.path,
            HttpOptions(host=self._options.host, port=self._options.port, traces=self._options.traces),
            self._limits,
            self._settings,
            self._options.given.env,
            tuple(self._options.given.directories),
            None,
            self._options.given.keyvalue,
            Published.read(built.path).configuration.limits,
        )
        serve_on(
            self._bound,
            Opening.of(opened),
            serving,
            self._end,
            wrap=self._wrapped if self._options.has_page else None,
            reload=self._builds.rebuild,
            tracing=self._tracing,
        )

    def _wrapped(self, app: object) -> Playground:
        return Playground(app, self._feed, self._structure, self._hosts, self._owners)  # type: ignore[arg-type]

    def _open(self, built: DevelopmentServer) -> Server:
        from wasmcp.host import open_server
        from wasmcp.host.transports.stdio_server import compiling_notice

        given = replace(self._options.given, keyvalue=operator_store(self._options.given.keyvalue, os.environ))
        whole = complete(Published.read(built.path), given, os.environ)
        self._begin_traces(built)
        return open_server(
            built.path,
            limits=self._limits,
            settings=self._settings,
            env=whole.env,
            directories=tuple(whole.directories),
            keyvalue=whole.keyvalue,
            echo_stderr=True,
            quick=True,
            on_compile=lambda: compiling_notice(built.path),
            development=built.modules,
            on_built=None if self._tracing is None else self._tracing.built,
        )

    def _begin_traces(self, built: DevelopmentServer) -> None:
        """Begin to export traces, with the name and version of the first build."""
        if self._traces and self._tracing is None:
            from wasmcp.host.operations.tracing import of_process

            found = Published.read(built.path)
            self._tracing = of_process(self._options.traces, found.name, found.metadata.get("version"))

    def _started(self, changed: tuple[str, ...]) -> None:
        self._feed.publish_state({"state": "building", "files": list(changed)[:20]})
        self._reports.on_start(changed)

    def _version(self, version: Version) -> None:
        self._feed.publish_state(version.to_dict())
        self._reports.on_version(version)

    def _structure(self) -> str:
        """Return the page of the server's structure."""
        from wasmcp.insight.diagram import draw
        from wasmcp.insight.pictures import page

        built = self._builds.current
        try:
            if built is not None:
                return page(draw(built.path.read_bytes(), built.path.stem))
        except (WasmcpError, OSError):
            pass
        return "<!doctype html><title>No structure</title><p>The structure of the server cannot be read.</p>"

    def _owners(self) -> Mapping[str, Mapping[str, str]]:
        """Return the components of the entries; nothing as long as they cannot be listed."""
        built, opened = self._builds.current, self._opened
        with self._owning:
            if built is not None and opened is not None and self._owned[0] is not built:
                try:
                    self._owned = built, built.owners(opened)
                except (WasmcpError, OSError):
                    return {}
            return self._owned[1]

    def _end(self) -> None:
        self._builds.stop()
        self._feed.close()
