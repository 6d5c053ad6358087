"""Change notifications at every entry point, as the official client and plain HTTP receive them."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from support.conversations import Stream
from support.entry_points import JSON, META, command, mirrored, request
from support.server_processes import WASMCP, wasmcp_serve, wasmtime_serve
from support.zig_servers import CAPABILITIES, changing_server

from wasmcp.host import open_server

ID = "io.modelcontextprotocol/subscriptionId"
CHANGE = request("tools/call", {"name": "change"}, id=100)
CHANGED = "notifications/tools/list_changed"


def listen(id: Any = 1, **notifications: Any) -> dict[str, Any]:  # noqa: A002  # the protocol's name
    return request("subscriptions/listen", {"notifications": notifications}, id=id)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return changing_server(tmp_path_factory.mktemp("changing"))


@pytest.fixture(scope="module")
def port(server: Path) -> Iterator[int]:
    with wasmcp_serve(server) as port:
        yield port


def post(port: int, message: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("POST", "/mcp", json.dumps(message), headers or mirrored(message))
        response = connection.getresponse()
        body = response.read()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return response.status, fields, json.loads(body) if body else None


class TestHttp:
    def test_stream_gets_changes_of_other_requests(self, port: int) -> None:
        stream = Stream(port, "POST", mirrored(listen()), listen("a", toolsListChanged=True, promptsListChanged=True))
        assert stream.response.status == 200
        assert stream.response.getheader("content-type") == "text/event-stream"
        assert stream.response.getheader("wasmcp-session") is None
        acknowledged = stream.next()
        assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
        assert acknowledged["params"] == {"_meta": {ID: "a"}, "notifications": {"toolsListChanged": True}}
        for _ in range(2):
            assert post(port, CHANGE)[2]["result"]["content"][0]["text"] == "changed"
            assert stream.next() == {"jsonrpc": "2.0", "method": CHANGED, "params": {"_meta": {ID: "a"}}}
        stream.close()
        assert post(port, CHANGE)[0] == 200

    def test_many_streams_occupy_no_instance(self, port: int) -> None:
        streams = [Stream(port, "POST", mirrored(listen()), listen(n, toolsListChanged=True)) for n in range(40)]
        assert [stream.next()["params"]["_meta"][ID] for stream in streams] == list(range(40))
        assert post(port, CHANGE)[0] == 200
        assert [stream.next()["params"]["_meta"][ID] for stream in streams] == list(range(40))
        for stream in streams:
            stream.close()

    def test_unselected_notifications_are_not_sent(self, port: int) -> None:
        silent = Stream(port, "POST", mirrored(listen()), listen(1))
        loud = Stream(port, "POST", mirrored(listen()), listen(2, toolsListChanged=True))
        assert silent.next()["params"]["notifications"] == {}
        loud.next()
        post(port, CHANGE)
        assert loud.next()["method"] == CHANGED
        silent.connection.sock.settimeout(0.2) if silent.connection.sock else silent.response.fp.raw._sock.settimeout(
            0.2
        )
        with pytest.raises(TimeoutError):
            silent.next()
        silent.close()
        loud.close()

    @pytest.mark.parametrize("params", [{}, {"notifications": []}, {"notifications": {"toolsListChanged": "yes"}}])
    def test_wrong_filters(self, port: int, params: dict[str, Any]) -> None:
        status, _, message = post(port, request("subscriptions/listen", params))
        assert (status, message["error"]["code"]) == (400, -32602)

    def test_client_without_event_streams(self, port: int) -> None:
        headers = {**mirrored(listen()), "Accept": "application/json"}
        assert post(port, listen(), headers)[0] == 400

    def test_end_of_stream_is_announced(self, server: Path) -> None:
        with wasmcp_serve(server) as port:
            stream = Stream(port, "POST", mirrored(listen()), listen(9, toolsListChanged=True))
            stream.next()
        end = stream.next()
        assert (end["id"], end["result"]["resultType"], end["result"]["_meta"][ID]) == (9, "complete", 9)
        assert stream.next() is None

    def test_runtime_without_streams(self, server: Path) -> None:
        with wasmtime_serve(server) as port:
            stream = Stream(port, "POST", mirrored(listen()), listen(1, toolsListChanged=True))
            assert stream.next()["params"]["notifications"] == {}
            assert stream.next()["result"]["resultType"] == "complete"
            assert stream.next() is None
            capabilities = post(port, request("server/discover"))[2]["result"]["capabilities"]
            assert capabilities == {"tools": {}, "resources": {}}
            assert post(port, CHANGE)[0] == 200


def initialize(port: int, revision: str = "2025-11-25") -> dict[str, str]:
    """Begin a session; return the headers of the requests in it."""
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    status, fields, message = post(port, request("initialize", params, meta=None), JSON)
    assert status == 200
    assert message["result"]["capabilities"] == CAPABILITIES
    assert "wasmcp-session" not in fields
    return {**JSON, "MCP-Protocol-Version": revision, "Mcp-Session-Id": fields["mcp-session-id"]}


OLD_LIST = request("tools/list", meta=None)


class TestSessions:
    @pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
    def test_lifecycle(self, port: int, revision: str) -> None:
        headers = initialize(port, revision)
        identifier = headers["Mcp-Session-Id"]
        assert len(identifier) >= 32
        assert identifier.isascii()
        assert post(port, {"jsonrpc": "2.0", "method": "notifications/initialized"}, headers)[0] == 202
        assert "tools" in post(port, OLD_LIST, headers)[2]["result"]
        gone = Stream(port, "DELETE", headers)
        assert gone.response.status == 204
        gone.close()
        assert post(port, OLD_LIST, headers)[0] == 404
        assert Stream(port, "DELETE", headers).response.status == 404
        assert Stream(port, "GET", {**headers, "Accept": "text/event-stream"}).response.status == 404

    def test_missing_and_unknown_session(self, port: int) -> None:
        assert post(port, OLD_LIST, {**JSON, "MCP-Protocol-Version": "2025-11-25"})[0] == 400
        assert post(port, OLD_LIST, {**JSON, "Mcp-Session-Id": "0" * 32})[0] == 404
        assert Stream(port, "GET", {"Accept": "text/event-stream"}).response.status == 405

    def test_host_fields_of_clients_are_ignored(self, port: int) -> None:
        forged = {**JSON, "Mcp-Session-Id": "0" * 32, "wasmcp-session": f"{'1' * 32} 2025-11-25"}
        assert post(port, OLD_LIST, forged)[0] == 404

    def test_session_ids_are_unique(self, port: int) -> None:
        assert len({initialize(port)["Mcp-Session-Id"] for _ in range(20)}) == 20

    def test_stream_messages(self, port: int) -> None:
        headers = initialize(port)
        other = initialize(port)
        call = request("tools/call", {"name": "change"}, meta=None)
        # Notifications wait until there is a stream.
        assert post(port, call, other)[0] == 200
        stream = Stream(port, "GET", {**headers, "Accept": "text/event-stream"})
        assert stream.response.status == 200
        assert stream.next() == {"jsonrpc": "2.0", "method": CHANGED}
        post(port, call, other)
        assert stream.next() == {"jsonrpc": "2.0", "method": CHANGED}
        # The stream ends with the session.
        assert Stream(port, "DELETE", headers).response.status == 204
        assert stream.next() is None

    def test_messages_go_to_one_stream(self, port: int) -> None:
        headers = {**initialize(port), "Accept": "text/event-stream"}
        first, second = Stream(port, "GET", headers), Stream(port, "GET", headers)
        post(port, CHANGE)
        assert second.next()["method"] == CHANGED
        second.close()
        received = threading.Event()

        def change() -> None:  # until the host has noticed the closed stream
            while not received.wait(0.02):
                post(port, CHANGE)

        changing = threading.Thread(target=change)
        changing.start()
        try:
            assert first.next()["method"] == CHANGED
        finally:
            received.set()
            changing.join()
        first.close()

    def test_resources(self, port: int) -> None:
        headers = initialize(port)
        stream = Stream(port, "GET", {**headers, "Accept": "text/event-stream"})
        update = request("tools/call", {"name": "update", "arguments": {"uri": "a:b"}}, meta=None)
        relist = request("tools/call", {"name": "relist"}, meta=None)
        subscribe = request("resources/subscribe", {"uri": "A:%62"}, meta=None)
        post(port, update, headers)
        assert post(port, subscribe, headers)[2]["result"] == {}
        post(port, update, headers)
        updated = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "a:b"}}
        assert stream.next() == updated
        unsubscribe = request("resources/unsubscribe", {"uri": "a:b"}, meta=None)
        assert post(port, unsubscribe, headers)[2]["result"] == {}
        post(port, update, headers)
        post(port, relist, headers)
        assert stream.next() == {"jsonrpc": "2.0", "method": "notifications/resources/list_changed"}
        wrong = post(port, request("resources/subscribe", {"uri": 1}, meta=None), headers)[2]
        assert wrong["error"]["code"] == -32602
        modern = post(port, request("resources/subscribe", {"uri": "a:b"}))
        assert (modern[0], modern[2]["error"]["code"]) == (404, -32601)

    def test_the_level_of_logs_is_kept(self, port: int) -> None:
        headers = initialize(port)
        unknown = request("logging/setLevel", {"level": "error"}, meta=None)
        assert post(port, unknown, headers)[2]["error"]["code"] == -32601  # no component logs


class Lines:
    """Server process on stdio."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines: Queue[Any] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def say(self, message: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def next(self) -> Any:
        return self.lines.get(timeout=30)

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(20) == 0


