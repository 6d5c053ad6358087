"""Logs, metrics, traces and rate limits of one process of `wasmcp serve`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from wasmcp.errors import RequestError
from wasmcp.host.operations.rate_limits import RateLimiter
from wasmcp.host.operations.request_logs import LogFile, access_line, audit_lines
from wasmcp.host.transports.observation import Admission

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wasmcp.host.client.server import Server
    from wasmcp.host.operations.metrics import Metrics, MetricsEndpoint, Refresher
    from wasmcp.host.operations.rate_limits import RateLimits
    from wasmcp.host.operations.request_logs import RequestRecord
    from wasmcp.host.operations.tracing import Tracing
    from wasmcp.host.transports.asgi import App
    from wasmcp.host.transports.connections import Connections
    from wasmcp.host.transports.http_options import HttpOptions


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
        if DIRECTORY not in os.environ:
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
