"""Limits over HTTP: requests, bodies, streams, unread events. The tests replace the server by a fake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from wasmcp.host.bindings.messages import NO_REQUEST, Chunk, Head, Subscribe
from wasmcp.host.engine.limits import Budget, HttpLimits, Limits
from wasmcp.host.mcp.http_sessions import Sessions
from wasmcp.host.mcp.subscriptions import Hub
from wasmcp.host.scheduling.call import Call, PendingInputs
from wasmcp.host.transports import asgi, asgi_response, http_body
from wasmcp.host.transports.asgi import App

Fields = tuple[tuple[bytes, bytes], ...]
CALL = b'{"jsonrpc":"2.0","id":7,"method":"tools/call"}'
MODERN = (b"mcp-protocol-version", b"2026-07-28")
CHANGE = '{"method":"notifications/tools/list_changed"}'
EVENT = "data: " + "x" * 400 + "\n\n"


class Pool:
    """Fake pool: collects calls, which the test finishes."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.has_waiting_calls = False
        self.pending_inputs = PendingInputs(self.calls.append, None)

    def submit(self, call: Call) -> None:
        self.calls.append(call)


class FakeServer:
    """Fake server with the attributes that an application needs."""

    def __init__(self, **bounds: Any) -> None:
        self.limits = Limits(request=1000, http=replace(HttpLimits(), **bounds))
        self.pool = Pool()
        self.hub = Hub()
        self.sessions = Sessions(self.hub, self.limits.http)


