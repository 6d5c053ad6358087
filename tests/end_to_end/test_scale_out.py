"""Sessions with sealed ids: several servers behind a real nginx, with Redis and without; docs/guides/scale-out.md."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import mcp
import pytest
from support.conversations import INITIALIZE, OlderClient, call
from support.nginx_servers import needs_nginx, nginx
from support.redis_servers import needs_redis, redis_server
from support.server_processes import STATE_KEYS, WASMCP, free_port, listening, wasmtime_serve
from support.waiting import wait_until
from support.zig_servers import keeping_server

from wasmcp.host import Server, open_server
from wasmcp.host.mcp.session_states import EndedSessions
from wasmcp.host.stores.keyvalue import SqliteStore

KEYS = "0123456789abcdef0123456789abcdef"
SEALED = {"WASMCP_SESSION_ENABLED": "sealed", "WASMCP_STATE_KEYS": KEYS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scaled")


@pytest.fixture(scope="module")
def server(folder: Path) -> Path:
    return keeping_server(folder / "keeper.wasm", "kv", "sessions")


class Serving:
    """A process of `wasmcp serve` that can be killed and started again."""

    def __init__(self, server: Path, *options: str, **settings: str) -> None:
        self.port = free_port()
        self._command = [*WASMCP, "serve", str(server), "--port", str(self.port), *options]
        self._environment = {**os.environ, **settings}
        self._stack = contextlib.ExitStack()
        self.start()

    def start(self) -> None:
        """Start the process, and wait until it listens."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environment.items():
                patch.setenv(name, value)
            self._stack.enter_context(listening(self._command, self.port))

    def stop(self) -> None:
        """End the process."""
        self._stack.close()


@contextlib.contextmanager
def two(server: Path, *options: str, **settings: str) -> Iterator[list[Serving]]:
    both: list[Serving] = []
    try:
        both.extend(Serving(server, *options, **settings) for _ in range(2))
        yield both
    finally:
        for each in both:
            each.stop()