@pytest.fixture(params=["wasmcp", "wasmtime"])
def lines(request: pytest.FixtureRequest, server: Path) -> Iterator[Lines]:
    lines = Lines([*WASMCP, "run", str(server)] if request.param == "wasmcp" else command(server))
    yield lines
    lines.process.kill()


def both(lines: Lines) -> tuple[Any, list[Any]]:
    """Return the answer to a call that causes a change, and the notifications before or after it."""
    messages = [lines.next(), lines.next()]
    answer = next(message for message in messages if "id" in message)
    return answer, [message for message in messages if "id" not in message]


class TestLines:
    def test_subscriptions(self, lines: Lines) -> None:
        lines.say(listen(7, toolsListChanged=True))
        assert lines.next()["params"] == {"_meta": {ID: 7}, "notifications": {"toolsListChanged": True}}
        lines.say(CHANGE)
        answer, received = both(lines)
        assert answer["result"]["content"][0]["text"] == "changed"
        assert received == [{"jsonrpc": "2.0", "method": CHANGED, "params": {"_meta": {ID: 7}}}]
        lines.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})
        lines.say(CHANGE)
        assert "result" in lines.next()
        lines.say(listen("again", toolsListChanged=True))
        assert lines.next()["params"]["_meta"] == {ID: "again"}
        lines.end()
        assert lines.next()["id"] == "again"
        assert lines.next() is None

    def test_resources(self, lines: Lines) -> None:
        # As the client spells them; a component notifies in the normal form (RFC 3986, section 6.2).
        spelled = ["a:b", "a:\u00e9", "A://X/%7E"]
        lines.say(listen(1, resourceSubscriptions=spelled, resourcesListChanged=True))
        honoured = {"resourcesListChanged": True, "resourceSubscriptions": spelled}
        assert lines.next()["params"]["notifications"] == honoured
        received = []
        for uri in ["a:c", "a:b", "a:%c3%a9", "a://x/~"]:
            lines.say(request("tools/call", {"name": "update", "arguments": {"uri": uri}}, id=uri))
            while "id" not in (message := lines.next()):
                received.append(message["params"])
            if uri != "a:c" and len(received) < ["a:b", "a:%c3%a9", "a://x/~"].index(uri) + 1:
                received.append(lines.next()["params"])
        assert received == [{"_meta": {ID: 1}, "uri": uri} for uri in ("a:b", "a:%C3%A9", "a://x/~")]

    def test_handshake_revisions_get_list_changes(self, lines: Lines) -> None:
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        lines.say(request("initialize", params, meta=None))
        assert lines.next()["result"]["capabilities"] == CAPABILITIES
        lines.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        lines.say(request("tools/call", {"name": "change"}, meta=None, id=2))
        answer, received = both(lines)
        assert answer["id"] == 2
        assert received == [{"jsonrpc": "2.0", "method": CHANGED}]
        lines.end()
        assert lines.next() is None


def test_in_process(server: Path) -> None:
    with open_server(server) as opened:
        received: Queue[Any] = Queue()
        opened.on_notification(lambda text: received.put(json.loads(text)))
        assert json.loads(opened.send(json.dumps(listen(3, toolsListChanged=True))) or "")["method"].endswith(
            "acknowledged"
        )
        assert opened.call_tool("change", {"times": 3}).text == "changed"
        assert [received.get(timeout=5)["params"] for _ in range(3)] == [{"_meta": {ID: 3}}] * 3
        cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}}
        assert opened.send(json.dumps(cancelled)) is None
        opened.call_tool("change")
        assert received.empty()
        whole = opened.http("POST", "/mcp", mirrored(listen(4)), json.dumps(listen(4, toolsListChanged=True)))
        assert [json.loads(event[6:])["id"] for event in whole.body.split("\n\n") if '"result"' in event] == [4]
    assert META
