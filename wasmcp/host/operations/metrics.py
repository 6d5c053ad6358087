"""Metrics of a server for Prometheus, with the library `prometheus_client` (extra `metrics`).

Names follow https://prometheus.io/docs/practices/naming/. With several workers, each writes its values to files in a
common directory, and the supervisor serves their sum.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError, WasmcpError
from wasmcp.host.operations.request_records import KNOWN_METHODS, decision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wasmcp.host.operations.request_records import RequestRecord

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable of `prometheus_client` with the directory of the values of several processes."""

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_MOST_TARGETS = 500  # maximum number of tools and prompts with values of their own
_MOST_WAITING = 500  # maximum number of counts that wait for the names of the server
_NAMES_AGE = 60.0  # minimum seconds between two readings of the server's lists
_OTHER = "other"
_TARGETS = frozenset({"tools/call", "prompts/get"})  # methods whose targets are names, not URIs


_MISSING = "metrics need `prometheus_client`: install `wasmcp[metrics]`"


def check_library() -> None:
    """Check that the library is installed, without importing it: `DIRECTORY` has to be set before that.

    Raises:
        HostError: It is not installed.
    """
    if find_spec("prometheus_client") is None:
        raise HostError(_MISSING)


def _library() -> Any:
    try:
        import prometheus_client
    except ImportError:
        raise HostError(_MISSING) from None
    return prometheus_client


class Metrics:
    """Metrics of one process."""

    def __init__(
        self, gauges: Mapping[str, tuple[str, Callable[[], float]]], names: Callable[[], Iterable[tuple[str, str]]]
    ) -> None:
        """Register the metrics.

        Args:
            gauges: Descriptions, and functions that return the current value, by name.
            names: Function that lists the tools and prompts of the server: the method that calls each, and its name.

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
        self._names = names
        self._targets: set[tuple[str, str]] = set()
        self._waiting: dict[tuple[str, str, str], int] = {}
        self._next_names = 0.0
        self._lock = threading.Lock()

    def observe(self, record: RequestRecord) -> None:
        """Count a request."""
        self._responses.labels(str(record.status)).inc()
        for message in record.messages:
            method = message.method if message.method in KNOWN_METHODS else _OTHER
            self._count(method, message.target if method in _TARGETS else "", decision(record))
            self._seconds.labels(method).observe(record.seconds)

    def _count(self, method: str, target: str, decided: str) -> None:
        """Count a message; one with a new target is counted when the names of the server have been read."""
        if target and (method, target) not in self._targets:
            # Only names that exist get values of their own: each takes memory until the end.
            with self._lock:
                key = method, target, decided
                if len(self._waiting) < _MOST_WAITING or key in self._waiting:
                    self._waiting[key] = self._waiting.get(key, 0) + 1
                    return
            target = _OTHER
        self._requests.labels(method, target, decided).inc()

    def refresh(self) -> None:
        """Set the gauges to their current values, and count the messages with new targets. It can block."""
        for gauge, value in self._gauges:
            gauge.set(value())
        if not self._waiting or monotonic() < self._next_names:
            return
        self._next_names = monotonic() + _NAMES_AGE
        try:
            known = set(self._names())
        except (WasmcpError, LookupError, TypeError, ValueError):  # it has ended, or its lists cannot be read
            known = set()
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for (method, target, decided), times in waiting.items():
            named = (method, target) in self._targets
            if not named and (method, target) in known and len(self._targets) < _MOST_TARGETS:
                self._targets.add((method, target))
                named = True
            self._requests.labels(method, target if named else _OTHER, decided).inc(times)


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
        except (OSError, UnicodeError) as error:  # a name that is not one
            reason = getattr(error, "strerror", None) or error
            raise HostError(f"cannot serve metrics on `{host}` port {port}: {reason}") from None

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
