"""Traces of a server for OpenTelemetry, with the library `opentelemetry` (extra `otel`).

A span for each JSON-RPC message of a client, with the names and attributes of the semantic conventions for MCP
(opentelemetry.io/docs/specs/semconv, "Semantic conventions for Model Context Protocol", 1.41), and below it spans for
the calls into the server and for the instances that boot for them. The library exports spans on a thread of its own,
behind a bounded queue. Components see the trace context of the messages.

Trace context: W3C Trace Context in `params._meta` (SEP-414) or in the header fields of the request.
"""

from __future__ import annotations

import json
import os
import re
import threading
from hashlib import sha256
from time import time_ns
from typing import TYPE_CHECKING, Any

from wasmcp.errors import GuestTrapError, HostError
from wasmcp.host.operations.request_records import KNOWN_METHODS, received
from wasmcp.protocol import META

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wasmcp.host.operations.request_records import Received, RequestRecord

_NAMED = {"tools/call": "gen_ai.tool.name", "prompts/get": "gen_ai.prompt.name"}
_RESOURCES = frozenset(
    {"resources/read", "resources/subscribe", "resources/unsubscribe", "notifications/resources/updated"}
)
_PARSED = 1 << 20  # maximum bytes of a response in which errors are found
_MOST_SPANS = 100  # maximum number of messages of a batch with spans
_PARENT = re.compile(rb'("traceparent"\s*:\s*")([^"\\]*)"')
_META_MEMBER = re.compile(rb'"_meta"\s*:\s*\{\s*')
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]", re.IGNORECASE)
_ADDED = 128  # maximum bytes that a trace context adds to a body
_DESCRIPTION = 200
MOST_TARGETS = 500
"""Maximum number of tools and prompts whose names become part of names of spans."""


def http_attributes(record: RequestRecord) -> dict[str, Any]:
    """Return the attributes of an HTTP request (semantic conventions for HTTP and networks)."""
    found: dict[str, Any] = {
        "http.request.method": record.method,
        "url.path": record.path.partition("?")[0][:_DESCRIPTION],
        "network.protocol.name": "http",
        "network.protocol.version": record.version,
        "network.transport": "unix" if record.client is None else "tcp",
    }
    if record.client is not None:
        found["client.address"] = record.client
        if record.port:
            found["client.port"] = record.port
    if record.session is not None:  # the identifier itself is a secret
        found["mcp.session.id"] = sha256(record.session.encode()).hexdigest()[:16]
    return found


STDIO_ATTRIBUTES: Mapping[str, Any] = {"network.transport": "pipe"}
"""Attributes of messages over stdio (semantic conventions for MCP)."""


