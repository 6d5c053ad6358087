"""Stdio transport: order of lines, cancellation, lines of all lengths."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.garbage import no_cycles
from support.waiting import wait_until

from wasmcp.host import Limits, Server
from wasmcp.host.engine import logs
from wasmcp.host.engine.stdio_pipes import Stdio
from wasmcp.host.mcp.manifest_responder import ManifestResponder
from wasmcp.host.transports.stdio import Output, StdioSession, read_lines

LIMITS = Limits(timeout=0.5, request=1000, cancel_grace=0.05)


class Client:
    """Client that collects the messages written to it."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def __call__(self, line: bytes) -> None:
        self.lines.append(line)


@contextmanager
def session(server: Server | None, responder: ManifestResponder | None = None) -> Iterator[tuple[StdioSession, Client]]:
    """Return a session, drained at the end of the block."""
    client = Client()
    talk = StdioSession(client, LIMITS, responder)
    if server is not None:
        talk.ready(server)
    yield talk, client
    talk.drain()


def request(identifier: object, method: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": identifier, "method": method}).encode()


def cancelled(identifier: object) -> bytes:
    message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": identifier}}
    return json.dumps(message).encode()


def test_every_line_is_answered(server: Server) -> None:
    with session(server) as (talk, client):
        for n in range(50):
            talk.line(b"%d" % n)
    assert sorted(client.lines, key=int) == [b"%d" % n for n in range(50)]


def test_requests_leave_nothing_to_the_garbage_collector(server: Server) -> None:
    with session(server) as (talk, client), no_cycles(200):
        for n in range(200):
            talk.line(b"%d" % n)
        talk.line(b"!E")
        talk.drain()
    assert len(client.lines) == 203


def test_blank_lines_are_skipped(server: Server) -> None:
    with session(server) as (talk, client):
        talk.line(b"")
        talk.line(b" \t\r")
    assert client.lines == []


def test_invalid_lines_are_not_passed_on(server: Server) -> None:
    with session(server) as (talk, client):
        talk.line(b"\xff!T")
        talk.line(b"!T" * 501)
    codes = [json.loads(line)["error"]["code"] for line in client.lines]
    assert codes == [-32700, -32600]


@pytest.mark.parametrize("method", ["initialize", "logging/setLevel"])
def test_state_changes_are_ordered(server: Server, method: str) -> None:
    slow = request(1, method) + b"!E"
    with session(server) as (talk, client):
        talk.line(slow)
        for n in range(10):
            talk.line(b"after %d" % n)
    assert client.lines.index(slow) < min(client.lines.index(b"after %d" % n) for n in range(10))


def test_slow_request_does_not_delay_others(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=2)
    with session(server) as (talk, client):
        talk.line(request(1, "!L"))
        talk.line(b"quick")
        wait_until(lambda: client.lines)
        assert client.lines == [b"quick"]
    assert json.loads(client.lines[1]) == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32603, "message": "Internal error: the request took longer than 0.5 s"},
    }