class Client:
    """One request to an application: its body is sent in parts, and the response is recorded while `reads` is set."""

    def __init__(
        self, app: App, *parts: bytes, more: bool = False, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        self.sent: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for number, part in enumerate(parts, 1):
            self.post(part, more=more or number < len(parts))
        scope = {"type": "http", "method": "POST", "path": "/mcp", "raw_path": b"/mcp", "headers": [*headers]}
        self.task = asyncio.ensure_future(app(scope, self._incoming.get, self._send))

    def post(self, part: bytes, *, more: bool = False) -> None:
        self._incoming.put_nowait({"type": "http.request", "body": part, "more_body": more})

    def leave(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


def drive(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 30))


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - the host's threads cannot set events of this loop
        await asyncio.sleep(0.002)


def answer(call: Call, status: int = 200, body: bytes = b"{}") -> None:
    call.finish((status, b"content-type: application/json\r\n", body), None)


def nothing_is_held(app: App) -> None:
    assert (app.bodies.used, app.streams.used, app.filters.used, app.unread.used) == (0, 0, 0, 0)
    assert app.requests == 0


def test_limits_are_documented_with_their_defaults() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "limits.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for field in fields(HttpLimits):
        (row,) = [line for line in rows if f"`{field.name}`" in line.split("|")[3]][:1] or [""]
        shown = {"session_idle": "1 h", "session_begun": "10 min", "connections": "1000"}.get(field.name)
        if shown is None:
            default = field.default
            assert isinstance(default, int | float)
            shown = f"{default >> 20} MiB" if isinstance(default, int) and default >= 1 << 20 else f"{default:,g}"
        assert shown in row, field.name


@pytest.mark.parametrize("wrong", [{"sessions": 0}, {"head_time": float("nan")}, {"streams": None}, {"requests": "9"}])
def test_invalid_limits_are_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be a finite number above 0"):
        HttpLimits(**wrong)


class TestBudget:
    def test_part_is_limited_by_the_whole(self) -> None:
        whole = Budget(10)
        one, other = Budget(8, whole), Budget(8, whole)
        assert one.take(6)
        assert not one.take(3)
        assert not other.take(5)
        assert (whole.used, one.used, other.used) == (6, 6, 0)
        assert other.take(4)
        one.give(2)
        one.give_all()
        assert (whole.used, one.used, other.used) == (4, 0, 4)
        assert whole.exceed(7)
        assert not whole.exceed(-7)


class TestRequests:
    def test_number_of_requests_is_limited(self) -> None:
        async def work() -> None:
            fake_server = FakeServer(requests=2)
            app = App(fake_server)  # type: ignore[arg-type]
            first, second = Client(app, CALL), Client(app, CALL)
            await until(lambda: len(fake_server.pool.calls) == 2)
            third = Client(app, CALL)
            await third.task
            assert (third.status, third.headers[b"connection"]) == (503, b"close")
            assert b"retry-after" in third.headers
            for call in fake_server.pool.calls:
                answer(call)
            await asyncio.gather(first.task, second.task)
            assert (first.status, second.status) == (200, 200)
            nothing_is_held(app)

        drive(work)

    def test_disconnect_during_the_request(self) -> None:
        async def work() -> None:
            app = App(FakeServer())  # type: ignore[arg-type]
            client = Client(app, b"{", more=True)
            await until(lambda: app.bodies.used == 1)
            client.leave()
            await client.task
            assert client.sent == []
            nothing_is_held(app)

        drive(work)


class TestBodies:
    def test_missing_bodies_take_no_places(self) -> None:
        async def work() -> None:
            fake_server = FakeServer(requests=1, body_time=20)
            app = App(fake_server)  # type: ignore[arg-type]
            halves = [Client(app, b"{", more=True) for _ in range(3)]
            await asyncio.sleep(0.01)
            whole = Client(app, b"{}")
            await until(lambda: len(fake_server.pool.calls) == 1)
            halves[0].post(b"}")  # while the only place is taken
            await halves[0].task
            assert (halves[0].status, halves[0].headers[b"retry-after"]) == (503, b"1")
            answer(fake_server.pool.calls[0])
            await whole.task
            assert whole.status == 200
            halves[1].post(b"}")
            await until(lambda: len(fake_server.pool.calls) == 2)
            answer(fake_server.pool.calls[1])
            halves[2].leave()
            await asyncio.gather(*(each.task for each in halves))
            assert halves[1].status == 200
            nothing_is_held(app)

        drive(work)

    def test_missing_body_times_out(self) -> None:
        async def work() -> None:
            app = App(FakeServer(body_time=0.05))  # type: ignore[arg-type]
            client = Client(app, b"{", more=True)
            await client.task
            assert (client.status, client.headers[b"connection"]) == (408, b"close")
            nothing_is_held(app)

        drive(work)

    def test_arriving_body_has_more_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_body, "RATE", 10)

        async def work() -> None:
            fake_server = FakeServer(body_time=0.05)
            app = App(fake_server)  # type: ignore[arg-type]
            client = Client(app, b" " * 400, more=True)
            await asyncio.sleep(0.2)
            client.post(CALL)
            await until(lambda: len(fake_server.pool.calls) == 1)
            answer(fake_server.pool.calls[0])
            await client.task
            assert client.status == 200

        drive(work)

    def test_announced_too_large_body_is_not_read(self) -> None:
        async def work() -> None:
            fake_server = FakeServer()
            app = App(fake_server)  # type: ignore[arg-type]
            client = Client(app, headers=((b"content-length", b"999999999"),))
            await until(lambda: len(fake_server.pool.calls) == 1)
            request = fake_server.pool.calls[0].request
            assert b"content-length: 999999999\r\n" in request[2]
            assert request[3] == b""
            answer(fake_server.pool.calls[0], 413)
            await client.task
            assert (client.status, client.headers[b"connection"]) == (413, b"close")

        drive(work)

    def test_endless_body_is_not_read_to_its_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http_body, "SKIPPED", 5000)

        async def work() -> None:
            fake_server = FakeServer()
            app = App(fake_server)  # type: ignore[arg-type]
            client = Client(app, *[b"x" * 500] * 13, more=True)
            await until(lambda: len(fake_server.pool.calls) == 1)
            assert b"content-length: 6500\r\n" in fake_server.pool.calls[0].request[2]
            assert app.bodies.used == 0
            answer(fake_server.pool.calls[0], 413)
            await client.task
            assert client.headers[b"connection"] == b"close"
            rest = Client(app, *[b"x" * 500] * 4)  # the connection of a body that is read to its end stays open
            await until(lambda: len(fake_server.pool.calls) == 2)
            answer(fake_server.pool.calls[1], 413)
            await rest.task
            assert b"connection" not in rest.headers
            nothing_is_held(app)

        drive(work)

    def test_incomplete_bodies_are_evicted(self) -> None:
        async def work() -> None:
            fake_server = FakeServer(request_bytes=1500)
            app = App(fake_server)  # type: ignore[arg-type]
            hoarders = [Client(app, b" " * 700, more=True) for _ in range(2)]
            await until(lambda: app.bodies.used == 1400)
            client = Client(app, b" " * 600 + CALL)
            await until(lambda: len(fake_server.pool.calls) == 1)
            await hoarders[0].task
            assert (hoarders[0].status, hoarders[0].headers[b"connection"]) == (503, b"close")
            assert not hoarders[1].task.done()
            refused = Client(app, b" " * 900)  # still too large after the other body was evicted
            await refused.task
            assert refused.status == 503
            await hoarders[1].task
            answer(fake_server.pool.calls[0])
            await client.task
            assert client.status == 200
            nothing_is_held(app)

        drive(work)


