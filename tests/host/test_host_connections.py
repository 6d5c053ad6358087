"""Limits of connections, with real sockets and the protocol of `wasmcp serve`."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from support import http_listening
from support.http_listening import rest
from support.waiting import wait_until

from wasmcp.host import Limits, Server
from wasmcp.host.engine.limits import HttpLimits
from wasmcp.host.transports import connections
from wasmcp.host.transports.asgi import App
from wasmcp.host.transports.connections import Connections, connection_limit

HEAD = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Listening(http_listening.Listening[App]):
    """A server on a free port, in a thread."""

    def __init__(self, server: Server, most: int) -> None:
        app = App(server)
        super().__init__(app, Connections(server.limits.http, most, app.unread), send_buffer=8192, seconds=0.1)

    def open(self, data: bytes = b"", *, buffer: int = 0) -> socket.socket:
        """Connect, and send data."""
        connection = socket.socket()
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(data)
        return connection

    def post(self, body: bytes = b"hello") -> bytes:
        """Send a whole request, and read until the connection ends."""
        with self.open(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as connection:
            return rest(connection)


@pytest.fixture
def listening(open_it: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Listening]]:
    monkeypatch.setattr(connections, "SWEEP", 0.05)
    opened: list[Listening] = []

    def start(most: int = 100, **bounds: Any) -> Listening:
        limits = Limits(timeout=10, cancel_grace=0.1, http=replace(HttpLimits(), **bounds))
        opened.append(Listening(open_it(instances=2, limits=limits), most))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_memory_is_returned_when_many_connections_have_ended(
    listening: Callable[..., Listening], monkeypatch: pytest.MonkeyPatch
) -> None:
    returned: list[int] = []
    monkeypatch.setattr(connections, "return_freed", lambda: returned.append(len(server.connections)))
    server = listening()
    few = [server.open() for _ in range(10)]
    wait_until(lambda: len(server.connections) == 10)
    for one in few:
        one.close()
    wait_until(lambda: len(server.connections) == 0)
    many = [server.open() for _ in range(80)]
    wait_until(lambda: len(server.connections) == 80)
    for one in many[:50]:
        one.close()
    wait_until(lambda: len(server.connections) == 30)
    assert returned == []
    for one in many[50:70]:
        one.close()
    wait_until(lambda: bool(returned))
    for one in many[70:]:
        one.close()
    assert server.post()
    assert len(returned) == 1
    assert returned[0] <= 20


@pytest.mark.parametrize(("pause", "most"), [(0.0, 2), (60.0, 1)])
def test_memory_is_not_returned_again_within_the_pause(
    listening: Callable[..., Listening], monkeypatch: pytest.MonkeyPatch, pause: float, most: int
) -> None:
    returned: list[int] = []
    monkeypatch.setattr(connections, "return_freed", lambda: returned.append(1))
    monkeypatch.setattr(connections, "PAUSE", pause)
    server = listening()
    for wave in (1, 2):
        many = [server.open() for _ in range(80)]
        wait_until(lambda: len(server.connections) == 80)
        for one in many:
            one.close()
        wait_until(lambda wave=wave: len(returned) == min(wave, most))  # type: ignore[misc]
        wait_until(lambda: len(server.connections) == 0)
    time.sleep(4 * connections.SWEEP)
    assert len(returned) == most


def test_new_connection_ends_the_longest_waiting_one(listening: Callable[..., Listening]) -> None:
    bounded = listening(4)
    half = []
    for number, begun in enumerate((HEAD, b"", HEAD + b"Content-Length: 9\r\n\r\n{", HEAD), 1):
        half.append(bounded.open(begun))
        wait_until(lambda number=number: len(bounded.connections) == number)  # type: ignore[misc]
    assert bounded.post().endswith(b"\r\n\r\nhello")
    assert rest(half[0]) == b""
    for each in half[1:]:
        each.settimeout(0.05)
        with pytest.raises(TimeoutError):
            each.recv(1)
    for _ in range(20):
        half.append(bounded.open(HEAD))
        assert bounded.post().endswith(b"\r\n\r\nhello")
    assert rest(half[1]) == b""
    assert rest(half[2]) == b""
    for each in half:
        each.close()


def test_connection_with_a_response_outlasts_those_without(listening: Callable[..., Listening]) -> None:
    bounded = listening(2)
    whole = HEAD + b"Content-Length: 5\r\n\r\nhello"
    with bounded.open(whole) as used:
        wait_until(lambda: used.recv(65536).endswith(b"hello"))
        idle = [bounded.open() for _ in range(4)]
        assert [rest(each) for each in idle[:3]] == [b""] * 3
        used.sendall(whole)
        wait_until(lambda: used.recv(65536).endswith(b"hello"))
        idle[3].close()


def test_requests_in_progress_are_not_ended(listening: Callable[..., Listening]) -> None:
    bounded = listening(2)
    loops = HEAD + b"Content-Length: 2\r\n\r\n!L"
    running = [bounded.open(loops) for _ in range(2)]
    wait_until(lambda: bounded.app.requests == 2)
    with bounded.open() as refused:
        assert rest(refused) == b""
    for each in running:
        each.settimeout(0.05)
        with pytest.raises(TimeoutError):
            each.recv(1)
        each.close()
    wait_until(lambda: len(bounded.connections) == 0)


@pytest.mark.parametrize("sent", [b"", b"POST /mcp HTTP/1.1\r\n", HEAD + b"X: " + b"x" * 1000])
def test_incomplete_head_times_out(listening: Callable[..., Listening], sent: bytes) -> None:
    bounded = listening(head_time=0.2)
    with bounded.open(sent) as connection:
        assert rest(connection) == b""
    assert bounded.connections.ended == 1


def test_incomplete_second_head_times_out(listening: Callable[..., Listening]) -> None:
    bounded = listening(head_time=0.3)
    whole = HEAD + b"Content-Length: 5\r\n\r\nhello"
    with bounded.open(whole) as connection:
        wait_until(lambda: connection.recv(65536).endswith(b"hello"))
        connection.sendall(whole)
        wait_until(lambda: connection.recv(65536).endswith(b"hello"))
        connection.sendall(b"POST")
        assert rest(connection) == b""


def test_request_that_arrived_while_the_process_stood_still_is_answered(
    listening: Callable[..., Listening], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "STANDSTILL", 0.2)
    bounded = listening(head_time=0.3)
    whole = HEAD + b"Content-Length: 5\r\n\r\nhello"
    with bounded.open(whole) as connection:
        wait_until(lambda: connection.recv(65536).endswith(b"hello"))

        def stand_still(loop: asyncio.AbstractEventLoop) -> None:
            timer = bounded.connections._timer
            assert timer is not None
            timer.cancel()
            connection.sendall(whole)
            time.sleep(0.5)
            bounded.connections._sweep(loop)  # the timer is due before the socket is looked at

        loop = next(iter(bounded.connections._all)).loop
        loop.call_soon_threadsafe(stand_still, loop)
        wait_until(lambda: connection.recv(65536).endswith(b"hello"))
        assert bounded.connections.ended == 0
        assert rest(connection) == b""  # and an idle connection ends as before
        assert bounded.connections.ended == 1


def test_incomplete_body_times_out(listening: Callable[..., Listening]) -> None:
    bounded = listening(body_time=0.2)
    for framing in (b"Content-Length: 5\r\n\r\nhel", b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"):
        with bounded.open(HEAD + framing) as connection:
            assert rest(connection).startswith(b"HTTP/1.1 408 ")


def test_body_above_the_limit_is_not_read(listening: Callable[..., Listening]) -> None:
    bounded = listening()
    announced = HEAD + b"Content-Length: 900000000\r\nExpect: 100-continue\r\n\r\n"
    with bounded.open(announced) as connection:
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")  # the server gets an empty body
    assert b"connection: close" in answer.lower()


def test_client_that_does_not_read_is_disconnected(listening: Callable[..., Listening]) -> None:
    bounded = listening(write_time=0.3)
    for again in (b"", b"Connection: close\r\n"):
        with bounded.open(HEAD + again + b"Content-Length: 2\r\n\r\n!B", buffer=4096):
            wait_until(lambda: len(bounded.connections) == 1)
            wait_until(lambda: len(bounded.connections) == 0)
        wait_until(lambda: bounded.app.unread.used == 0)
    assert bounded.connections.ended == 2


def test_connection_with_the_most_unread_bytes_is_ended(listening: Callable[..., Listening]) -> None:
    bounded = listening(unread_bytes=3 << 20)
    answers = [bounded.open(HEAD + b"Content-Length: 2\r\n\r\n!B", buffer=4096) for _ in range(3)]
    wait_until(lambda: bounded.connections.ended > 0)
    wait_until(lambda: bounded.app.unread.used <= 3 << 20)
    assert bounded.connections.ended < 3
    for each in answers:
        each.close()


@pytest.mark.parametrize(
    ("given", "files", "instances", "most"),
    [
        (None, 1 << 20, 4, 1000),
        (None, 1024, 4, 832),
        (None, 256, 2, 80),
        (None, 100, 8, 16),
        (5, 256, 2, 5),
        (5000, 256, 2, 5000),
    ],
)
def test_connection_limit_fits_the_descriptors(
    monkeypatch: pytest.MonkeyPatch, given: int | None, files: int, instances: int, most: int
) -> None:
    monkeypatch.setattr(connections, "open_files", lambda: files)
    assert connection_limit(HttpLimits(connections=given), instances) == most
