"""ASGI application, called as by an ASGI server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.garbage import no_cycles

from wasmcp.host import Limits, Server
from wasmcp.host.engine import logs
from wasmcp.host.transports import asgi_response
from wasmcp.host.transports.asgi import App


class Connection:
    """One HTTP request to an application."""

    def __init__(self, *parts: bytes, method: str = "POST", path: str = "/mcp", query: bytes = b"") -> None:
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": [(b"content-type", b"application/json")],
        }
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for part in parts:
            self._incoming.put_nowait({"type": "http.request", "body": part, "more_body": part is not parts[-1]})
        self.sent: list[dict[str, Any]] = []

    def disconnect(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> dict[str, Any]:
        return await self._incoming.get()

    async def send(self, message: dict[str, Any]) -> None:
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


def drive(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


async def ask(app: App, connection: Connection) -> Connection:
    await app(connection.scope, connection.receive, connection.send)
    return connection


def test_a_request_and_its_response(server: Server) -> None:
    async def work() -> None:
        got = await ask(App(server), Connection(b"hel", b"lo", b""))
        assert got.status == 200
        assert got.headers == {b"content-type": b"application/json", b"content-length": b"5"}
        assert got.body == b"hello"

    drive(work())


def test_requests_leave_nothing_to_the_garbage_collector(server: Server) -> None:
    async def work() -> None:
        app = App(server)
        await ask(app, Connection(b"hello"))
        with no_cycles(200):
            for _ in range(200):
                assert (await ask(app, Connection(b"hello"))).status == 200

    drive(work())


def test_stream_events_are_sent_at_once(server: Server) -> None:
    async def work() -> None:
        got = await ask(App(server), Connection(b"!H"))
        assert got.status == 200
        assert got.headers == {b"content-type": b"text/event-stream"}
        assert [message["body"] for message in got.sent[1:]] == [b"data: 1\n\n", b"data: 2\n\n"]
        assert [message.get("more_body", False) for message in got.sent[1:]] == [True, False]

    drive(work())


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("1.1", [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")]),
        ("1.0", [(b"transfer-encoding", b"chunked")]),
    ],
)
def test_request_with_ambiguous_body_length_is_rejected(
    server: Server, version: str, fields: list[tuple[bytes, bytes]]
) -> None:
    async def work() -> None:
        connection = Connection(b"hello")
        connection.scope["http_version"] = version
        connection.scope["headers"] += fields
        got = await ask(App(server), connection)
        assert got.status == 400
        assert got.headers[b"connection"] == b"close"

    drive(work())


def test_concurrent_requests(server: Server) -> None:
    async def work() -> None:
        app = App(server)
        all_of_them = await asyncio.gather(*(ask(app, Connection(b"%d" % n)) for n in range(200)))
        assert [got.body for got in all_of_them] == [b"%d" % n for n in range(200)]

    drive(work())


def test_slow_request_does_not_block_others(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=2, limits=Limits(timeout=1))

    async def work() -> None:
        app = App(server)
        message = b'{"jsonrpc":"2.0","id":1,"method":"!L"}'
        slow = asyncio.ensure_future(ask(app, Connection(message)))
        await asyncio.sleep(0.1)
        assert (await ask(app, Connection(b"quick"))).body == b"quick"
        assert not slow.done()
        got = await slow
        assert got.status == 200
        assert json.loads(got.body)["error"]["message"] == "Internal error: the request took longer than 1 s"

    drive(work())


def test_disconnect_cancels_the_request(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=1, limits=Limits(timeout=30, cancel_grace=0.05))

    async def work() -> None:
        app = App(server)
        connection = Connection(b'{"jsonrpc":"2.0","id":1,"method":"!L"}')
        connection.scope["headers"].append((b"mcp-protocol-version", b"2026-07-28"))
        running = asyncio.ensure_future(ask(app, connection))
        await asyncio.sleep(0.2)
        connection.disconnect()
        await running
        assert (await ask(app, Connection(b"next"))).body == b"next"

    start = time.monotonic()
    drive(work())
    assert time.monotonic() - start < 5


def test_disconnect_of_a_handshake_client_does_not_cancel(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=1, limits=Limits(timeout=1, cancel_grace=0.05))

    async def work() -> None:
        connection = Connection(b'{"jsonrpc":"2.0","id":1,"method":"!L"}')
        running = asyncio.ensure_future(ask(App(server), connection))
        await asyncio.sleep(0.2)
        connection.disconnect()
        assert b"took longer than 1 s" in (await running).body

    drive(work())


def test_disconnect_during_the_body(server: Server) -> None:
    async def work() -> None:
        connection = Connection()
        connection.disconnect()
        assert (await ask(App(server), connection)).sent == []

    drive(work())


def test_cancelled_application_cancels_the_call(open_it: Callable[..., Server]) -> None:
    server = open_it(instances=1, limits=Limits(timeout=30, cancel_grace=0.05))

    async def work() -> None:
        app = App(server)
        running = asyncio.ensure_future(ask(app, Connection(b"!L")))
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await ask(app, Connection(b"next"))).body == b"next"

    drive(work())


@pytest.mark.parametrize(
    ("body", "status"), [(b'{"jsonrpc":"2.0","id":7,"method":"!T"}', 200), (b"!T", 500), (b'{"method":"!T"}', 500)]
)
def test_trap_is_an_internal_error(server: Server, body: bytes, status: int, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        got = await ask(App(server), Connection(body))
        assert got.status == status
        if status == 200:
            assert json.loads(got.body) == {
                "jsonrpc": "2.0",
                "id": 7,
                "error": {"code": -32603, "message": "Internal error: the server failed to answer"},
            }
        else:
            assert got.body == b""

    drive(work())
    logs.flush()
    assert "unreachable" in caplog.text


def test_body_above_the_limit_is_rejected_by_its_length(open_it: Callable[..., Server]) -> None:
    server = open_it(limits=Limits(request=10))

    async def work() -> None:
        app = App(server)
        assert (await ask(app, Connection(b"01234", b"56789"))).body == b"0123456789"
        over = await ask(app, Connection(b"!T345", b"678901"))
        assert (over.status, over.body) == (200, b"")  # the server got an empty body

    drive(work())


def test_invalid_utf8_body_is_not_passed_on(server: Server) -> None:
    async def work() -> None:
        got = await ask(App(server), Connection(b"\xff"))
        assert got.body == "\ufffd".encode()

    drive(work())


def test_lifespan(server: Server) -> None:
    async def work() -> None:
        incoming = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(incoming)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await App(server)({"type": "lifespan"}, receive, send)
        assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    drive(work())


def test_other_scopes_are_rejected(server: Server) -> None:
    async def work() -> None:
        with pytest.raises(ValueError, match="websocket"):
            await App(server)({"type": "websocket"}, None, None)  # type: ignore[arg-type]

    drive(work())


def test_idle_stream_gets_keep_alive_comments(open_it: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_response, "KEEP_ALIVE", 0.05)
    server = open_it(limits=Limits(timeout=0.5))

    async def work() -> None:
        app = App(server)
        connection = Connection(b'{"jsonrpc":"2.0","id":1,"method":"!K"}')
        await ask(app, connection)
        assert connection.sent[1]["body"] == b"data: 1\n\n"
        assert [message["body"] for message in connection.sent[2:4]] == [b":\n\n"] * 2
        last = connection.sent[-1]["body"]
        assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == -32603

    drive(work())
