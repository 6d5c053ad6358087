"""Metrics of a server for Prometheus, with the library `prometheus_client` (extra `metrics`).

Names follow https://prometheus.io/docs/practices/naming/. With several workers, each writes its values to files in a
common directory, and the supervisor serves their sum.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError
from wasmcp.host.operations.request_logs import decision
from wasmcp.protocol import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wasmcp.host.operations.request_logs import RequestRecord

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable of `prometheus_client` with the directory of the values of several processes."""

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_MOST_TARGETS = 500  # maximum number of tools and prompts with values of their own
_OTHER = "other"
_TARGETS = frozenset({"tools/call", "prompts/get"})  # methods whose targets are names, not URIs


def _library() -> Any:
    try:
        import prometheus_client
    except ImportError:
        raise HostError("metrics need `prometheus_client`: install `wasmcp[metrics]`") from None
    return prometheus_client


class Metrics:
    """Metrics of one process."""

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        """Register the metrics.

        Args:
            gauges: Descriptions, and functions that return the current value, by name.

        Raises:
            HostError: The library is not installed.
        """
        library = _library()
        registry = self.registry = library.CollectorRegistry()
        labels = ["method", "target", "decision"]
        self._requests = library.Counter(
            "wasmcp_requests", "Requests by JSON-RPC method and target", labels, registry=registry
        )
        self._seconds = library.Histogram(
            "wasmcp_request_duration_seconds",
            "Durations of requests",
            ["method"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._responses = library.Counter("wasmcp_http_responses", "HTTP responses", ["status"], registry=registry)
        self._gauges = [
            (library.Gauge(name, text, registry=registry, multiprocess_mode="livesum"), value)
            for name, (text, value) in gauges.items()
        ]
        self._targets: set[str] = set()

    def observe(self, record: RequestRecord) -> None:
        """Count a request."""
        self._responses.labels(str(record.status)).inc()
        for message in record.messages:
            method = message.method if message.method in METHODS else _OTHER
            target = message.target if method in _TARGETS else ""
            if target and target not in self._targets:
                # Only names that exist get values of their own, and not too many: each takes memory until the end.
                if record.status == 200 and len(self._targets) < _MOST_TARGETS:
                    self._targets.add(target)
                else:
                    target = _OTHER
            self._requests.labels(method, target, decision(record)).inc()
            self._seconds.labels(method).observe(record.seconds)

    def refresh(self) -> None:
        """Set the gauges to their current values."""
        for gauge, value in self._gauges:
            gauge.set(value())


class MetricsEndpoint:
    """HTTP server of metrics, on an address of its own: `/metrics`."""

    def __init__(self, host: str, port: int, registry: Any) -> None:
        """Listen.

        Raises:
            HostError: The address cannot be listened on, or the library is not installed.
        """
        library = _library()
        try:
            self._server, self._thread = library.start_http_server(port, host, registry)
        except OSError as error:
            raise HostError(f"cannot serve metrics on `{host}` port {port}: {error.strerror or error}") from None

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class SharedMetrics:
    """Directory of the values of several processes, for the supervisor. It sets `DIRECTORY` for its children."""

    def __init__(self) -> None:
        """Make the directory.

        Raises:
            HostError: The library is not installed.
        """
        _library()
        self._path = tempfile.mkdtemp(prefix="wasmcp-metrics-")
        os.environ[DIRECTORY] = self._path

    def registry(self) -> Any:
        """Return a registry with the sums of all processes."""
        from prometheus_client import multiprocess

        registry = _library().CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, self._path)  # type: ignore[no-untyped-call]
        return registry

    def ended(self, pid: int) -> None:
        """Remove the gauges of a process that has ended."""
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid, self._path)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Remove the directory."""
        os.environ.pop(DIRECTORY, None)
        shutil.rmtree(self._path, ignore_errors=True)


class Refresher:
    """Thread that refreshes the gauges of a process each second."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wasmcp-metrics", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(1.0):
            self._metrics.refresh()

    def close(self) -> None:
        """Stop the thread."""
        self._ended.set()
