"""Sessions and streams in the host: subscriptions, limits, expiry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wasmcp.host.bindings.messages import NO_REQUEST, Ask, Subscribe, Watch
from wasmcp.host.engine.limits import HttpLimits
from wasmcp.host.mcp import http_sessions, session_states
from wasmcp.host.mcp.http_sessions import SessionRequest, Sessions
from wasmcp.host.mcp.subscriptions import Hub, Listener, StdioSubscriptions, initial_subscription
from wasmcp.host.scheduling.call import Call, PendingInputs

TOOLS = '{"method":"notifications/tools/list_changed"}'
UPDATED = '{"method":"notifications/resources/updated","params":{"uri":"a:b"}}'
NOTHING = PendingInputs(lambda _call: None, None)
GREETING = '{"id":null,"notifications":{"toolsListChanged":true},"end":""}'


def opened(request_id: Any = 1, **notifications: Any) -> dict[str, Any]:
    return {"id": request_id, "notifications": notifications, "end": "end"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of sessions, set by the test."""
    now = [0.0]
    for module in (http_sessions, session_states):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


class Client:
    """A client over HTTP, and the server's responses for its session."""

    def __init__(self, sessions: Sessions, *, request: bytes = b"", first: bytes = b"2025-11-25") -> None:
        self.sessions = sessions
        session_request = sessions.begin_request([])
        self.identifier = session_request.value
        session_request.event(Subscribe(GREETING))
        lines = b"content-type: application/json\r\nmcp-session-id: %b\r\nwasmcp-session: %b\r\n"
        self.answer = session_request.conclude(200, lines % (self.identifier, first), b"{}", request, NOTHING)

    @property
    def accepted(self) -> bool:
        return self.answer[0] == 200

    def begin_request(self) -> SessionRequest:
        return self.sessions.begin_request([(b"Mcp-Session-Id", self.identifier)])

    def send(self, status: int = 200, lines: bytes = b"", *events: dict[str, Any], request: bytes = b"") -> bytes:
        """Send a request, with this response of the server."""
        session_request = self.begin_request()
        call = Call(NO_REQUEST, None, session_request.ended)
        session_request.began(call, b"")
        for event in events:
            session_request.event(Watch(json.dumps(event)))
        call.finish((status, b"", b""), None)
        answer = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}).encode()
        return session_request.conclude(status, lines, answer, request, NOTHING)[2]

    @property
    def state(self) -> bytes | None:
        """Return the state that the server gets, or None without a session."""
        _, space, kept = self.begin_request().value.partition(b" ")
        return kept if space else None

    def watch(self, uri: str, *, on: bool = True) -> bool:
        """Subscribe to a resource. Return False if a limit was exceeded."""
        params = {"uri": uri}
        request = {"jsonrpc": "2.0", "id": 1, "method": "resources/subscribe", "params": params}
        answer = json.loads(self.send(200, b"", {"uri": uri, "on": on}, request=json.dumps(request).encode()))
        assert "result" in answer or answer["error"]["code"] == -32602
        return "result" in answer


class TestHub:
    def test_changes_reach_their_subscribers(self) -> None:
        hub, heard = Hub(), []
        hub.add(Listener(opened(1, toolsListChanged=True), lambda message: heard.append((1, message))))
        hub.add(Listener(opened(2, resourceSubscriptions=["a:b"]), lambda message: heard.append((2, message))))
        gone = Listener(opened(3, toolsListChanged=True), lambda message: heard.append((3, message)))
        hub.add(gone)
        hub.remove(gone)
        hub.remove(gone)
        hub.changed(TOOLS)
        hub.changed(UPDATED)
        hub.changed('{"method":"notifications/prompts/list_changed"}')
        tagged = [(number, json.loads(message or b"null")["params"]) for number, message in heard]
        key = "io.modelcontextprotocol/subscriptionId"
        assert tagged == [(1, {"_meta": {key: 1}}), (2, {"_meta": {key: 2}, "uri": "a:b"})]
        hub.close()
        assert heard[2:] == [(1, b"end"), (1, None), (2, b"end"), (2, None)]

    def test_listener_of_a_closed_hub_ends(self) -> None:
        hub, ended = Hub(), []
        hub.close()
        hub.add(Listener(opened(9), lambda message: ended.append((9, message))))
        assert ended == [(9, b"end"), (9, None)]

    def test_initial_subscription_of_a_handshake_client(self) -> None:
        capabilities = {"tools": {"listChanged": True}, "resources": {"subscribe": True}, "logging": {}}
        assert initial_subscription(capabilities) == {
            "id": None,
            "notifications": {"toolsListChanged": True},
            "end": "",
        }

    def test_resource_subscriptions_of_a_handshake_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wasmcp.host.mcp.subscriptions.URIS", 2)
        listener = Listener(json.loads(GREETING), lambda _message: None)
        for uri in ("a:1", "a:2", "a:b"):
            listener.watch(uri, on=True)
        assert not listener.matches(json.loads(UPDATED))
        listener.watch("a:1", on=False)
        listener.watch("a:b", on=True)
        assert listener.matches(json.loads(UPDATED))