@pytest.mark.parametrize("has_arrived", [True, False])
def test_body_that_arrived_while_the_process_stood_still_is_read(*, has_arrived: bool) -> None:
    async def work() -> None:
        loop, skipped = asyncio.get_running_loop(), 0.0
        clock, arrived = loop.time, asyncio.Event()
        loop.time = lambda: clock() + skipped  # type: ignore[method-assign]

        async def receive() -> dict[str, Any]:
            await arrived.wait()
            return {"type": "http.request", "body": b"hello", "more_body": False}

        async def timers() -> None:
            for _ in range(8):
                await asyncio.sleep(0)

        bodies = http_body.Bodies(Budget(100), 30.0)
        reading = asyncio.create_task(bodies.read(receive, 100, 5))
        await timers()
        skipped += 3600  # the timer is due before the socket is looked at
        await timers()
        assert not reading.done()
        if has_arrived:
            arrived.set()
            assert await reading == (b"hello", 5, True)
        else:
            skipped += http_body.STANDSTILL + 0.1
            with pytest.raises(http_body.BodyError) as late:
                await reading
            assert late.value.status == 408

    asyncio.run(work())


def listen(fake_server: FakeServer, call: Call, *uris: str) -> None:
    """Finish a call by opening a stream."""
    notifications = {"toolsListChanged": True, "resourceSubscriptions": list(uris)}
    call.notify(Subscribe(json.dumps({"id": 7, "notifications": notifications, "end": "end"})))
    answer(call, 200, b"data: acknowledged\n\n")


async def listening(app: App, fake_server: FakeServer, *uris: str) -> Client:
    client = Client(app, CALL, headers=(MODERN,))
    before = len(fake_server.pool.calls)
    await until(lambda: len(fake_server.pool.calls) > before)
    listen(fake_server, fake_server.pool.calls[-1], *uris)
    await until(lambda: len(client.sent) > 1)
    return client


class TestStreams:
    def test_number_of_streams_is_limited(self) -> None:
        async def work() -> None:
            fake_server = FakeServer(streams=2)
            app = App(fake_server)  # type: ignore[arg-type]
            first, second, third = [await listening(app, fake_server) for _ in range(3)]
            assert (first.status, second.status, third.status) == (200, 200, 503)
            assert json.loads(third.body)["error"]["code"] == -32603
            assert json.loads(third.body)["id"] == 7
            first.leave()
            await first.task
            fourth = await listening(app, fake_server)
            assert fourth.status == 200
            fake_server.hub.changed(CHANGE)
            await until(lambda: len(fourth.sent) == 3)
            for client in (second, fourth):
                client.leave()
                await client.task
            nothing_is_held(app)

        drive(work)

    def test_size_of_subscriptions_is_limited(self) -> None:
        async def work() -> None:
            fake_server = FakeServer(stream_bytes=1000, streams_bytes=1500)
            app = App(fake_server)  # type: ignore[arg-type]
            assert (await listening(app, fake_server, "a:" + "x" * 1000)).status == 503
            first = await listening(app, fake_server, "a:" + "x" * 700)
            assert first.status == 200
            assert (await listening(app, fake_server, "a:" + "x" * 700)).status == 503
            first.leave()
            await first.task
            assert (await listening(app, fake_server, "a:" + "x" * 700)).status == 200

        drive(work)

    def test_open_stream_does_not_hold_request_and_response(self) -> None:
        async def work() -> None:
            fake_server = FakeServer()
            app = App(fake_server)  # type: ignore[arg-type]
            await listening(app, fake_server)
            (call,) = fake_server.pool.calls
            assert (call.request, call.result) == (NO_REQUEST, None)
            (exchange,) = app._sending
            assert exchange.body.data == b""
            assert (app.bodies.used, app.requests) == (0, 0)

        drive(work)

    def test_unread_stream_is_ended(self) -> None:
        async def work() -> None:
            fake_server = FakeServer(unread=1000)
            app = App(fake_server)  # type: ignore[arg-type]
            client = await listening(app, fake_server)
            client.reads.clear()
            for _ in range(500):
                fake_server.hub.changed(CHANGE)
                await asyncio.sleep(0)
            assert app.unread.used <= 1000
            (exchange,) = app._sending
            assert len(exchange._events) < 20
            client.reads.set()
            await client.task
            assert client.sent[-1].get("more_body", False) is False
            nothing_is_held(app)

        drive(work)


async def stalled_client(app: App, fake_server: FakeServer, *headers: tuple[bytes, bytes]) -> tuple[Client, Call]:
    """Return a client that does not read, and its call, which has sent events."""
    client = Client(app, CALL, headers=headers)
    before = len(fake_server.pool.calls)
    await until(lambda: len(fake_server.pool.calls) > before)
    client.reads.clear()
    call = fake_server.pool.calls[-1]
    call.notify(Head(json.dumps({"status": 200, "headers": [["content-type", "text/event-stream"]]})))
    return client, call


