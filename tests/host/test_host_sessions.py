"""Sessions and streams in the host: who hears of what, limits, expiry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wasmcp.host import sessions as module
from wasmcp.host.call import Call
from wasmcp.host.questions import Questions
from wasmcp.host.sessions import Sessions, Visit
from wasmcp.host.subscriptions import Connection, Hub, Listener, unasked

TOOLS = '{"method":"notifications/tools/list_changed"}'
UPDATED = '{"method":"notifications/resources/updated","params":{"uri":"a:b"}}'
GREETING = '{"id":null,"notifications":{"toolsListChanged":true},"end":""}'


def opened(request_id: Any = 1, **notifications: Any) -> dict[str, Any]:
    return {"id": request_id, "notifications": notifications, "end": "end"}


def begin(sessions: Sessions) -> bytes:
    """Begin a session as the guest would: its identifier."""
    visit = sessions.visit([])
    fresh = dict(visit.fields)[b"wasmcp-session"]
    visit.event("subscribe", GREETING)
    lines = b"content-type: application/json\r\nmcp-session-id: %b\r\nwasmcp-session: 2025-11-25\r\n" % fresh
    assert visit.settle(lines) == b"content-type: application/json\r\nmcp-session-id: %b\r\n" % fresh
    return fresh


def state(sessions: Sessions, identifier: bytes) -> bytes | None:
    """What the guest is told of it; the guest takes the request."""
    visit = sessions.visit([(b"Mcp-Session-Id", identifier)])
    visit.taken(200, b"", Questions(lambda _call: None, None))
    fields = dict(visit.fields)
    _, space, kept = fields[b"wasmcp-session"].partition(b" ")
    return kept if space else None


class TestHub:
    def test_who_hears_of_what(self) -> None:
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

    def test_too_many_and_too_late(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wasmcp.host.subscriptions._MOST", 2)
        hub, ended = Hub(), []
        for number in range(3):
            hub.add(Listener(opened(number), lambda message, number=number: ended.append((number, message))))
        assert ended == [(2, b"end"), (2, None)]
        hub.close()
        hub.add(Listener(opened(9), lambda message: ended.append((9, message))))
        assert ended[-2:] == [(9, b"end"), (9, None)]

    def test_what_an_older_client_hears_unasked(self) -> None:
        capabilities = {"tools": {"listChanged": True}, "resources": {"subscribe": True}, "logging": {}}
        assert unasked(capabilities) == {"id": None, "notifications": {"toolsListChanged": True}, "end": ""}

    def test_resources_of_an_older_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wasmcp.host.subscriptions._MOST_URIS", 2)
        listener = Listener(json.loads(GREETING), lambda _message: None)
        for uri in ("a:1", "a:2", "a:b"):
            listener.watch(uri, on=True)
        assert not listener.hears(json.loads(UPDATED))
        listener.watch("a:1", on=False)
        listener.watch("a:b", on=True)
        assert listener.hears(json.loads(UPDATED))


class TestConnection:
    def test_ids_are_told_apart(self) -> None:
        hub, heard = Hub(), []
        connection = Connection(hub, heard.append)
        for call, request_id in (("x", 1), ("y", "1")):
            connection.event(call, "subscribe", json.dumps(opened(request_id, toolsListChanged=True)))
            hub.changed(TOOLS)  # not before it was acknowledged
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

    def test_a_stream_whose_answer_never_came(self) -> None:
        hub, heard = Hub(), []
        connection = Connection(hub, heard.append)
        connection.event("x", "subscribe", json.dumps(opened(1, toolsListChanged=True)))
        connection.answered("x", sent=False)
        hub.changed(TOOLS)
        assert heard == []

    def test_one_client_has_its_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wasmcp.host.subscriptions._MOST_OF_ONE", 2)
        heard: list[bytes] = []
        connection = Connection(Hub(), heard.append)
        for number in range(3):
            connection.event(number, "subscribe", json.dumps(opened(number)))
            connection.answered(number, sent=True)
        assert heard == [b"end"]


class TestSessions:
    def test_from_the_beginning_to_the_end(self) -> None:
        sessions = Sessions(Hub())
        identifier = begin(sessions)
        assert state(sessions, identifier) == b"2025-11-25"
        visit = sessions.visit([(b"mcp-session-id", identifier)])
        assert visit.settle(b"wasmcp-session: 2025-11-25 error\r\n") == b""
        assert state(sessions, identifier) == b"2025-11-25 error"
        sessions.visit([(b"mcp-session-id", identifier)]).settle(b"wasmcp-session: end\r\n")
        assert state(sessions, identifier) is None

    def test_what_a_client_says_in_the_hosts_name(self) -> None:
        sessions = Sessions(Hub())
        fields = sessions.visit([(b"Wasmcp-Session", b"x 2025-11-25"), (b"accept", b"*/*")]).fields
        assert [name for name, _ in fields] == [b"accept", b"wasmcp-session"]
        assert b" " not in fields[1][1]
        identifier = begin(sessions)
        twice = sessions.visit([(b"mcp-session-id", identifier), (b"mcp-session-id", b"other")])
        assert b" " not in dict(twice.fields)[b"wasmcp-session"]

    def test_those_nobody_uses_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [0.0]
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
        hub = Hub()
        sessions = Sessions(hub, idle=60)
        idle, used, streaming = begin(sessions), begin(sessions), begin(sessions)
        heard: list[bytes | None] = []
        sessions.visit([(b"mcp-session-id", streaming)]).open(heard.append)
        now[0] = 40
        assert state(sessions, used) is not None
        now[0] = 90
        assert state(sessions, idle) is None
        assert state(sessions, used) is not None
        now[0] = 900
        assert state(sessions, used) is None
        assert state(sessions, streaming) is not None
        hub.changed(TOOLS)
        assert len(heard) == 1

    def test_beyond_the_limit_those_used_longest_ago_end(self) -> None:
        sessions = Sessions(Hub(), most=2)
        first, second = begin(sessions), begin(sessions)
        assert state(sessions, first) is not None
        third = begin(sessions)
        assert [state(sessions, each) is not None for each in (first, second, third)] == [True, False, True]

    def test_messages_wait_for_a_stream_and_go_to_the_latest(self) -> None:
        hub = Hub()
        sessions = Sessions(hub)
        identifier = begin(sessions)
        for _ in range(150):
            hub.changed(TOOLS)
        first: list[bytes | None] = []
        second: list[bytes | None] = []
        visit = sessions.visit([(b"mcp-session-id", identifier)])
        assert len(visit.open(first.append)) == 100
        sessions.visit([(b"mcp-session-id", identifier)]).open(second.append)
        hub.changed(TOOLS)
        assert (len(first), len(second)) == (0, 1)
        sessions.end(identifier)
        assert (first, second[1:]) == ([None], [None])
        hub.changed(TOOLS)
        assert len(second) == 2

    def test_a_refused_request_does_not_keep_a_session_alive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [0.0]
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
        sessions = Sessions(Hub(), idle=60)
        identifier = begin(sessions)
        now[0] = 50
        visit = sessions.visit([(b"mcp-session-id", identifier), (b"host", b"evil.test")])
        visit.taken(403, b"", Questions(lambda _call: None, None))
        now[0] = 70
        assert state(sessions, identifier) is None

    def test_a_call_keeps_its_session_alive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [0.0]
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
        sessions = Sessions(Hub(), idle=60)
        identifier = begin(sessions)
        visit = sessions.visit([(b"mcp-session-id", identifier)])
        call = Call((b"",), None, visit.ended)
        visit.began(call, b"")
        now[0] = 70
        assert state(sessions, identifier) is not None
        visit.ended(call)
        now[0] = 140
        assert state(sessions, identifier) is None

    def test_a_state_too_large_is_not_kept(self) -> None:
        sessions = Sessions(Hub())
        visit = sessions.visit([])
        fresh = dict(visit.fields)[b"wasmcp-session"]
        visit.event("subscribe", GREETING)
        visit.settle(b"wasmcp-session: " + b"x" * 70000 + b"\r\n")
        assert state(sessions, fresh) is None


Head = tuple[tuple[bytes, bytes], ...]


class Running:
    """A session with a call in progress, and questions that it waits for."""

    def __init__(self, *head: tuple[bytes, bytes]) -> None:
        self.sessions = Sessions(Hub())
        self.identifier = begin(self.sessions)
        self.questions = Questions(lambda _call: None, None)
        self.call = Call((b"", b"", b"", b""), None, lambda _call: None)
        self.visit(*head).began(self.call, b'{"id":5,"method":"tools/call"}')
        self.questions.ask(self.call, json.dumps({"ids": ["q"], "continuation": {}}))

    def visit(self, *head: tuple[bytes, bytes], target: bytes = b"/mcp", identifier: bytes | None = None) -> Visit:
        return self.sessions.visit([(b"mcp-session-id", identifier or self.identifier), *head], target)

    @property
    def answered(self) -> bool:
        return not self.questions.answer(ANSWER, sender=self.call.sender)


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
    def test_with_the_same_head_they_count_at_once(self) -> None:
        running = Running(LOCAL)
        assert running.visit((b"Host", b" localhost:8000 ")).receive(ANSWER, running.questions)
        running = Running(LOCAL)
        assert not running.visit(LOCAL).receive(CANCEL, running.questions)
        assert running.call.cancelled

    @pytest.mark.parametrize("head", OTHERS.values(), ids=OTHERS)
    @pytest.mark.parametrize("status", [202, 403, 415, 404])
    def test_with_another_head_the_server_judges_first(
        self, head: tuple[tuple[bytes, bytes], ...], status: int
    ) -> None:
        for message in (CANCEL, ANSWER):
            running = Running(LOCAL)
            visit = running.visit(*head)
            assert not visit.receive(message, running.questions)
            assert not running.call.cancelled
            visit.taken(status, message, running.questions)
            assert running.call.cancelled == (message == CANCEL and status == 202)
            assert running.answered == (message == ANSWER and status == 202)

    def test_another_target(self) -> None:
        running = Running(LOCAL)
        assert not running.visit(LOCAL, target=b"/other").receive(CANCEL, running.questions)
        assert not running.call.cancelled

    @pytest.mark.parametrize("session", [b"", b"unknown"])
    def test_another_session(self, session: bytes) -> None:
        running = Running(LOCAL)
        for identifier in (session, begin(running.sessions)):
            for message in (CANCEL, ANSWER):
                visit = running.visit(LOCAL, identifier=identifier or b" ")
                assert not visit.receive(message, running.questions)
                visit.taken(202, message, running.questions)
        assert not running.call.cancelled
        assert not running.answered

    def test_the_client_of_another_transport(self) -> None:
        running = Running(LOCAL)
        assert not running.questions.answer(ANSWER)
        assert not running.answered