class TestStdioSubscriptions:
    def test_ids_are_distinguished_by_type(self) -> None:
        hub, heard = Hub(), []
        connection = StdioSubscriptions(hub, heard.append)
        for call, request_id in (("x", 1), ("y", "1")):
            connection.event(call, Subscribe(json.dumps(opened(request_id, toolsListChanged=True))))
            hub.changed(TOOLS)  # not sent before the acknowledgement
            connection.answered(call, sent=True)
        assert len(heard) == 1
        assert not connection.cancel(True)
        assert connection.cancel(1)
        assert not connection.cancel(1)
        hub.changed(TOOLS)
        assert json.loads(heard[-1])["params"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": "1"}
        assert len(heard) == 2
        connection.close()
        assert heard[2:] == [b"end"]

    def test_stream_without_a_response_is_not_started(self) -> None:
        hub, heard = Hub(), []
        connection = StdioSubscriptions(hub, heard.append)
        connection.event("x", Subscribe(json.dumps(opened(1, toolsListChanged=True))))
        connection.answered("x", sent=False)
        hub.changed(TOOLS)
        assert heard == []

    def test_number_of_streams_is_limited(self) -> None:
        heard: list[bytes] = []
        connection = StdioSubscriptions(Hub(), heard.append, most=2)
        for number in range(3):
            connection.event(number, Subscribe(json.dumps(opened(number))))
            connection.answered(number, sent=True)
        assert heard == [b"end"]


class TestSessions:
    def test_session_lifecycle(self) -> None:
        sessions = Sessions(Hub())
        client = Client(sessions)
        lines = b"content-type: application/json\r\nmcp-session-id: %b\r\n" % client.identifier
        assert client.answer == (200, lines, b"{}")
        assert client.state == b"2025-11-25"
        client.send(200, b"wasmcp-session: 2025-11-25 error\r\n")
        assert client.state == b"2025-11-25 error"
        client.send(204, b"wasmcp-session: end\r\n")
        assert client.state is None
        assert len(sessions) == 0

    def test_client_cannot_send_the_session_field(self) -> None:
        sessions = Sessions(Hub())
        request = sessions.begin_request([(b"Wasmcp-Session", b"x 2025-11-25"), (b"accept", b"*/*")])
        assert request.lines == b"accept: */*\r\nwasmcp-session: %b\r\n" % request.value
        assert b" " not in request.value
        identifier = Client(sessions).identifier
        twice = sessions.begin_request([(b"mcp-session-id", identifier), (b"mcp-session-id", b"other")])
        assert b" " not in twice.value

    def test_unused_sessions_expire(self, clock: list[float]) -> None:
        hub, ended = Hub(), []
        sessions = Sessions(hub, HttpLimits(session_idle=60, session_begun=30), on_end=ended.append)
        begun, idle, used, streaming, busy = (Client(sessions) for _ in range(5))
        heard: list[bytes | None] = []
        for client in (idle, used, streaming):
            client.send()
        streaming.begin_request().open(heard.append)
        session_request = busy.begin_request()
        call = Call(NO_REQUEST, None, session_request.ended)
        session_request.began(call, b"")
        clock[0] = 40
        used.send()
        sessions.expire()
        assert ended == [begun.identifier.decode()]
        clock[0] = 90
        sessions.expire()
        assert ended[1:] == [idle.identifier.decode()]
        call.finish((200, b"", b""), None)
        clock[0] = 145
        sessions.expire()
        assert ended[2:] == [used.identifier.decode()]
        clock[0] = 900
        sessions.expire()
        assert ended[3:] == [busy.identifier.decode()]
        hub.changed(TOOLS)
        assert len(heard) == 1
        assert streaming.state is not None

    def test_refused_request_does_not_keep_a_session_alive(self, clock: list[float]) -> None:
        sessions = Sessions(Hub(), HttpLimits(session_idle=60))
        client = Client(sessions)
        client.send()
        clock[0] = 50
        client.send(403)
        clock[0] = 70
        sessions.expire()
        assert client.state is None

    def test_flood_of_new_sessions_ends_unused_ones(self, clock: list[float]) -> None:
        sessions = Sessions(Hub(), HttpLimits(sessions=50))
        used, streaming = Client(sessions), Client(sessions)
        used.send()
        heard: list[bytes | None] = []
        streaming.begin_request().open(heard.append)
        clock[0] = 30
        flood = [Client(sessions) for _ in range(200)]
        assert all(client.accepted for client in flood)
        assert len(sessions) == 50
        assert used.state is not None
        assert streaming.state is not None
        assert heard == []

    def test_used_sessions_do_not_end_for_a_new_one(self, clock: list[float]) -> None:
        sessions = Sessions(Hub(), HttpLimits(sessions=2))
        first, second = Client(sessions), Client(sessions)
        first.send()
        clock[0] = 5
        second.send()
        request = b'{"jsonrpc":"2.0","id":7,"method":"initialize"}'
        status, fields, body = Client(sessions, request=request).answer
        assert (status, json.loads(body)["id"], json.loads(body)["error"]["code"]) == (503, 7, -32603)
        assert b"retry-after: " in fields
        assert b"mcp-session-id" not in fields
        clock[0] = 64
        assert Client(sessions).accepted
        assert [first.state, second.state] == [None, b"2025-11-25"]

    def test_messages_wait_for_a_stream(self) -> None:
        hub = Hub()
        sessions = Sessions(hub)
        client = Client(sessions)
        for _ in range(150):
            hub.changed(TOOLS)
        first: list[bytes | None] = []
        second: list[bytes | None] = []
        assert len(client.begin_request().open(first.append)) == 100
        client.begin_request().open(second.append)
        hub.changed(TOOLS)
        assert (len(first), len(second)) == (0, 1)
        sessions.end(client.identifier)
        assert (first, second[1:]) == ([None], [None])
        hub.changed(TOOLS)
        assert len(second) == 2

    def test_streams_of_a_session_are_limited(self, clock: list[float]) -> None:
        clock[0] = 100
        client = Client(Sessions(Hub(), HttpLimits(session_streams=2)))
        heard: list[list[bytes | None]] = [[], [], []]
        for each in heard[:2]:
            assert client.begin_request().can_open
            client.begin_request().open(each.append)
        assert not client.begin_request().can_open
        clock[0] = 111  # the client can have lost the streams
        assert client.begin_request().can_open
        client.begin_request().open(heard[2].append)
        assert heard == [[None], [], []]

    def test_too_large_state_is_not_stored(self) -> None:
        assert Client(Sessions(Hub()), first=b"x" * 70000).answer[0] == 503


class TestSessionBudgets:
    def test_size_of_subscriptions_of_a_session_is_limited(self) -> None:
        sessions = Sessions(Hub(), HttpLimits(session_bytes=20_000))
        client, other = Client(sessions), Client(sessions)
        assert [client.watch(f"note://{number}/{'x' * 8000}") for number in range(4)] == [True, True, False, False]
        assert client.watch(f"note://0/{'x' * 8000}")  # subscribed already
        assert other.watch(f"note://0/{'x' * 8000}")
        assert client.watch(f"note://0/{'x' * 8000}", on=False)
        assert client.watch(f"note://3/{'x' * 8000}")

    def test_number_of_subscriptions_is_limited(self) -> None:
        client = Client(Sessions(Hub()))
        assert all(client.watch(f"a:{number}") for number in range(1000))
        assert not client.watch("a:1000")

    def test_refused_subscriptions_of_a_batch(self) -> None:
        client = Client(Sessions(Hub(), HttpLimits(session_bytes=300)), first=b"2025-03-26")
        session_request = client.begin_request()
        uris = ["a:1", "a:2", "a:3"]
        batch = [
            {"jsonrpc": "2.0", "id": number, "method": "resources/subscribe", "params": {"uri": uri}}
            for number, uri in enumerate(uris)
        ]
        for uri in uris:
            session_request.event(Watch(json.dumps({"uri": uri, "on": True})))
        answers = [{"jsonrpc": "2.0", "id": number, "result": {}} for number in (*range(3), "2")]
        _, _, body = session_request.conclude(
            200, b"", json.dumps(answers).encode(), json.dumps(batch).encode(), NOTHING
        )
        assert ["error" in answer for answer in json.loads(body)] == [False, False, True, False]

    def test_sessions_share_a_budget_with_a_reserve_for_new_ones(self) -> None:
        sessions = Sessions(Hub(), HttpLimits(session_bytes=100_000, sessions_bytes=100_000))
        hoarders = [Client(sessions) for _ in range(10)]
        for client in hoarders:
            client.begin_request().open(lambda _message: None)
        taken = [client.watch(f"a:{'x' * 10_000}") for client in hoarders]
        assert taken == [True] * 7 + [False] * 3
        assert Client(sessions).accepted

    def test_waiting_messages_are_replaced_by_newer_ones(self) -> None:
        hub = Hub()
        sessions = Sessions(hub, HttpLimits(session_bytes=1000))
        client = Client(sessions)
        for _ in range(50):
            hub.changed(TOOLS)
        size = len('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}') + 64
        assert len(client.begin_request().open(lambda _message: None)) == 1000 // size

    def test_ended_session_frees_its_budget(self) -> None:
        hub = Hub()
        sessions = Sessions(hub, HttpLimits(sessions_bytes=100_000, session_bytes=50_000))
        for _ in range(10):
            client = Client(sessions)
            assert client.watch(f"a:{'x' * 40_000}")
            hub.changed(TOOLS)
            sessions.end(client.identifier)
        assert sessions.held == 0


Head = tuple[tuple[bytes, bytes], ...]


class Running:
    """A session with a call in progress that waits for input."""

    def __init__(self, *head: tuple[bytes, bytes]) -> None:
        self.sessions = Sessions(Hub())
        self.identifier = Client(self.sessions).identifier
        self.pending_inputs = PendingInputs(lambda _call: None, None)
        self.call = Call(NO_REQUEST, None, lambda _call: None)
        self.begin_request(*head).began(self.call, b'{"id":5,"method":"tools/call"}')
        self.pending_inputs.add(self.call, Ask(json.dumps({"ids": ["q"], "continuation": {}})))

    def begin_request(
        self, *head: tuple[bytes, bytes], target: bytes = b"/mcp", identifier: bytes | None = None
    ) -> SessionRequest:
        return self.sessions.begin_request([(b"mcp-session-id", identifier or self.identifier), *head], target)

    @property
    def answered(self) -> bool:
        return not self.pending_inputs.answer(ANSWER, sender=self.call.sender)


LOCAL = (b"host", b"localhost:8000")
CANCEL = b'{"method":"notifications/cancelled","params":{"requestId":5}}'
ANSWER = b'{"id":"q","result":{}}'
OTHERS = {
    "host": ((b"host", b"evil.test"),),
    "origin": (LOCAL, (b"origin", b"http://evil.test")),
    "authorization": (LOCAL, (b"authorization", b"Bearer other")),
    "content type": (LOCAL, (b"content-type", b"text/plain")),
    "two hosts": (LOCAL, (b"host", b"evil.test")),
    "no host": (),
}


class TestMessagesAboutCalls:
    def test_messages_with_the_same_head_apply_at_once(self) -> None:
        running = Running(LOCAL)
        assert running.begin_request((b"Host", b" localhost:8000 ")).receive(ANSWER, running.pending_inputs)
        running = Running(LOCAL)
        assert not running.begin_request(LOCAL).receive(CANCEL, running.pending_inputs)
        assert running.call.cancelled

    @pytest.mark.parametrize("head", OTHERS.values(), ids=OTHERS)
    @pytest.mark.parametrize("status", [202, 403, 415, 404])
    def test_messages_with_another_head_apply_after_the_server_accepts(
        self, head: tuple[tuple[bytes, bytes], ...], status: int
    ) -> None:
        for message in (CANCEL, ANSWER):
            running = Running(LOCAL)
            session_request = running.begin_request(*head)
            assert not session_request.receive(message, running.pending_inputs)
            assert not running.call.cancelled
            session_request.conclude(status, b"", b"", message, running.pending_inputs)
            assert running.call.cancelled == (message == CANCEL and status == 202)
            assert running.answered == (message == ANSWER and status == 202)

    def test_messages_with_another_target_do_not_apply(self) -> None:
        running = Running(LOCAL)
        assert not running.begin_request(LOCAL, target=b"/other").receive(CANCEL, running.pending_inputs)
        assert not running.call.cancelled

    @pytest.mark.parametrize("session", [b"", b"unknown"])
    def test_messages_of_another_session_do_not_apply(self, session: bytes) -> None:
        running = Running(LOCAL)
        for identifier in (session, Client(running.sessions).identifier):
            for message in (CANCEL, ANSWER):
                session_request = running.begin_request(LOCAL, identifier=identifier or b" ")
                assert not session_request.receive(message, running.pending_inputs)
                session_request.conclude(202, b"", b"", message, running.pending_inputs)
        assert not running.call.cancelled
        assert not running.answered

    def test_stdio_messages_do_not_apply_to_http_calls(self) -> None:
        running = Running(LOCAL)
        assert not running.pending_inputs.answer(ANSWER)
        assert not running.answered