@pytest.mark.usefixtures("no_handlers")
def test_trap_is_an_internal_error_without_details(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    with session(server) as (talk, client):
        talk.line(request("a", "!T"))
        talk.line(b'{"jsonrpc":"2.0","method":"!T"}')  # a notification: no response
    assert [json.loads(line) for line in client.lines] == [
        {
            "jsonrpc": "2.0",
            "id": "a",
            "error": {"code": -32603, "message": "Internal error: the server failed to answer"},
        }
    ]
    logs.flush()
    assert "WebAssembly backtrace" in capfd.readouterr().err


def test_events_are_sent_before_the_response(server: Server) -> None:
    with session(server) as (talk, client):
        talk.line(b"!E")
    assert [b"notifications/message" in line for line in client.lines] == [True, True, False]


def test_events_of_an_inline_call_are_sent_before_its_response(
    open_it: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = open_it()
    inline, taken = threading.Event(), threading.Event()
    client = Client()

    def take(line: bytes) -> None:
        taken.set()
        client(line)

    talk = StdioSession(take, Limits(timeout=60))
    talk.ready(server)
    submitting = threading.Thread(target=lambda: talk.line(b"!E"), daemon=True)
    drain = Stdio.drain

    def drain_late(self: Stdio) -> None:
        """Drain after the thread that reads the output of instances has begun to."""
        if threading.current_thread() is submitting:
            inline.set()
            assert taken.wait(60)
        drain(self)

    monkeypatch.setattr(Stdio, "drain", drain_late)
    monkeypatch.setattr("wasmcp.host.scheduling.call.SLICE", 60.0)  # the call is not stopped on a busy machine
    for _ in range(5000):
        server.send(b"quick")
        if server.pool.inline_policy.allows_inline():
            break
    submitting.start()
    submitting.join(60)
    assert not submitting.is_alive()
    assert inline.is_set()
    talk.drain()
    assert [b"notifications/message" in line for line in client.lines] == [True, True, False]


def test_cancelled_request_gets_no_response(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=1)
    with session(server) as (talk, client):
        talk.line(request(1, "!C"))  # waits for the cancellation
        talk.line(request(2, "queued"))
        time.sleep(0.1)
        talk.line(cancelled(1))
        talk.line(b"next")
    assert client.lines == [request(2, "queued"), b"next"]


def test_request_that_ignores_cancellation_is_stopped(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=1)
    with session(server) as (talk, client):
        talk.line(request(1, "!L"))
        time.sleep(0.05)
        talk.line(cancelled(1))
        talk.line(b"next")
    assert client.lines == [b"next"]


def test_queued_request_can_be_cancelled(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=1)
    with session(server) as (talk, client):
        talk.line(request(1, "!L"))
        talk.line(request("two", "never runs"))
        talk.line(cancelled("two"))
        talk.line(cancelled(1))
    assert client.lines == []


@pytest.mark.parametrize("identifier", ["1", True, 2, None])
def test_only_the_same_id_is_cancelled(server: Server, identifier: object) -> None:
    with session(server) as (talk, client):
        talk.line(request(1, "!E"))
        talk.line(cancelled(identifier))
    assert request(1, "!E") in client.lines


def test_lines_wait_for_the_server(server: Server) -> None:
    with session(None) as (talk, client):
        talk.line(b"one")
        talk.line(request(2, "two"))
        talk.line(cancelled(2))
        assert client.lines == []
        talk.ready(server)
    assert client.lines == [b"one"]


def test_manifest_responder_answers_until_the_server_is_ready(server: Server) -> None:
    responder = ManifestResponder(
        {"metadata": {"name": "n", "version": "1"}, "capabilities": {}, "catalogue": {"tools": []}}
    )
    with session(None, responder) as (talk, client):
        talk.line(b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}')
        talk.line(request(2, "ping"))
        assert [json.loads(line)["id"] for line in client.lines] == [2]
        talk.ready(server)
    assert len(client.lines) == 2


def test_server_continues_the_negotiated_session(server: Server) -> None:
    responder = ManifestResponder(
        {"metadata": {"name": "n", "version": "1"}, "capabilities": {}, "catalogue": {"tools": []}}
    )
    initialize = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
    with session(None, responder) as (talk, client):
        talk.line(json.dumps(initialize).encode())
        assert json.loads(client.lines[0])["result"]["protocolVersion"] == "2025-06-18"
        talk.ready(server)
        talk.line(b"x")
    assert talk._state == b"2025-06-18."


def test_drain_ends_without_a_server() -> None:
    with session(None) as (talk, client):
        talk.line(b"one")
        ended = threading.Thread(target=talk.drain, daemon=True)
        ended.start()
        ended.join(0.05)
        assert ended.is_alive()  # the server can still become ready
        talk.failed()
        ended.join(10)
        assert not ended.is_alive()
    assert client.lines == []


@given(
    lines=st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b""))),
    pieces=st.lists(st.integers(1, 30), min_size=1),
    ended=st.booleans(),
)
def test_lines_are_split_at_any_boundary(lines: list[bytes], pieces: list[int], ended: bool) -> None:
    data = b"\n".join(lines) + (b"\r\n" if ended else b"")
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    taken: list[bytes] = []
    reading, writing = os.pipe()

    def write() -> None:
        rest, turn = data, 0
        while rest:
            size = pieces[turn % len(pieces)]
            os.write(writing, rest[:size])
            rest, turn = rest[size:], turn + 1
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    read_lines(reading, 1000, taken.append)
    thread.join()
    os.close(reading)
    assert taken == [line.removesuffix(b"\r") for line in expected]


def test_endless_line_is_not_kept() -> None:
    reading, writing = os.pipe()
    taken: list[bytes] = []

    def write() -> None:
        for _ in range(64):
            os.write(writing, b"x" * 65536)
        os.write(writing, b"\nnext\n")
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    read_lines(reading, 1000, taken.append)
    thread.join()
    os.close(reading)
    assert len(taken) == 2
    assert 1000 < len(taken[0]) <= 1000 + 2 * 65536
    assert taken[1] == b"next"


def test_large_lines_arrive_as_they_were_written() -> None:
    lines = [b"a" * 1_000_000, b"", b"b" * 65536, b"c" * 65535, b"{}", bytes(range(32, 127)) * 20_000, b"d"]
    reading, writing = os.pipe()
    taken: list[bytes] = []

    def write() -> None:
        output = Output(writing)
        for line in lines:
            output(line)
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    read_lines(reading, 4_000_000, taken.append)
    thread.join()
    os.close(reading)
    assert taken == lines


def test_unread_output_after_the_input_ends_the_server() -> None:
    reading, writing = os.pipe()
    idle, blocked = threading.Event(), threading.Event()
    output = Output(writing)
    output(b"{}")
    output.end_if_unread(0.1, idle.set)
    assert not idle.wait(0.3)
    writer = threading.Thread(target=output, args=(b"x" * 1_000_000,))
    writer.start()
    output.end_if_unread(0.1, blocked.set)
    assert blocked.wait(30)
    received = 0
    while received < 1_000_004:
        received += len(os.read(reading, 65536))
    writer.join()
    os.close(reading)
    os.close(writing)
