"""Parts of the transports: server-sent events, header fields, targets, and processes that do not behave."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from wasmcp.client.connection import Client
from wasmcp.client.http import HttpTransport, header_value, parameter_fields
from wasmcp.client.targets import of_command, of_name, of_url
from wasmcp.client.transport import Event, StdioTransport, events
from wasmcp.errors import ConnectionFailedError, ResponseTimeoutError
from wasmcp.protocol import HANDSHAKE, LATEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"data: a\n\n", [Event("a", "", None)]),
        (b"data:a\r\ndata: b\r\n\r\n", [Event("a\nb", "", None)]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("a", "", None)]),
        (b": comment\nevent: message\nid: 7\nretry: 10\ndata: a\n\n", [Event("a", "7", 10)]),
        (b"id: 1\ndata:\n\n", [Event("", "1", None)]),
        (b"retry: soon\ndata: a\n\n", [Event("a", "", None)]),
        (b"data: incomplete\n", []),
        (b"data: a\rdata: b\r\r\n", [Event("a\nb", "", None)]),
    ],
)
def test_events_of_a_stream(text: bytes, expected: list[Event]) -> None:
    assert list(events(text.splitlines(keepends=True) if b"\r\r" not in text else [text])) == expected


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("add", "add"),
        ("", ""),
        (" a", "=?base64?IGE=?="),
        ("é", "=?base64?w6k=?="),
        ("a\r\nX: 1", "=?base64?YQ0KWDogMQ==?="),
        ("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
    ],
)
def test_values_of_header_fields(text: str, field: str) -> None:
    assert header_value(text) == field


def test_fields_of_marked_parameters() -> None:
    schema = {
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"properties": {"dry": {"type": "boolean", "x-mcp-header": "Dry-Run"}}},
            "plain": {"type": "string"},
            "list": {"x-mcp-header": "List"},
        }
    }
    arguments = {"region": "eu", "deep": {"dry": True}, "plain": "x", "list": [1]}
    assert parameter_fields(schema, arguments) == {"Mcp-Param-Region": "eu", "Mcp-Param-Dry-Run": "true"}
    assert parameter_fields(None, arguments) == {}


def test_url_without_a_path_is_that_of_serve() -> None:
    assert of_url("HTTP://127.0.0.1:8000", {}).url == "http://127.0.0.1:8000/mcp"
    assert of_url("http://127.0.0.1:8000/", {}).url == "http://127.0.0.1:8000/"


@pytest.mark.parametrize("url", ["http://", "http://a:99999/", "http://user:secret@a/", "http://a/b c", "http://[x/"])
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        of_url(url, {})
    assert "secret" not in str(caught.value)


def test_name_that_is_nothing() -> None:
    with pytest.raises(ConnectionFailedError, match="a command with arguments follows `--`"):
        of_name("no-such-server-anywhere", (), {})


def test_distribution_without_a_server() -> None:
    with pytest.raises(ConnectionFailedError, match="has no server"):
        of_name("platformdirs", (), {})


def test_variables_of_our_servers_are_not_on_the_command_line(zig_server: Path) -> None:
    target = of_name(str(zig_server), ("--timeout", "5"), {"TOKEN": "secret"})
    assert target.command[1:] == ("-m", "wasmcp", "run", str(zig_server), "--timeout", "5", "--env", "TOKEN")
    assert target.environment == {"TOKEN": "secret"}


def process(code: str) -> StdioTransport:
    return StdioTransport("server", [sys.executable, "-c", code])


def test_process_that_cannot_be_started() -> None:
    with pytest.raises(ConnectionFailedError, match="cannot be started"):
        StdioTransport("server", ["/no/such/program"])


def test_process_that_ends_at_once() -> None:
    transport = process("import sys; print('reason', file=sys.stderr); sys.exit(7)")
    with pytest.raises(ConnectionFailedError, match="exit code 7"):
        Client("server", transport)
    assert transport.diagnostics() == ["reason"]


def test_process_that_does_not_respond_is_ended() -> None:
    transport = process("import sys; [None for line in sys.stdin]")
    with pytest.raises(ResponseTimeoutError):
        Client("server", transport, timeout=0.2, revision="2025-11-25")
    assert transport._process.poll() is not None


def test_text_on_standard_output_is_noted_and_skipped() -> None:
    code = (
        "import json, sys\n"
        "print('Welcome!\\x1b[31m', flush=True)\n"
        "for line in sys.stdin:\n"
        "    given = json.loads(line)\n"
        "    if 'id' in given:\n"
        "        result = {'protocolVersion': '2025-06-18', 'capabilities': {}, 'serverInfo': {'name': 'x'}}\n"
        "        print(json.dumps({'jsonrpc': '2.0', 'id': given['id'], 'result': result}), flush=True)\n"
    )
    from wasmcp.client.connection import Callbacks

    notes: list[str] = []
    with Client("server", process(code), Callbacks(on_note=notes.append)) as client:
        assert client.revision == "2025-06-18"
        assert client.server == {"name": "x"}
    assert notes == ["the server wrote a line to standard output that is not a message: Welcome!\\x1b[31m"]


@pytest.mark.parametrize("answer", ["{'protocolVersion': '1999-01-01'}", "[]", "{}"])
def test_invalid_answers_to_initialize(answer: str) -> None:
    code = (
        "import json, sys\n"
        "for line in sys.stdin:\n"
        f"    print(json.dumps({{'jsonrpc': '2.0', 'id': json.loads(line)['id'], 'result': {answer}}}), flush=True)\n"
    )
    with pytest.raises(ConnectionFailedError):
        Client("server", process(code))


@pytest.mark.parametrize(
    ("is_composed", "answers", "revision"), [(True, True, LATEST), (False, False, HANDSHAKE[-1])], ids=["ours", "other"]
)
def test_composed_server_is_not_taken_for_an_older_one_while_it_is_compiled(
    is_composed: bool, answers: bool, revision: str
) -> None:
    results = {
        "server/discover": {"supportedVersions": [LATEST], "capabilities": {}},
        "initialize": {"protocolVersion": HANDSHAKE[-1], "capabilities": {}},
    }
    code = (
        "import json, sys, time\n"
        "for line in sys.stdin:\n"
        "    message = json.loads(line)\n"
        f"    if message['method'] == 'initialize' or (message['method'] == 'server/discover' and {answers}):\n"
        "        time.sleep(0.5)\n"
        f"        result = {results}[message['method']]\n"
        "        print(json.dumps({'jsonrpc': '2.0', 'id': message['id'], 'result': result}), flush=True)\n"
    )
    with Client("server", process(code), is_composed=is_composed, discovery_timeout=0.1) as client:
        assert client.revision == revision


def test_targets_that_wasmcp_has_composed(tmp_path: Path) -> None:
    file = tmp_path / "server.wasm"
    file.write_bytes(b"")
    assert of_name(str(file), (), {}).is_composed
    assert not of_name(sys.executable, (), {}).is_composed
    assert not of_command(["server.wasm"], {}).is_composed


class Scripted(BaseHTTPRequestHandler):
    """Server of 2025-11-25 that closes the stream of a call, and sends the rest to `Last-Event-ID`."""

    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if message["method"] == "server/discover":
            self.answer(400, "text/plain", b"no session")
        elif message["method"] == "initialize":
            result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "scripted"}}
            self.answer(200, "application/json", response(message["id"], result), ("Mcp-Session-Id", "s1"))
        elif message["method"] == "tools/call":
            self.seen.append((str(message["id"]), None))
            self.answer(200, "text/event-stream", b"id: 7\nretry: 1\ndata:\n\n")
        else:
            self.answer(202, "text/plain", b"")

    def do_GET(self) -> None:
        resumed = self.headers["Last-Event-ID"]
        if resumed is None:
            self.answer(405, "text/plain", b"")
            return
        number, _ = self.seen[-1]
        self.seen.append((number, resumed))
        self.answer(200, "text/event-stream", b"id: 8\ndata: " + response(int(number), {"content": []}) + b"\n\n")

    def do_DELETE(self) -> None:
        self.seen.append(("delete", self.headers["Mcp-Session-Id"]))
        self.answer(200, "text/plain", b"")

    def answer(self, status: int, kind: str, body: bytes, *fields: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *fields):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def response(number: int, result: dict[str, object]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()


def test_stream_that_ends_early_is_resumed_and_the_session_is_ended() -> None:
    Scripted.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/mcp"
        with Client(url, HttpTransport(url, {}, 30)) as client:
            assert client.revision == "2025-11-25"
            assert client.request("tools/call", {"name": "x"}) == {"content": []}
    finally:
        server.shutdown()
        server.server_close()
    number = Scripted.seen[0][0]
    assert Scripted.seen == [(number, None), (number, "7"), ("delete", "s1")]
