"""Listener of `wasmcp serve`: start and end of its application, its connections and its process."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from wasmcp.host import HttpLimits
from wasmcp.host.engine import logs
from wasmcp.host.engine.limits import Budget
from wasmcp.host.transports.connections import Connections
from wasmcp.host.transports.http_connection import HttpConnection
from wasmcp.host.transports.listener import Listener, http_date, listen_tcp
from wasmcp.host.transports.tls_server import tls_context

SECONDS = 20


class App:
    """Application that notes its lifespan, and whose requests to `/wait` wait for an event."""

    def __init__(self, fails: str = "") -> None:
        self.events: list[str] = []
        self.begun = threading.Event()
        self.proceed = asyncio.Event()
        self._fails = fails

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                self.events.append(kind)
                if kind == self._fails:
                    raise RuntimeError(f"no {kind}")
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        if scope["path"] == "/wait":
            self.begun.set()
            try:
                await self.proceed.wait()
            except asyncio.CancelledError:
                self.events.append("cancelled")
                raise
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Running:
    """Listener that runs on a thread."""

    def __init__(
        self,
        app: App,
        seconds: float | None,
        *,
        is_plain: bool,
        tls: ssl.SSLContext | None = None,
        limits: HttpLimits | None = None,
    ) -> None:
        self.bound = listen_tcp("127.0.0.1", 0)
        self.port = self.bound.getsockname()[1]
        self.error: BaseException | None = None
        self._started = started = threading.Event()
        limits = limits or HttpLimits()
        connections = Connections(limits, limits.connections or 100, Budget(limits.unread_bytes))

        class Noting(Listener):
            def listening(self) -> None:
                started.set()

        bound_to = HttpConnection.bound_to(connections)
        self.listener = Noting(app, bound_to, tls=tls, seconds=seconds, is_plain=is_plain)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.listener.run(self.bound)
        except BaseException as error:  # noqa: BLE001 - for the test
            self.error = error
        self._started.set()

    def get(self, path: str = "/") -> http.client.HTTPResponse:
        assert self._started.wait(SECONDS)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response

    def get_secure(self, client: ssl.SSLContext) -> http.client.HTTPResponse:
        assert self._started.wait(SECONDS)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=SECONDS, context=client)
        connection.request("GET", "/", headers={"Connection": "close"})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response

    def end(self) -> None:
        self.listener.end()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


@contextmanager
def running(app: App, seconds: float | None = None, *, is_plain: bool = True, **options: Any) -> Iterator[Running]:
    made = Running(app, seconds, is_plain=is_plain, **options)
    try:
        yield made
    finally:
        made.end()


@pytest.mark.parametrize("is_plain", [True, False], ids=["asyncio", "uvloop"])
def test_requests_between_the_start_and_the_end_of_the_application(*, is_plain: bool) -> None:
    app = App()
    with running(app, is_plain=is_plain) as server:
        responses = [server.get() for _ in range(3)]
        assert app.events == ["lifespan.startup"]
    assert [response.status for response in responses] == [200, 200, 200]
    assert parsedate_to_datetime(responses[0].headers["date"]).tzname() == "UTC"
    assert app.events == ["lifespan.startup", "lifespan.shutdown"]
    assert server.bound.fileno() == -1


def test_requests_in_progress_end_before_the_server_does() -> None:
    app = App()
    with running(app) as server:
        found: list[int] = []
        client = threading.Thread(target=lambda: found.append(server.get("/wait").status))
        client.start()
        assert app.begun.wait(SECONDS)
        server.listener.end()
        assert app.events == ["lifespan.startup"]
        loop = server.listener.loop
        assert loop is not None
        loop.call_soon_threadsafe(app.proceed.set)
        client.join(SECONDS)
    assert found == [200]
    assert app.events == ["lifespan.startup", "lifespan.shutdown"]


def test_requests_beyond_the_time_at_the_end_are_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    with caplog.at_level(logging.ERROR), running(app, 0.2) as server:

        def ask() -> None:
            with suppress(OSError, http.client.HTTPException):
                server.get("/wait")

        client = threading.Thread(target=ask)
        client.start()
        assert app.begun.wait(SECONDS)
    client.join(SECONDS)
    logs.flush()
    assert "cancelled" in app.events
    assert "1 requests in progress are cancelled" in caplog.text


@pytest.mark.parametrize("kind", ["lifespan.startup", "lifespan.shutdown"])
def test_failure_of_the_application_is_raised(kind: str) -> None:
    with running(App(kind)) as server:
        if kind == "lifespan.shutdown":
            assert server.get().status == 200
    assert str(server.error) == f"no {kind}"


def test_end_before_the_event_loop() -> None:
    app = App()
    limits = HttpLimits()
    connections = Connections(limits, 100, Budget(limits.unread_bytes))
    listener = Listener(app, HttpConnection.bound_to(connections), is_plain=True)
    listener.end()
    listener.run(listen_tcp("127.0.0.1", 0))
    assert app.events == ["lifespan.startup", "lifespan.shutdown"]


def test_dates_are_those_of_the_standard_library() -> None:
    times = [0, 951_782_399, 951_782_400, 1_709_164_800.9, 4_102_444_799, *range(1_700_000_000, 1_731_600_000, 86_399)]
    assert [http_date(each) for each in times] == [formatdate(each, usegmt=True) for each in times]


SIGNALLED = """
import os, signal, sys, threading, time
from test_host_listener import App, listen_tcp, Listener, HttpConnection, Connections, Budget, HttpLimits
import http.client
app, limits, bound = App(), HttpLimits(), listen_tcp("127.0.0.1", 0)
port = bound.getsockname()[1]
listener = Listener(app, HttpConnection.bound_to(Connections(limits, 100, Budget(limits.unread_bytes))))