def record_interval(
    tracer: Any,
    name: str,
    seconds: float,
    error: Exception | None,
    *,
    context: Any = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Record a span that ends now.

    Args:
        tracer: The tracer of OpenTelemetry.
        name: The name of the span.
        seconds: The duration.
        error: The error that ended it; or None.
        context: The context with the parent; None for a span without a parent.
        attributes: Its attributes.
    """
    from opentelemetry.context import Context
    from opentelemetry.trace import Status, StatusCode

    ended = time_ns()
    span = tracer.start_span(
        name, context=context or Context(), start_time=ended - int(seconds * 1e9), attributes=attributes
    )
    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
    span.end(ended)


class AcceptedTargets:
    """Names of tools and prompts that the server has accepted in calls, up to a maximum number.

    Only these become part of names of spans: a client can send any number of names that no tool has.
    """

    def __init__(self) -> None:
        self._names: set[tuple[str, str]] = set()

    def has(self, message: Received) -> bool:
        """Return True if the server has accepted the target of a call."""
        return (message.method, message.target) in self._names

    def add(self, message: Received) -> None:
        """Note that the server has accepted the target of a call."""
        if len(self._names) < MOST_TARGETS:
            self._names.add((message.method, message.target))


class RequestTrace:
    """Spans of the messages of one request: begun with it, and ended with its response.

    Attributes:
        spans: The spans, in the order of the messages.
    """

    def __init__(
        self,
        tracer: Any,
        extract: Callable[..., Any],
        messages: Sequence[Received],
        body: bytes,
        *,
        start: int,
        common: Mapping[str, Any],
        fields: Mapping[str, str],
        accepted: AcceptedTargets,
    ) -> None:
        """Begin the spans.

        Args:
            tracer: The tracer of OpenTelemetry.
            extract: Function that returns the context in a carrier.
            messages: The messages.
            body: The body of the request, or the line.
            start: The time of its arrival, in nanoseconds since 1970.
            common: The attributes of all spans.
            fields: The header fields of the request, names in lower case; empty for a line.
            accepted: The tools and prompts that the server has accepted.
        """
        from opentelemetry.trace import Link, SpanKind, get_current_span

        self._tracer = tracer
        self._body = body
        self._last = b""
        self._submitted = time_ns()
        self._accepted = accepted
        self._trapped = False
        self._messages: Sequence[Received] = [one for one in messages if one.method][:_MOST_SPANS]
        self.spans: list[Any] = []
        if not self._messages:
            return
        ambient = extract(fields)
        transport = get_current_span(ambient).get_span_context()
        for message in self._messages:
            carrier = {key: value for key, value in (message.meta or {}).items() if isinstance(value, str)}
            context = extract(carrier)
            parent = get_current_span(context).get_span_context()
            links = [Link(transport)] if parent.is_valid and transport.is_valid and parent != transport else None
            self.spans.append(
                tracer.start_span(
                    self._name(message),
                    context=context if parent.is_valid else ambient,
                    kind=SpanKind.SERVER,
                    attributes={**common, **_attributes(message, fields)},
                    links=links,
                    start_time=start,
                )
            )

    def body(self, limit: int) -> bytes:
        """Return the body in which the span of the message is the parent, for the components that read it.

        Trace context that the client has sent is replaced in place. Otherwise it is added to `_meta`, if there is one.

        Args:
            limit: The maximum size of a body.
        """
        body, text = self._body, self._parent()
        if text is None:
            return body
        parent = text.encode()
        meta = self._messages[0].meta or {}
        if "traceparent" in meta:
            found = _PARENT.findall(body)
            if len(found) != 1 or found[0][1].decode("utf-8", "replace") != meta["traceparent"]:
                return body
            return _PARENT.sub(rb'\g<1>%b"' % parent, body)
        places = list(_META_MEMBER.finditer(body))
        # An escaped name of the member would make the only match one that is not the message's own.
        if not meta or len(places) != 1 or _ESCAPED_LETTER.search(body) or len(body) + _ADDED > limit:
            return body
        end = places[0].end()
        return b'%b"traceparent":"%b",%b' % (body[:end], parent, body[end:])

    def _parent(self) -> str | None:
        """Return the span as `traceparent`; None if the request has several messages, or none that is valid."""
        span = self.spans[0].get_span_context()
        if len(self.spans) > 1 or not span.is_valid:
            return None
        return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"

    def _note_target(self, message: Received, span: Any, answer: dict[str, Any] | None) -> None:
        """Add the target to the name of a span if the server has accepted it: with a result, or by a trap in its code.

        Error responses are short, so that a response that is too long to be searched is a result.
        """
        if message.method not in _NAMED or not message.target or self._accepted.has(message):
            return
        is_result = len(self._last) > _PARSED or (answer is not None and "error" not in answer)
        if self._trapped or is_result:
            self._accepted.add(message)
            span.update_name(self._name(message))

    def _name(self, message: Received) -> str:
        """Return the name of a span: the method, and the tool or prompt. Its number of values must be small."""
        if message.method not in KNOWN_METHODS:
            return "other"
        is_named = message.method in _NAMED and self._accepted.has(message)
        return f"{message.method} {message.target}" if is_named else message.method

    # Observer of a call, on threads of the host

    def header_fields(self) -> list[tuple[str, str]]:
        """Return the header fields with the trace context: `traceparent`, and `tracestate` if there is one."""
        parent = self._parent()
        if parent is None:
            return []
        state = self.spans[0].get_span_context().trace_state.to_header()
        return [("traceparent", parent), *([("tracestate", state)] if state else [])]

    def booted(self, seconds: float, error: Exception | None) -> None:
        """Record the boot of an instance that the call has waited for."""
        self._child("wasmcp.boot", seconds, error)

    def ran(self, seconds: float, error: Exception | None) -> None:
        """Record a call into the server that has ended, or that is suspended."""
        self._trapped = self._trapped or isinstance(error, GuestTrapError)
        waited = max(0.0, (time_ns() - self._submitted) / 1e9 - seconds)
        self._child("wasmcp.call", seconds, error, waited)

    def _child(self, name: str, seconds: float, error: Exception | None, waited: float | None = None) -> None:
        if not self.spans[0].is_recording():
            return  # not sampled, and neither are the spans below it
        from opentelemetry.trace import set_span_in_context

        attributes = None if waited is None else {"wasmcp.wait.duration": waited}
        record_interval(
            self._tracer, name, seconds, error, context=set_span_in_context(self.spans[0]), attributes=attributes
        )

    # On the event loop, or in the order of a line

    def sent(self, part: bytes) -> None:
        """Note a part of the body of the response; the last one has the result."""
        if part and not part.startswith(b":"):
            self._last = part

    def end(self, record: RequestRecord) -> None:
        """End the spans, with what is known of the response."""
        self._end(int((record.time + record.seconds) * 1e9), record.status)

    def end_line(self, answer: bytes) -> None:
        """End the spans of a line.

        Args:
            answer: The response; empty for none.
        """
        self.sent(answer)
        self._end(time_ns(), None)

    def _end(self, ended: int, status: int | None) -> None:
        from opentelemetry.trace import Status, StatusCode

        answers = _answers(self._last) if any(span.is_recording() for span in self.spans) else {}
        for message, span in zip(self._messages, self.spans, strict=True):
            if span.is_recording():
                self._note_target(message, span, answers.get(message.id))
                if status is not None:
                    span.set_attribute("http.response.status_code", status)
                kind, code, description = _failure(status or 0, answers.get(message.id))
                if code is not None:
                    span.set_attribute("rpc.response.status_code", code)
                if kind is not None:
                    span.set_attribute("error.type", kind)
                    span.set_status(Status(StatusCode.ERROR, description))
            span.end(ended)


def _attributes(message: Received, fields: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"mcp.method.name": message.method}
    if message.id is not None:
        found["jsonrpc.request.id"] = str(message.id)[:_DESCRIPTION]
    if message.target:
        if message.method in _NAMED:
            found[_NAMED[message.method]] = message.target
        elif message.method in _RESOURCES:
            found["mcp.resource.uri"] = message.target
    if message.method == "tools/call":
        found["gen_ai.operation.name"] = "execute_tool"
    revision = (message.meta or {}).get(f"{META}protocolVersion", fields.get("mcp-protocol-version"))
    if isinstance(revision, str):
        found["mcp.protocol.version"] = revision[:_DESCRIPTION]
    return found


def _answers(data: bytes) -> dict[Any, dict[str, Any]]:
    """Return the responses in a body, or in an event of a stream, by id."""
    if data.startswith(b"data: "):
        data = (b"\n" + data).rpartition(b"\ndata: ")[2]  # the last event: JSON text has no line breaks
    if not data.startswith((b"{", b"[")) or len(data) > _PARSED:
        return {}
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    found = parsed if isinstance(parsed, list) else [parsed]
    return {
        one.get("id"): one for one in found if isinstance(one, dict) and isinstance(one.get("id"), str | int | None)
    }


def _failure(status: int, answer: dict[str, Any] | None) -> tuple[str | None, str | None, str | None]:
    """Return `error.type`, the JSON-RPC code and a description of a response; None where it has none."""
    error, result = (answer or {}).get("error"), (answer or {}).get("result")
    if isinstance(error, dict):
        code = str(error.get("code"))[:_DESCRIPTION]
        return code, code, str(error.get("message"))[:_DESCRIPTION]
    if isinstance(result, dict) and result.get("isError") is True:
        return "tool_error", None, None
    return (str(status), None, None) if status >= 400 else (None, None, None)


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
