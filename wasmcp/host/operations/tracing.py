"""Traces of a server for OpenTelemetry, with the library `opentelemetry` (extra `otel`).

A span for each JSON-RPC message of a client, with the names and attributes of the semantic conventions for MCP
(opentelemetry.io/docs/specs/semconv, "Semantic conventions for Model Context Protocol", 1.41), and below it spans for
the calls into the server and for the instances that boot for them. The library exports spans on a thread of its own,
behind a bounded queue.

Trace context: W3C Trace Context in `params._meta` (SEP-414) or in the header fields of the request.
"""

from __future__ import annotations

import os
import threading
from time import time_ns
from typing import TYPE_CHECKING

from wasmcp.errors import HostError
from wasmcp.host.operations.message_traces import (
    STDIO_ATTRIBUTES,
    AcceptedTargets,
    RequestTrace,
    http_attributes,
    record_interval,
)
from wasmcp.host.operations.request_facts import received

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wasmcp.host.operations.request_logs import RequestRecord

DISABLED = "OTEL_SDK_DISABLED"
EXPORTER = "OTEL_TRACES_EXPORTER"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"
_FLUSH = 5.0  # maximum seconds that the end of the process waits for the collector


def is_enabled(option: bool | None, environment: Mapping[str, str]) -> bool:
    """Return True if traces are exported: by the operator's option, otherwise by the variables of OpenTelemetry.

    Args:
        option: True or False for an operator's choice; None for that of the environment.
        environment: Variables by name: `OTEL_TRACES_EXPORTER=otlp`, or the endpoint of a collector, enable traces;
            `OTEL_SDK_DISABLED=true` and `OTEL_TRACES_EXPORTER=none` disable them.

    Raises:
        HostError: The option and a variable contradict each other, or a variable has a value that is not supported.
    """
    if option is False:
        return False
    exporter = environment.get(EXPORTER, "").strip().lower()
    disabled = environment.get(DISABLED, "").strip().lower() == "true"
    if disabled or exporter == "none":
        if option:
            name = DISABLED if disabled else EXPORTER
            raise HostError(f"`--traces` contradicts `{name}={environment[name]}`: leave one of them out")
        return False
    if not (option or exporter or any(environment.get(name) for name in _ENDPOINTS)):
        return False
    if exporter not in {"", "otlp"}:
        raise HostError(f"`{EXPORTER}` must be `otlp` or `none`, not `{environment[EXPORTER]}`")
    for name in _PROTOCOLS:
        protocol = environment.get(name, "").strip().lower()
        if protocol not in {"", _PROTOCOL}:
            raise HostError(f"`{name}` must be `{_PROTOCOL}`, not `{environment[name]}`")
        if protocol:
            break  # the variable for traces takes precedence
    return True


def check_installed() -> None:
    """Check that the extra is installed.

    Raises:
        HostError: A library is missing.
    """
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401 - only whether they are installed
    except ImportError as error:
        raise HostError(f"traces need `{error.name}`: install `wasmcp[otel]`") from None


class Tracing:
    """Traces of one process."""

    def __init__(self, service: str, version: str | None) -> None:
        """Begin to export traces, as the variables `OTEL_*` define it.

        Args:
            service: The name of the service, unless a variable sets it.
            version: Its version, unless a variable sets it; or None.

        Raises:
            HostError: A library is missing, or the exporter cannot be created with these variables.
        """
        check_installed()
        from opentelemetry import propagate
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from wasmcp import __version__

        resource = Resource.create()
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": service}))
        if version is not None and "service.version" not in resource.attributes:
            resource = resource.merge(Resource({"service.version": version}))
        try:
            self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        except ValueError as error:
            raise HostError(f"traces cannot be exported with these variables `OTEL_*`: {error}") from None
        self._tracer = self._provider.get_tracer("wasmcp", __version__)
        self._extract = propagate.extract
        self._accepted = AcceptedTargets()

    def begin(self, record: RequestRecord, fields: Mapping[str, str], body: bytes) -> RequestTrace | None:
        """Begin the spans of the messages of an HTTP request; None if it has none.

        Args:
            record: The request.
            fields: Its header fields, names in lower case.
            body: Its body.
        """
        record.messages = record.messages or received(body)
        trace = RequestTrace(
            self._tracer,
            self._extract,
            record.messages,
            body,
            start=int(record.time * 1e9),
            common=http_attributes(record),
            fields=fields,
            accepted=self._accepted,
        )
        if not trace.spans:
            return None
        record.trace = trace
        return trace

    def begin_line(self, line: bytes) -> RequestTrace | None:
        """Begin the spans of the messages of a line over stdio; None if it has none."""
        trace = RequestTrace(
            self._tracer,
            self._extract,
            received(line),
            line,
            start=time_ns(),
            common=STDIO_ATTRIBUTES,
            fields={},
            accepted=self._accepted,
        )
        return trace if trace.spans else None

    def observe(self, record: RequestRecord) -> None:
        """End the spans of a request, or record one for a request without messages."""
        if record.trace is not None:
            record.trace.end(record)
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode

        start = int(record.time * 1e9)
        name = record.method if record.method in {"GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT"} else "HTTP"
        span = self._tracer.start_span(name, kind=SpanKind.SERVER, start_time=start, attributes=http_attributes(record))
        span.set_attribute("http.response.status_code", record.status)
        if record.status >= 500:
            span.set_attribute("error.type", str(record.status))
            span.set_status(Status(StatusCode.ERROR))
        span.end(start + int(record.seconds * 1e9))

    def built(self, kind: str, seconds: float, error: Exception | None = None) -> None:
        """Record the compilation of the server, or its load from the compile cache, that has just ended.

        Args:
            kind: `compile` or `load`.
            seconds: The duration.
            error: The error that ended it; or None.
        """
        record_interval(self._tracer, f"wasmcp.{kind}", seconds, error)

    def close(self) -> None:
        """Export what waits, for at most five seconds."""
        thread = threading.Thread(target=self._provider.shutdown, name="wasmcp-traces", daemon=True)
        thread.start()
        thread.join(_FLUSH)


def of_process(option: bool | None, service: str, version: str | None) -> Tracing | None:
    """Return the traces of this process; None if they are disabled.

    Raises:
        HostError: The same as for `is_enabled` and `Tracing`.
    """
    return Tracing(service, version) if is_enabled(option, os.environ) else None