def emit(call: Call, times: int) -> None:
    for _ in range(times):
        call.notify(Chunk(json.dumps(EVENT)))


class TestUnread:
    def test_stalled_request_ends_while_others_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asgi_response, "PATIENCE", 0.05)
        monkeypatch.setattr(asgi, "TICK", 0.02)

        async def work() -> None:
            fake_server = FakeServer(unread=1000)
            app = App(fake_server)  # type: ignore[arg-type]
            client, call = await stalled_client(app, fake_server, MODERN)
            emit(call, 5)
            await asyncio.sleep(0.2)
            assert not call.cancelled
            fake_server.pool.has_waiting_calls = True
            await until(lambda: call.cancelled)
            assert app.unread.used < 500
            emit(call, 5)  # later events are dropped
            assert app.unread.used < 500
            answer(call, 0, b"")
            client.reads.set()
            await client.task
            last = json.loads(client.sent[-1]["body"].removeprefix(b"data: "))
            assert (last["id"], last["error"]["code"]) == (7, -32603)
            assert "did not read" in last["error"]["message"]
            nothing_is_held(app)

        drive(work)

    def test_stalled_request_of_a_handshake_client_continues(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asgi_response, "PATIENCE", 0.05)
        monkeypatch.setattr(asgi, "TICK", 0.02)

        async def work() -> None:
            fake_server = FakeServer(unread=1000)
            app = App(fake_server)  # type: ignore[arg-type]
            client, call = await stalled_client(app, fake_server)
            emit(call, 5)
            fake_server.pool.has_waiting_calls = True
            await until(lambda: app.unread.used < 500)
            assert not call.cancelled
            emit(call, 1)
            answer(call, 0, b"data: result\n\n")
            client.reads.set()
            await client.task
            assert client.sent[-1]["body"] == b"data: result\n\n"
            nothing_is_held(app)

        drive(work)

    def test_stalled_request_has_more_time_without_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asgi, "TICK", 0.02)

        async def work() -> None:
            fake_server = FakeServer(unread=1000, write_time=0.1)
            app = App(fake_server)  # type: ignore[arg-type]
            _client, call = await stalled_client(app, fake_server, MODERN)
            emit(call, 5)
            assert not call.cancelled
            await until(lambda: call.cancelled)
            assert call.cancelled

        drive(work)

    def test_late_reader_gets_all_events(self) -> None:
        async def work() -> None:
            fake_server = FakeServer(unread=1000)
            app = App(fake_server)  # type: ignore[arg-type]
            client, call = await stalled_client(app, fake_server, MODERN)
            emit(call, 5)
            await asyncio.sleep(0.01)
            client.reads.set()
            answer(call, 0, b"data: result\n\n")
            await client.task
            assert client.body == (EVENT * 5).encode() + b"data: result\n\n"
            nothing_is_held(app)

        drive(work)

    def test_client_with_the_most_unread_bytes_is_disconnected(self) -> None:
        async def work() -> None:
            fake_server = FakeServer(unread=1 << 20, unread_bytes=5000)
            app = App(fake_server)  # type: ignore[arg-type]
            _, least = await stalled_client(app, fake_server, MODERN)
            emit(least, 3)
            _, most = await stalled_client(app, fake_server, MODERN)
            emit(most, 20)
            assert most.cancelled
            assert not least.cancelled
            emit(least, 3)
            assert not least.cancelled
            assert app.unread.used <= 5000

        drive(work)

    def test_cancelled_application_frees_its_budgets(self) -> None:
        async def work() -> None:
            fake_server = FakeServer()
            app = App(fake_server)  # type: ignore[arg-type]
            client, call = await stalled_client(app, fake_server, MODERN)
            emit(call, 5)
            await asyncio.sleep(0.01)
            client.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await client.task
            emit(call, 5)
            answer(call, 0, b"")
            nothing_is_held(app)

        drive(work)


def test_timer_expires_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "TICK", 0.02)

    async def work() -> None:
        fake_server = FakeServer(session_begun=0.05)
        app = App(fake_server)  # type: ignore[arg-type]
        client = Client(app, CALL)
        await until(lambda: len(fake_server.pool.calls) == 1)
        fake_server.pool.calls[0].finish((200, b"wasmcp-session: 2025-11-25\r\n", b"{}"), None)
        await client.task
        assert len(fake_server.sessions) == 1
        await until(lambda: len(fake_server.sessions) == 0)
        assert fake_server.sessions.held == 0

    drive(work)
