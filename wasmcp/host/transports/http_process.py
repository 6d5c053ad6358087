"""Server that one process serves over HTTP: its reloads, logs, metrics, traces and rate limits."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmcp.errors import RequestError
from wasmcp.host.configuration.declared import REUSES
from wasmcp.host.operations.rate_limits import RateLimiter
from wasmcp.host.operations.request_records import LogFile, access_line, audit_lines
from wasmcp.host.scheduling.interruption import defer_all, only_notes
from wasmcp.host.transports.asgi_middleware import Admission, Endpoint, Observation, ProxiedClients

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

    from wasmcp.host.client.server import Server
    from wasmcp.host.engine.limits import Limits
    from wasmcp.host.mcp.manifest_responder import EarlyLists
    from wasmcp.host.operations.metrics import Metrics, MetricsEndpoint, Refresher
    from wasmcp.host.operations.rate_limits import RateLimits
    from wasmcp.host.operations.request_records import RequestRecord
    from wasmcp.host.operations.tracing import Tracing
    from wasmcp.host.transports.asgi import App
    from wasmcp.host.transports.connections import Connections
    from wasmcp.host.transports.http_options import HttpOptions
    from wasmcp.host.transports.starting import Opening

# Python switches between threads every 5 ms by default; a call into a Zig tool takes 0.05 ms.
_SWITCH_INTERVAL = 0.0005
_WATCH = 0.5  # seconds between looks at a file that is watched
_MARGIN = 5  # seconds for the responses of requests that are stopped at their time limit


class Serving(NamedTuple):
    """A server to serve, and everything that a process needs to serve it."""

    path: Path
    options: HttpOptions
    limits: Limits
    settings: Mapping[str, str]
    env: Mapping[str, str]
    directories: tuple[tuple[str, str, bool], ...]
    instances: int | None
    keyvalue: str | None
    rates: RateLimits
    reuse: str = REUSES[0]
    verbose: bool = False

    def tracing(self) -> Tracing | None:
        """Return the traces of this process; None if they are disabled.

        Raises:
            HostError: The variables `OTEL_*` are invalid, or the extra is missing.
        """
        from wasmcp.host.configuration.declared import Published
        from wasmcp.host.operations.tracing import of_process

        found = Published.read(self.path)
        return of_process(self.options.traces, found.name, found.metadata.get("version"))

    def open(self, tracing: Tracing | None = None) -> Server:
        """Open the server; see `open_server`.

        Args:
            tracing: The traces in which compilations are recorded.
        """
        from wasmcp.host.client.server import open_server
        from wasmcp.host.transports.stdio_server import compiling_notice

        return open_server(
            self.path,
            limits=self.limits,
            settings=self.settings,
            env=self.env,
            directories=self.directories,
            instances=self.instances,
            reuse=self.reuse,
            keyvalue=self.keyvalue,
            echo_stderr=True,
            quick_start=True,
            on_compile=lambda: compiling_notice(self.path),
            on_built=None if tracing is None else tracing.built,
        )

    def early_lists(self) -> EarlyLists | None:
        """Return the responder to requests for lists until the server is open; None if they wait, too."""
        from wasmcp.host.mcp.manifest_responder import EarlyLists, ManifestResponder

        return EarlyLists.of(ManifestResponder.of_file(self.path), self.settings, self.limits.request)


class Operations:
    """Logs, metrics, traces and rate limits of one process.

    Attributes:
        admission: The admission of requests; None if neither limits nor logs need it.
        observers: The functions to call with each request that has ended.
    """

    def __init__(
        self,
        is_session: Callable[[str], bool],
        options: HttpOptions,
        rates: RateLimits,
        tracing: Tracing | None = None,
    ) -> None:
        """Open the logs.

        Args:
            is_session: Function that returns True if a session with this identifier exists.
            options: The options of the HTTP server.
            rates: The rate limits of each client.
            tracing: The traces of this process; None for none.

        Raises:
            HostError: A log cannot be written.
        """
        self._options = options
        self.observers: list[Callable[[RequestRecord], None]] = []
        self._logs: list[LogFile] = []
        self._metrics: Metrics | None = None
        self._refresher: Refresher | None = None
        self._endpoint: MetricsEndpoint | None = None
        if options.access_log is not None:
            access = LogFile(options.access_log, lambda dropped: f"# {dropped} bytes were dropped: written too slowly")
            self._logs.append(access)
            self.observers.append(lambda record: access.write(access_line(record)))
        if options.audit_log is not None:
            audit = LogFile(options.audit_log, lambda dropped: json.dumps({"dropped_bytes": dropped}))
            self._logs.append(audit)
            self.observers.append(lambda record: _write_audit(audit, record, arguments=options.audit_arguments))
        self._tracing = tracing
        if tracing is not None:
            self.observers.append(tracing.observe)
        self.admission: Admission | None = None
        if rates or options.audit_log is not None or options.metrics is not None:
            limiter = RateLimiter(rates) if rates else None
            identifies = options.audit_log is not None
            self.admission = Admission(limiter, is_session, identifies=identifies)

    @property
    def observes(self) -> bool:
        """True if requests are to be observed: now, or as soon as the server is open."""
        return bool(self.observers) or self._options.metrics is not None

    def start(self, opened: Server, app: App, connections: Connections) -> None:
        """Begin to measure, and serve the metrics unless the supervisor of several workers does.

        Args:
            opened: The server.
            app: Its application.
            connections: The connections of the HTTP server.

        Raises:
            HostError: The library for metrics is not installed, or their address cannot be listened on.
        """
        if self._options.metrics is None:
            return
        from wasmcp.host.operations.metrics import DIRECTORY, Metrics, MetricsEndpoint, Refresher

        if self._options.workers == 1:
            os.environ.pop(DIRECTORY, None)  # of another program: the values of one process need no files
        self._metrics = Metrics(
            {
                "wasmcp_connections": ("Open connections", lambda: len(connections)),
                "wasmcp_instances": ("Instances of the server", lambda: opened.pool.instances),
                "wasmcp_waiting_calls": ("Calls that wait for an instance", lambda: opened.pool.waiting_calls),
                "wasmcp_sessions": ("Sessions of clients of handshake revisions", lambda: len(opened.sessions)),
                "wasmcp_streams": ("Open streams of notifications", lambda: app.streams.used),
            },
            lambda: _names(opened),
        )
        self.observers.append(self._metrics.observe)
        self._metrics.refresh()
        self._refresher = Refresher(self._metrics)
        if self._options.workers == 1:
            self._endpoint = MetricsEndpoint(*self._options.metrics, self._metrics.registry)

    def reopen(self) -> None:
        """Open the logs again, because they may have been rotated.

        Raises:
            HostError: A log cannot be opened; it goes on in the file before.
        """
        for one in self._logs:
            one.reopen()

    def close(self) -> None:
        """Write what waits, and stop the metrics and traces."""
        for one in (*self._logs, self._refresher, self._endpoint, self._tracing):
            if one is not None:
                one.close()


def _names(opened: Server) -> Iterator[tuple[str, str]]:
    """List the tools and prompts of a server: the method that calls each, and its name."""
    for listing, member, method in (("tools/list", "tools", "tools/call"), ("prompts/list", "prompts", "prompts/get")):
        try:
            for item in opened.list_all(listing, member):
                yield method, item["name"]
        except RequestError:  # without the capability
            continue


def _write_audit(audit: LogFile, record: RequestRecord, *, arguments: bool) -> None:
    for line in audit_lines(record, arguments=arguments):
        audit.write(line)


def serve_on(
    bound: socket.socket,
    opening: Opening,
    serving: Serving,
    on_shutdown: Callable[[], None] = lambda: None,
    *,
    on_open: Callable[[], None] = lambda: None,
    wrap: Callable[[Any], Any] | None = None,
    reload: Callable[[], None] | None = None,
    tracing: Tracing | None = None,
) -> None:
    """Serve a server on a socket until the process is interrupted or terminated; close the server then.

    A server that is not open is opened on a thread. Until then requests for lists are answered, and others wait.

    Args:
        bound: The socket.
        opening: The server.
        serving: The server's file and options.
        on_shutdown: Called when the shutdown begins.
        on_open: Called on the event loop when a server that was not open has been opened.
        wrap: Function that returns an ASGI application in front of the one that it gets.
        reload: Called on another thread to reload the server, instead of loading its file again.
        tracing: The traces of this process, which are closed then; None for none.

    Raises:
        WasmcpError: The server cannot be opened.
    """
    from wasmcp.host.engine.limits import Budget
    from wasmcp.host.scheduling.dispatch import MOST_INSTANCES
    from wasmcp.host.transports.asgi import App
    from wasmcp.host.transports.connections import Connections, connection_limit
    from wasmcp.host.transports.http_connection import HttpConnection
    from wasmcp.host.transports.listener import QUEUE, Listener
    from wasmcp.host.transports.starting import Starting

    options = serving.options
    operations = Operations(opening.is_session, options, serving.rates, tracing)
    bounds = serving.limits.http
    unread = Budget(bounds.unread_bytes)
    connections = Connections(bounds, connection_limit(bounds, serving.instances or MOST_INSTANCES), unread)

    def application(opened: Server) -> App:
        ended = opened.sessions.ended
        if options.workers > 1 and ended is not None and not ended.is_shared:
            opened.sessions.ended = None  # other workers would accept an id that has ended in this one
        app = App(opened, operations.admission, tracing, unread)
        connections.limit(connection_limit(bounds, opened.pool.size))
        operations.start(opened, app, connections)
        return app

    state = _State(opening)
    starting = None
    if opening.server is None:
        starting = Starting(bounds, serving.early_lists(), operations.admission, tracing)
        inner: Any = starting
    else:
        inner = application(opening.server)
    endpoint = Endpoint(inner, state.problem, path=options.path, root_path=options.root_path)
    whole = _wrapped(endpoint if wrap is None else wrap(endpoint), operations, options)
    tls = None
    if options.tls_certificate is not None:
        from wasmcp.host.transports.tls_server import tls_context  # lazy: most servers have no TLS

        tls = tls_context(options.tls_certificate, options.tls_key)

    class ReloadingListener(Listener):
        def listening(self) -> None:
            bound.listen(QUEUE)  # connections wait in the kernel, not in asyncio, which accepts them in rounds
            self._reloads = _Reloads(opening, serving, tls, operations, reload)
            if starting is None:
                self._reloads.start()
                _release_code()
            else:
                loop = asyncio.get_running_loop()
                opening.start(lambda: _call_on(loop, self._opened))

        def _opened(self) -> None:
            """Pass requests on to the server that was opened, or end the process."""
            if state.ends or starting is None:
                return
            app = None
            try:
                app = None if opening.server is None else application(opening.server)
            except Exception as error:  # noqa: BLE001 - raised when the event loop has ended
                opening.error = error
            starting.use(app)
            if app is None:
                self.end()
                return
            endpoint.replace(app)
            self._reloads.start()
            _release_code()
            on_open()

        def ending(self) -> None:
            state.ends = True
            on_shutdown()
            self._reloads.stop()
            if opening.server is not None:
                opening.server.hub.close()  # requests in progress are waited for, and open streams would not end
            elif starting is not None:
                starting.use(None)

    listener = ReloadingListener(
        whole, HttpConnection.bound_to(connections), tls=tls, seconds=seconds_to_end(serving.limits)
    )
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        listener.run(bound)
    finally:
        sys.setswitchinterval(interval)
        defer_all()
        opening.close()
        operations.close()
    for number in listener.received:
        signal.raise_signal(number)
    if opening.error is not None:
        raise opening.error


def _wrapped(app: Any, operations: Operations, options: HttpOptions) -> Any:
    """Wrap an application for the logs and for the addresses of clients, as far as the options need it."""
    if operations.observes:
        app = Observation(app, operations.observers, options.root_path)
    return ProxiedClients(app, options.trusted_proxies) if options.trusted_proxies else app


def seconds_to_end(limits: Limits) -> int | None:
    """Return the seconds that requests in progress get when the process is terminated; None for no limit."""
    return None if limits.timeout is None else ceil(limits.timeout) + _MARGIN


def _release_code() -> None:
    """Return the code that only the start has run to the system, on a thread of its own."""
    from wasmcp.host.engine.memory import release_code

    threading.Thread(target=release_code, name="wasmcp-release", daemon=True).start()


def _call_on(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    """Call a function on an event loop, unless that is closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function)


