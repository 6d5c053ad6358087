"""Traces of `wasmcp serve` for OpenTelemetry, received by a collector on loopback."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.otlp_collector import Collector, collector
from support.server_processes import WASMCP, free_port, served
from support.waiting import wait_until
from support.zig_servers import granted_server

from wasmcp.errors import HostError
from wasmcp.host.operations.tracing import Tracing, is_enabled
from wasmcp.protocol import LATEST

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
OTHER = "4bf92f3577b34da6a3ce929d0e0e4736"
AMBIENT = f"00-{OTHER}-b7ad6b7169203331-01"
SERVER, INTERNAL, ERROR = 2, 1, 2  # of the protobuf enumerations


@pytest.fixture
def otlp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collector() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield found


class Client:
    """Requests to one process over HTTP."""

    def __init__(self, port: int) -> None:
        self.port = port

    def send(self, body: bytes, headers: dict[str, str] | None = None, method: str = "POST") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with_type = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        connection.request(method, "/mcp", body, {**with_type, **(headers or {})})
        response = connection.getresponse()
        found = response.status, response.read()
        connection.close()
        return found

    def call(self, tool: str, arguments: dict[str, Any], meta: dict[str, Any] | None = None, **headers: str) -> Any:
        required = {
            "io.modelcontextprotocol/protocolVersion": LATEST,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        }
        params = {"name": tool, "arguments": arguments, "_meta": {**required, **(meta or {})}}
        body = json.dumps({"jsonrpc": "2.0", "id": "seven", "method": "tools/call", "params": params}).encode()
        fields = {"MCP-Protocol-Version": LATEST, "Mcp-Method": "tools/call", "Mcp-Name": tool, **headers}
        return self.send(body, fields)


def test_spans_of_requests_calls_and_compilations(zig_server: Path, otlp: Collector) -> None:
    port = free_port()
    with served(str(zig_server), "--port", str(port)) as process:
        client = Client(port)
        assert client.call("add", {"a": 1, "b": 2})[0] == 200
        assert client.call("crash", {})[0] == 200
        assert client.call("missing", {})[0] in {200, 400}
        assert client.send(b"", method="PUT")[0] in {404, 405}
        assert process.stop() in {0, -15}  # what waits is exported at the end
    (added,) = otlp.named("tools/call add")
    assert (added.kind, added.status, added.parent) == (SERVER, 0, "")
    expected = {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "add",
        "gen_ai.operation.name": "execute_tool",
        "jsonrpc.request.id": "seven",
        "mcp.protocol.version": LATEST,
        "network.transport": "tcp",
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "client.address": "127.0.0.1",
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.path": "/mcp",
    }
    assert added.attributes.pop("client.port") > 1023
    assert added.attributes == expected
    assert added.resource["service.name"] == "zig-project"
    children = [span for span in otlp.spans if span.parent == added.id]
    assert [span.name for span in children] == ["wasmcp.boot", "wasmcp.call"]
    assert {span.trace for span in children} == {added.trace}
    assert all(span.kind == INTERNAL and 0 < span.nanoseconds <= added.nanoseconds for span in children)
    assert children[1].attributes["wasmcp.wait.duration"] >= 0

    (crashed,) = otlp.named("tools/call crash")
    assert (crashed.status, crashed.attributes["error.type"]) == (ERROR, "-32603")
    assert crashed.attributes["rpc.response.status_code"] == "-32603"
    assert crashed.description
    trapped = next(span for span in otlp.spans if span.parent == crashed.id and span.name == "wasmcp.call")
    assert (trapped.status, trapped.attributes["error.type"]) == (ERROR, "GuestTrapError")
    (missing,) = otlp.named("tools/call")  # the number of names that a client can send has no bound
    assert (missing.status, missing.attributes["error.type"]) == (ERROR, "-32602")
    assert missing.attributes["gen_ai.tool.name"] == "missing"
    (put,) = otlp.named("PUT")
    assert put.kind == SERVER
    assert len(otlp.named("wasmcp.compile") + otlp.named("wasmcp.load")) == 1


def test_names_of_spans_have_only_targets_that_the_server_accepts_and_a_bounded_number(
    otlp: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasmcp.host.operations.tracing.MOST_TARGETS", 1)
    tracing = Tracing("service", None)
    for number, (name, answer) in enumerate(
        [
            ("unknown", {"error": {"code": -32602, "message": "Unknown tool"}}),
            ("first", {"result": {"content": []}}),
            ("second", {"result": {"content": []}}),
            ("first", {"error": {"code": -32000, "message": "Rate limit exceeded"}}),
        ]
    ):
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": name}}
        trace = tracing.begin_line(json.dumps(message).encode())
        assert trace is not None
        trace.end_line(json.dumps({"jsonrpc": "2.0", "id": number, **answer}).encode())
    large = {"jsonrpc": "2.0", "id": 9, "method": "prompts/get", "params": {"name": "large"}}
    other = Tracing("service", None)
    trace = other.begin_line(json.dumps(large).encode())
    assert trace is not None
    trace.end_line(json.dumps({"jsonrpc": "2.0", "id": 9, "result": {"text": "x" * (1 << 20)}}).encode())
    tracing.close()
    other.close()
    names = [(span.name, span.attributes.get("gen_ai.tool.name")) for span in otlp.spans]
    assert sorted(names, key=str) == sorted(
        [
            ("tools/call", "unknown"),
            ("tools/call first", "first"),
            ("tools/call", "second"),
            ("tools/call first", "first"),
            ("prompts/get large", None),
        ],
        key=str,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_spans_that_wait_are_exported_when_a_signal_ends_the_process(
    zig_server: Path, otlp: Collector, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    port = free_port()
    with served(str(zig_server), "--port", str(port)) as process:
        assert Client(port).call("add", {"a": 1, "b": 2})[0] == 200
        assert otlp.spans == []
        process.process.send_signal(number)
        process.process.wait(60)
    assert len(otlp.named("tools/call add")) == 1


def test_trace_context_of_the_client_is_the_parent_and_components_see_the_span(
    server_file: Path, otlp: Collector
) -> None:
    port = free_port()
    with served(str(server_file), "--port", str(port)) as process:
        client = Client(port)
        sent = {"traceparent": PARENT, "tracestate": "vendor=1"}
        _, seen = client.call("echo", {"traceparent": "x"}, None, traceparent=AMBIENT)
        _, replaced = client.call("echo", {}, sent, traceparent=AMBIENT)
        _, twice = client.call("echo", {"traceparent": PARENT}, sent)
        _, bad = client.call("echo", {}, {"traceparent": "no trace"})
        assert process.stop() in {0, -15}
    ambient, in_meta, repeated, malformed = otlp.named("tools/call echo")
    # The server returns the text that it has received.
    context = json.loads(seen)["params"]["_meta"]["traceparent"]
    assert context == f"00-{ambient.trace}-{ambient.id}-01"
    assert json.loads(seen)["params"]["arguments"] == {"traceparent": "x"}
    assert (ambient.trace, ambient.parent, ambient.links) == (OTHER, "b7ad6b7169203331", [])
    assert (in_meta.trace, in_meta.parent) == (TRACE, "00f067aa0ba902b7")
    assert in_meta.links == [(OTHER, "b7ad6b7169203331")]
    meta = json.loads(replaced)["params"]["_meta"]
    assert (meta["traceparent"], meta["tracestate"]) == (f"00-{TRACE}-{in_meta.id}-01", "vendor=1")
    # A body that cannot be changed without doubt reaches the components as it was sent.
    assert json.loads(twice)["params"]["_meta"]["traceparent"] == PARENT
    assert (repeated.trace, repeated.parent) == (TRACE, "00f067aa0ba902b7")
    assert (malformed.parent, json.loads(bad)["params"]["arguments"]) == ("", {})


def test_batches_tool_errors_and_identifiers(server_file: Path, otlp: Collector) -> None:
    port = free_port()
    with served(str(server_file), "--port", str(port)) as process:
        client = Client(port)
        # The server returns what it gets: a result with its own request.
        failed = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "result": {"isError": True}}
        read = {"jsonrpc": "2.0", "id": 2, "method": "resources/read", "params": {"uri": "file:///x"}}
        unknown = {"jsonrpc": "2.0", "method": "made/up"}
        known = [{"jsonrpc": "2.0", "method": method} for method in ("notifications/cancelled", "tasks/get")]
        assert client.send(json.dumps([failed, read, unknown, *known]).encode(), {"Mcp-Session-Id": "secret"})[0] == 200
        assert process.stop() in {0, -15}
    (call,), (resource,), (other,) = map(otlp.named, ("tools/call", "resources/read", "other"))
    assert len(otlp.named("notifications/cancelled") + otlp.named("tasks/get")) == 2
    assert (call.status, call.attributes["error.type"]) == (ERROR, "tool_error")
    assert (resource.status, resource.attributes["mcp.resource.uri"]) == (0, "file:///x")
    assert other.attributes["mcp.method.name"] == "made/up"
    assert "jsonrpc.request.id" not in other.attributes
    assert len(call.attributes["mcp.session.id"]) == 16
    assert "secret" not in str(otlp.spans)


def test_requests_that_are_not_sampled_have_no_spans_and_pass_that_on(
    server_file: Path, otlp: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    port = free_port()
    with served(str(server_file), "--port", str(port)) as process:
        client = Client(port)
        _, seen = client.call("echo", {"sampled": False})
        _, continued = client.call("echo", {"sampled": True}, {"traceparent": PARENT})
        assert process.stop() in {0, -15}
    flags = json.loads(seen)["params"]["_meta"]["traceparent"].rpartition("-")[2]
    assert int(flags, 16) & 1 == 0  # W3C Trace Context, "sampled"
    (span,) = otlp.named("tools/call echo")
    assert json.loads(continued)["params"]["_meta"]["traceparent"] == f"00-{TRACE}-{span.id}-01"
    assert {each.parent for each in otlp.spans if each.trace == TRACE} == {"00f067aa0ba902b7", span.id}


def test_workers_export_spans(zig_server: Path, otlp: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    port = free_port()
    with served(str(zig_server), "--port", str(port), "--workers", "2"):
        client = Client(port)

        def answers() -> bool:
            try:
                return client.call("add", {"a": 1, "b": 2})[0] == 200
            except OSError:
                return False

        wait_until(answers)
        wait_until(lambda: otlp.named("tools/call add"), lambda: str(otlp.spans))
        assert otlp.named("tools/call add")[0].resource["service.name"] == "ours"


def test_collector_that_does_not_answer_delays_neither_requests_nor_the_end_for_long(
    zig_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16")
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
        with served(str(zig_server), "--port", str(port)) as process:
            client = Client(port)
            # More than the queue has room for: an exporter that blocked requests would never let this end.
            assert {client.call("add", {"a": 1, "b": 2})[0] for _ in range(60)} == {200}
            assert process.stop() in {0, -15}


@pytest.mark.parametrize(
    ("option", "environment", "enabled"),
    [
        (None, {}, False),
        (None, {"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (None, {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, True),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, False),
        (False, {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
        (True, {}, True),
        (
            True,
            {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            True,
        ),
        (None, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_option_and_variables_enable_traces(option: bool | None, environment: dict[str, str], enabled: bool) -> None:
    assert is_enabled(option, environment) is enabled


@pytest.mark.parametrize(
    ("option", "environment", "message"),
    [
        (True, {"OTEL_SDK_DISABLED": "true"}, "`--traces` contradicts `OTEL_SDK_DISABLED=true`"),
        (True, {"OTEL_TRACES_EXPORTER": "none"}, "`--traces` contradicts `OTEL_TRACES_EXPORTER=none`"),
        (None, {"OTEL_TRACES_EXPORTER": "console"}, "must be `otlp` or `none`, not `console`"),
        (True, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "must be `http/protobuf`, not `grpc`"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(
    option: bool | None, environment: dict[str, str], message: str
) -> None:
    with pytest.raises(HostError, match=message):
        is_enabled(option, environment)


def test_missing_extra_is_an_error_with_its_name(server_file: Path, tmp_path: Path) -> None:
    # A module that cannot be imported, before the installed one.
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").write_text("raise ModuleNotFoundError(name='opentelemetry')\n")
    code = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('wasmcp', run_name='__main__')"
    command = [sys.executable, "-c", code, str(tmp_path), "serve", str(server_file), "--traces", "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith("traces need `opentelemetry`: install `wasmcp[otel]`")


def test_traces_that_are_off_import_nothing(server_file: Path) -> None:
    code = (
        "import sys, threading, _thread\n"
        "from wasmcp.host import serve\n"
        "from wasmcp.host.transports import http_process\n"
        "http_process.serve_on = lambda *given, **named: print([m for m in sys.modules if 'opentelemetry' in m])\n"
        "serve(sys.argv[1], port=0)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(server_file)], capture_output=True, text=True, timeout=120, check=True
    )
    assert ended.stdout == "[]\n"


def test_command_names_the_option() -> None:
    shown = subprocess.run([*WASMCP, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    assert "--traces / --no-traces" in shown


def lines_of(messages: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in messages)


def stdio(path: Path, messages: list[dict[str, Any]], *options: str) -> list[Any]:
    """The responses of `wasmcp run` to a conversation, by their ids."""
    done = subprocess.run(
        [*WASMCP, "run", str(path), *options], input=lines_of(messages), capture_output=True, text=True, check=True
    )
    return sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda one: one["id"])


def calls(*tools: str, meta: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    required = {
        "io.modelcontextprotocol/protocolVersion": LATEST,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    given = {"add": {"a": 1, "b": 2}}
    params = [{"name": tool, "arguments": given.get(tool, {}), "_meta": {**required, **(meta or {})}} for tool in tools]
    return [
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": one} for number, one in enumerate(params)
    ]


def test_spans_of_messages_over_stdio(zig_server: Path, otlp: Collector) -> None:
    _, crashed = stdio(zig_server, calls("add", "crash", meta={"traceparent": PARENT}))
    assert crashed["error"]["code"] == -32603
    (added,), (failed,) = otlp.named("tools/call add"), otlp.named("tools/call crash")
    assert (added.kind, added.status, added.trace, added.parent) == (SERVER, 0, TRACE, "00f067aa0ba902b7")
    assert added.attributes == {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "add",
        "gen_ai.operation.name": "execute_tool",
        "jsonrpc.request.id": "0",
        "mcp.protocol.version": LATEST,
        "network.transport": "pipe",
    }
    assert added.resource["service.name"] == "zig-project"
    assert "wasmcp.call" in {span.name for span in otlp.spans if span.parent == added.id}
    assert (failed.status, failed.attributes["error.type"]) == (ERROR, "-32603")
    assert len(otlp.named("wasmcp.compile") + otlp.named("wasmcp.load")) >= 1


def test_lists_from_the_manifest_have_spans(zig_server: Path, otlp: Collector) -> None:
    (message,) = calls("add")
    message |= {"method": "tools/list", "params": {"_meta": message["params"]["_meta"]}}
    (listed,) = stdio(zig_server, [message])
    (span,) = otlp.named("tools/list")
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["add", "spin", "crash"]
    assert (span.kind, span.status, span.attributes["network.transport"]) == (SERVER, 0, "pipe")


def test_traces_over_stdio_are_off_by_option_and_contradictions_are_refused(zig_server: Path, otlp: Collector) -> None:
    (added,) = stdio(zig_server, calls("add"), "--no-traces")
    assert added["result"]["structuredContent"] == {"result": 3}
    assert otlp.spans == []
    refused = subprocess.run(
        [*WASMCP, "run", str(zig_server), "--traces"],
        env={**os.environ, "OTEL_SDK_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert refused.returncode == 1
    assert "`--traces` contradicts `OTEL_SDK_DISABLED=true`" in refused.stderr


def test_components_see_the_span_over_stdio(server_file: Path, otlp: Collector) -> None:
    (seen,) = stdio(server_file, calls("echo"))
    (span,) = otlp.named("tools/call echo")
    assert seen["params"]["_meta"]["traceparent"].startswith(f"00-{span.trace}-{span.id}-")


class Seen(BaseHTTPRequestHandler):
    """Page that records the trace context of its requests."""

    found: ClassVar[list[tuple[str | None, str | None]]] = []

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def do_GET(self) -> None:
        self.found.append((self.headers.get("traceparent"), self.headers.get("tracestate")))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture
def upstream() -> Iterator[tuple[int, list[tuple[str | None, str | None]]]]:
    """A web server, and the trace context of its requests."""
    Seen.found.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Seen)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], Seen.found
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("grants", [{"http": True}, {"http": ["http://127.0.0.1:*"]}])
def test_outgoing_requests_have_the_span_of_their_call(
    tmp_path: Path, otlp: Collector, upstream: tuple[int, list[tuple[str | None, str | None]]], grants: dict[str, Any]
) -> None:
    there, found = upstream
    path, port = granted_server(tmp_path / "server.wasm", grants), free_port()
    authority = f"127.0.0.1:{there}"
    with served(str(path), "--port", str(port)) as process:
        client = Client(port)
        client.call("send", {"authority": authority}, {"traceparent": PARENT, "tracestate": "vendor=1"})
        client.call("fetch", {"url": f"http://{authority}/"})
        client.call(
            "send", {"authority": authority, "parent": AMBIENT}, {"traceparent": PARENT, "tracestate": "vendor=1"}
        )
        assert process.stop() in {0, -15}
    continued, own = otlp.named("tools/call send")
    (fetched,) = otlp.named("tools/call fetch")
    assert found[0] == (f"00-{TRACE}-{continued.id}-01", "vendor=1")
    assert found[1][0] is not None
    assert found[1][0].startswith(f"00-{fetched.trace}-{fetched.id}-")
    assert found[2] == (AMBIENT, None)  # that of the component stays, without the state of another trace
    assert own.trace


def test_outgoing_requests_have_no_trace_context_without_traces(
    tmp_path: Path, upstream: tuple[int, list[tuple[str | None, str | None]]]
) -> None:
    there, found = upstream
    path, port = granted_server(tmp_path / "server.wasm", {"http": True}), free_port()
    with served(str(path), "--port", str(port)) as process:
        status, _ = Client(port).call("fetch", {"url": f"http://127.0.0.1:{there}/"}, {"traceparent": PARENT})
        assert status == 200
        process.stop()
    assert found == [(None, None)]