def client():
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/wait")
    app.begun.wait()
    for number in map(int, sys.argv[1:]):
        os.kill(os.getpid(), number)
        while not listener.ends:
            time.sleep(0.01)
    try:
        connection.getresponse()
    except OSError:
        pass

threading.Thread(target=client, daemon=True).start()
before = signal.getsignal(signal.SIGTERM)
listener.run(bound)
assert signal.getsignal(signal.SIGTERM) is before
print(*map(int, listener.received), *app.events)
os._exit(0)
"""


def test_second_interrupt_ends_without_a_wait() -> None:
    command = [sys.executable, "-c", SIGNALLED, "15", "2"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parent)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["15", "2", "lifespan.startup", "cancelled"]


# TLS


@pytest.fixture
def settings(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS settings of a server, and those of its clients."""
    from support.certificates import certificate  # lazy: a test imports this module in another process

    files = certificate(tmp_path, "server")
    return tls_context(*files), ssl.create_default_context(cafile=str(files[0]))


def https(made: Running, client: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection("127.0.0.1", made.port, timeout=SECONDS, context=client)


both_loops = pytest.mark.parametrize("is_plain", [True, False], ids=["asyncio", "uvloop"])


@both_loops
def test_clients_without_a_handshake_do_not_keep_others_out(
    settings: tuple[ssl.SSLContext, ssl.SSLContext], *, is_plain: bool
) -> None:
    server, client = settings
    limits = HttpLimits(connections=4, head_time=SECONDS)
    with running(App(), is_plain=is_plain, tls=server, limits=limits) as made:
        assert made.get_secure(client).status == 200
        idle = [socket.create_connection(("127.0.0.1", made.port), timeout=SECONDS) for _ in range(12)]
        assert [one.recv(1) for one in idle[:8]] == [b""] * 8
        assert made.get_secure(client).status == 200
        for one in idle:
            one.close()


@both_loops
def test_handshake_that_does_not_begin_times_out(
    settings: tuple[ssl.SSLContext, ssl.SSLContext], *, is_plain: bool
) -> None:
    limits = HttpLimits(head_time=0.5)
    with (
        running(App(), is_plain=is_plain, tls=settings[0], limits=limits) as made,
        socket.create_connection(("127.0.0.1", made.port), timeout=SECONDS) as idle,
    ):
        assert idle.recv(1) == b""


@both_loops
def test_plain_http_to_a_tls_port_ends_the_connection(
    settings: tuple[ssl.SSLContext, ssl.SSLContext], *, is_plain: bool
) -> None:
    with running(App(), is_plain=is_plain, tls=settings[0]) as made:
        with socket.create_connection(("127.0.0.1", made.port), timeout=SECONDS) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while plain.recv(1024):
                pass
        assert made.get_secure(settings[1]).status == 200


@both_loops
def test_request_that_arrives_with_the_end_of_the_handshake(
    settings: tuple[ssl.SSLContext, ssl.SSLContext], *, is_plain: bool
) -> None:
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = settings[1].wrap_bio(received, sent, server_hostname="127.0.0.1")
    with (
        running(App(), is_plain=is_plain, tls=settings[0]) as made,
        socket.create_connection(("127.0.0.1", made.port), timeout=SECONDS) as plain,
    ):
        while True:
            try:
                secure.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(sent.read())
                received.write(plain.recv(65536))
        secure.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        plain.sendall(sent.read())  # the end of the handshake and the request, in one segment
        answer = b""
        while not answer.endswith(b"ok"):
            try:
                answer += secure.read(65536)
            except ssl.SSLWantReadError:
                received.write(plain.recv(65536))
    assert answer.startswith(b"HTTP/1.1 200 OK")


@both_loops
def test_idle_clients_do_not_delay_the_end(settings: tuple[ssl.SSLContext, ssl.SSLContext], *, is_plain: bool) -> None:
    with running(App(), is_plain=is_plain, tls=settings[0]) as made:
        connection = https(made, settings[1])
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ok"
        with socket.create_connection(("127.0.0.1", made.port), timeout=SECONDS):
            time.sleep(0.1)  # without a handshake
            began = time.monotonic()
            made.end()
            assert time.monotonic() - began < 10  # asyncio waits for half a minute
        connection.close()
