"""Listener of `wasmcp serve`: start and end of its application, its connections and its process."""

from __future__ import annotations

import asyncio
import http.client
import logging
import subprocess
import sys
import threading
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
from wasmcp.host.transports.listener import Listener, http_date
from wasmcp.host.transports.listening import listen_tcp

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

    def __init__(self, app: App, seconds: float | None, *, is_plain: bool) -> None:
        self.bound = listen_tcp("127.0.0.1", 0)
        self.port = self.bound.getsockname()[1]
        self.error: BaseException | None = None
        self._started = started = threading.Event()
        limits = HttpLimits()
        connections = Connections(limits, 100, Budget(limits.unread_bytes))

        class Noting(Listener):
            def listening(self) -> None:
                started.set()

        self.listener = Noting(app, HttpConnection.bound_to(connections), seconds=seconds, is_plain=is_plain)
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

    def end(self) -> None:
        self.listener.end()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


@contextmanager
def running(app: App, seconds: float | None = None, *, is_plain: bool = True) -> Iterator[Running]:
    made = Running(app, seconds, is_plain=is_plain)
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
