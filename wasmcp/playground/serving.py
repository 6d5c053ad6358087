"""Development server of a project: its builds, its HTTP endpoint, and the playground."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wasmcp.errors import HostError, WasmcpError
from wasmcp.host.configuration.declared import Given, Published, complete, operator_store
from wasmcp.host.engine.limits import Limits
from wasmcp.host.transports.http_options import HttpOptions
from wasmcp.playground.application import Feed, Playground
from wasmcp.playground.builds import Builds, Version

if TYPE_CHECKING:
    import socket

    from wasmcp.host import Server
    from wasmcp.host.operations.tracing import Tracing
    from wasmcp.project.development import DevelopmentServer
    from wasmcp.project.events import BuildEvent


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
    from wasmcp.host.transports.listening import listen_tcp

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
        from wasmcp.host.transports.listening import host_names

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