_early: list[int] = []  # signals to reload that arrived before the event loop


def note_reloads() -> None:
    """Remember SIGHUP until the event loop handles it, instead of ending the process."""
    if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
        _early.clear()
        signal.signal(signal.SIGHUP, lambda number, _frame: _early.append(number))
        only_notes(signal.SIGHUP)


class _State:
    """Readiness of a process."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self.ends = False

    def problem(self) -> str | None:
        """Return the reason if requests cannot be processed, else None."""
        if self.ends:
            return "the server is shutting down"
        opened = self._opening.server
        if opened is None:
            return "the server is being compiled"
        return "the server cannot be started" if opened.pool.failure is not None else None


class _Reloads:
    """Reloads of a server and its certificate: at SIGHUP and, on request, when the file changes. On the event loop."""

    def __init__(
        self,
        opening: Opening,
        serving: Serving,
        tls: Any,
        operations: Operations,
        reload: Callable[[], None] | None,
    ) -> None:
        self._own_reload = reload
        self._opening = opening
        self._operations = operations
        self._serving = serving
        self._tls = tls
        self._wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to wait for SIGHUP and changes of the file."""
        loop = asyncio.get_running_loop()
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            loop.add_signal_handler(signal.SIGHUP, self._wanted.set)
            only_notes(signal.SIGHUP)
            if _early:
                self._wanted.set()
        self._tasks.append(loop.create_task(self._run()))
        if self._serving.options.watch:
            self._tasks.append(loop.create_task(self._watch()))

    def stop(self) -> None:
        """End all tasks; later signals are ignored."""
        for task in self._tasks:
            task.cancel()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await asyncio.to_thread(self._reload)

    async def _watch(self) -> None:
        """Reload when the file has changed, and does not change any more."""
        loaded = seen = _stamp(self._serving.path)
        while True:
            await asyncio.sleep(_WATCH)
            now = _stamp(self._serving.path)
            if now is not None and now == seen and now != loaded:
                loaded = now
                self._wanted.set()
            seen = now

    def _reload(self) -> None:
        from wasmcp.host.engine import logs

        path, options = self._serving.path, self._serving.options
        try:
            self._operations.reopen()
            if options.tls_certificate is not None:
                from wasmcp.host.transports.tls_server import load_certificate

                load_certificate(self._tls, options.tls_certificate, options.tls_key)
            if self._own_reload is not None:
                self._own_reload()
                return
            if self._opening.server is not None:
                self._opening.server.reload(path)
        except Exception as error:  # noqa: BLE001 - the next signal must find the task alive
            message = f"{path.name} was not reloaded, the previous version is still served: {error}"
            logs.log(logs.TRANSPORTS, logs.ERROR, message, path=path, error=error)
        else:
            logs.log(logs.TRANSPORTS, logs.INFO, f"{path.name} was reloaded", path=path)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