@needs_nginx
@needs_redis
def test_session_with_values_in_redis_survives_the_loss_of_either_server(server: Path, tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as redis, two(server, "--keyvalue", redis.url, **SEALED) as servers:
        with nginx(tmp_path / "nginx", [each.port for each in servers]) as port:
            client = OlderClient(port)
            assert client(do="has") == "yes"
            assert client(do="set", key="name", text="Ada") == "ok"
            assert [client(do="increment", key="visits") for _ in range(4)] == ["1", "2", "3", "4"]
            for lost in servers:
                lost.stop()
                assert client(do="get", key="name") == "string Ada"
                assert client(do="increment", key="visits") in {"5", "6"}
                lost.start()
                time.sleep(2.1)  # nginx tries it again: it counts the `fail_timeout` of 1 s in whole seconds
            other = OlderClient(port)
            assert other(do="get", key="name") == "none"
        import redis as library

        direct = library.Redis(port=redis.port)
        kept = direct.keys("keeper:values:wasmcp:session/*")
        assert len(kept) == 1
        assert 80_000 < direct.ttl(kept[0]) <= 86_400
        direct.close()


@needs_nginx
@needs_redis
def test_official_client_keeps_its_session_across_servers(server: Path, tmp_path: Path) -> None:
    async def session(port: int, servers: list[Serving]) -> None:
        async with mcp.Client(f"http://127.0.0.1:{port}/mcp", mode="legacy", read_timeout_seconds=90) as client:

            async def do(**arguments: str) -> str:
                result: Any = await client.call_tool("do", arguments)
                assert not result.is_error, result
                return str(result.content[0].text)

            assert await do(do="set", key="name", text="Ada") == "ok"
            assert [await do(do="get", key="name") for _ in range(4)] == ["string Ada"] * 4
            await anyio.to_thread.run_sync(servers[0].stop)
            assert await do(do="get", key="name") == "string Ada"

    with (
        redis_server(tmp_path / "redis") as redis,
        two(server, "--keyvalue", redis.url, **SEALED) as servers,
        nginx(tmp_path / "nginx", [each.port for each in servers]) as port,
    ):
        anyio.run(session, port, servers)


@needs_nginx
def test_session_survives_the_loss_of_either_server_without_storage(server: Path, tmp_path: Path) -> None:
    with two(server, **SEALED) as servers, nginx(tmp_path / "nginx", [each.port for each in servers]) as port:
        client = OlderClient(port)
        assert client.session
        assert client(do="has") == "no"  # values of a session need storage that the servers share
        assert "no_session" in client(do="get", key="k") or "no session" in client(do="get", key="k")
        for lost in servers:
            lost.stop()
            assert client(do="has") == "no"
            lost.start()
            time.sleep(1.1)
        assert client.send("GET")[0] == 405
        client.session = client.session[:-2]
        assert client.send("POST", call(do="has"))[0] == 404


def test_workers_give_sessions_that_each_of_them_knows(server: Path, tmp_path: Path) -> None:
    serving = Serving(server, "--workers", "2", "--keyvalue", f"sqlite:{tmp_path / 'kv.db'}")
    try:
        client = OlderClient(serving.port)
        assert client(do="set", key="name", text="Ada") == "ok"
        assert {client(do="get", key="name") for _ in range(12)} == {"string Ada"}
        other = OlderClient(serving.port)
        assert other(do="get", key="name") == "none"
        assert client.send("DELETE")[0] == 204
        assert {client.send("POST", call(do="has"))[0] for _ in range(12)} == {404}
        assert {client.send("DELETE")[0] for _ in range(4)} == {404}
        assert other(do="has") == "yes"
    finally:
        serving.stop()
    kept = SqliteStore(str(tmp_path / "kv.db"))
    assert kept.keys(f"wasmcp:session/{client.session}", None, 10) == []
    kept.close()


def test_workers_without_a_common_store_cannot_end_a_session(folder: Path) -> None:
    serving = Serving(keeping_server(folder / "plain.wasm"), "--workers", "2")
    try:
        client = OlderClient(serving.port)
        assert client.send("DELETE")[0] == 405
        assert client.send("POST", {"jsonrpc": "2.0", "id": 1, "method": "ping"})[0] == 200
    finally:
        serving.stop()


@needs_redis
def test_ended_session_has_ended_for_every_server_with_the_same_redis(server: Path, tmp_path: Path) -> None:
    with (
        redis_server(tmp_path / "redis") as redis,
        two(server, "--keyvalue", redis.url, **SEALED) as (first, second),
    ):
        client = OlderClient(first.port)
        assert client(do="set", key="name", text="Ada") == "ok"
        client.port = second.port
        assert client(do="get", key="name") == "string Ada"
        assert client.send("DELETE")[0] == 204
        client.port = first.port
        assert client.send("POST", call(do="has"))[0] == 404
        other = OlderClient(second.port)
        redis.stop()
        status, _, body = other.send("POST", call(do="has"))
        assert (status, body) == (
            503,
            b"Service unavailable: the store of sessions cannot be reached; try again later\n",
        )


def test_stateless_runtime_with_keys_gives_sealed_sessions(folder: Path) -> None:
    server = keeping_server(folder / "stock.wasm", "sessions", keyvalue="0.2.0-draft", environment=True)
    with wasmtime_serve(server, *STATE_KEYS, "-Skeyvalue", "--env", "WASMCP_SESSION_TTL=3600") as port:
        client = OlderClient(port)
        assert client.session
        assert client.send("POST", call(do="has"))[0] == 200
        assert client(do="has") == "no"  # this runtime forgets values with the request
        client.session = "A" + client.session[1:] if client.session[0] != "A" else "B" + client.session[1:]
        status, _, body = client.send("POST", call(do="has"))
        assert status == 404
        assert "begin one with `initialize`" in json.loads(body)["error"]["message"]


@contextlib.contextmanager
def opened(server: Path, **settings: str) -> Iterator[Server]:
    with open_server(server, instances=1, settings={**SEALED, **settings}) as running:
        yield running


def post(server: Server, message: Any, session: str = "", *, method: str = "POST", **fields: str) -> Any:
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "host": "localhost"}
    if session:
        headers["mcp-session-id"] = session
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return server.http(method, "/mcp", {**headers, **fields}, body)


def begin(server: Server) -> str:
    found: str = dict(post(server, INITIALIZE).headers)["mcp-session-id"]
    return found


class TestIds:
    def test_id_expires(self, server: Path) -> None:
        with opened(server, WASMCP_SESSION_TTL="1") as running:
            session = begin(running)
            assert post(running, call(do="has"), session).status == 200
            wait_until(lambda: post(running, call(do="has"), session).status == 404)

    def test_ids_differ_and_hold_for_servers_with_the_same_keys_alone(self, server: Path) -> None:
        with opened(server) as first, opened(server, WASMCP_STATE_KEYS=f"{'x' * 32},{KEYS}") as rotated:
            ids = {begin(first) for _ in range(3)}
            assert len(ids) == 3
            assert all(post(rotated, call(do="has"), each).status == 200 for each in ids)
            newer = begin(rotated)
            assert post(first, call(do="has"), newer).status == 404
        with opened(server, WASMCP_STATE_KEYS="y" * 32) as other:
            assert post(other, call(do="has"), ids.pop()).status == 404

    def test_each_changed_bit_is_refused(self, server: Path) -> None:
        with opened(server) as running:
            session = begin(running)
            assert len(session) < 100
            for at in range(0, len(session), 3):
                wrong = session[:at] + ("A" if session[at] != "A" else "B") + session[at + 1 :]
                assert post(running, call(do="has"), wrong).status == 404
            for wrong in ("x", session + "A", session * 2, "=" * 40, "\u00e9"):
                assert post(running, call(do="has"), wrong).status == 404

    def test_ended_session_is_not_found_again(self, server: Path) -> None:
        with opened(server) as running:
            session, other = begin(running), begin(running)
            for wrong in (session[:-1] + ("A" if session[-1] != "A" else "B"), "f" * 32):
                assert post(running, b"", wrong, method="DELETE").status == 404
            assert post(running, call(do="has"), session).status == 200
            assert post(running, b"", session, method="DELETE").status == 204
            for method in ("POST", "DELETE"):
                assert post(running, call(do="has"), session, method=method).status == 404
            assert post(running, call(do="has"), other).status == 200
            response = post(running, INITIALIZE, session)  # begins another session
            assert dict(response.headers)["mcp-session-id"] not in {session, other}

    def test_full_list_of_ended_sessions_is_an_error_of_the_end(self, server: Path) -> None:
        with opened(server) as running:
            assert running.sessions.ended is not None
            running.sessions.ended = EndedSessions(60, most=1)
            one, two_ = begin(running), begin(running)
            assert post(running, b"", one, method="DELETE").status == 204
            response = post(running, b"", two_, method="DELETE")
            assert response.status == 503
            assert "cannot be ended at present" in response.body
            assert post(running, call(do="has"), two_).status == 200

    def test_client_cannot_choose_what_the_list_says(self, server: Path) -> None:
        with opened(server) as running:
            session = begin(running)
            assert post(running, b"", session, method="DELETE").status == 204
            for value in ("x open", "x", "open"):
                assert post(running, call(do="has"), session, **{"wasmcp-session": value}).status == 404

    def test_notifications_that_cannot_be_delivered_are_not_offered(self, server: Path) -> None:
        with opened(server) as running:
            result = json.loads(post(running, INITIALIZE).body)["result"]
            assert "listChanged" not in json.dumps(result["capabilities"])
            assert "subscribe" not in json.dumps(result["capabilities"])

    def test_sessions_take_no_memory_of_the_host(self, server: Path) -> None:
        with opened(server) as running:
            for _ in range(300):
                begin(running)
            assert len(running.sessions) == 0
            assert running.sessions.held == 0

    @pytest.mark.parametrize("seconds", ["0", "-1", "soon", "2592001"])
    def test_wrong_lifetime_is_an_error_of_the_start(self, server: Path, seconds: str) -> None:
        environment = {**os.environ, "WASMCP_SESSION_TTL": seconds}
        command = [*WASMCP, "serve", str(server), "--port", "0"]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 1
        assert "WASMCP_SESSION_TTL must be a number of seconds from 1 to 2592000" in done.stderr
