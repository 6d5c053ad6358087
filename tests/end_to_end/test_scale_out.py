"""Sessions with sealed ids: several servers behind a real nginx, with Redis and without; docs/guides/scale-out.md."""

from __future__ import annotations

import contextlib
import http.client
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
from support.keyvalue_servers import keeping_server
from support.nginx_servers import needs_nginx, nginx
from support.older_clients import INITIALIZE, call, text
from support.redis_servers import needs_redis, redis_server
from support.server_processes import STATE_KEYS, WASMCP, free_port, listening, wasmtime_serve

from wasmcp.host import Server, open_server

KEYS = "0123456789abcdef0123456789abcdef"
SEALED = {"WASMCP_SESSION_ENABLED": "sealed", "WASMCP_STATE_KEYS": KEYS}


class Client:
    """A client of 2025-11-25, with a connection for each request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.session = ""
        status, headers, body = self.send("POST", INITIALIZE)
        assert status == 200, body
        self.capabilities = json.loads(body)["result"]["capabilities"]
        self.session = headers.get("mcp-session-id", "")

    def send(self, method: str, message: Any = None) -> tuple[int, dict[str, str], bytes]:
        """Send a request; return status, header fields and body."""
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if self.session:
            headers |= {"mcp-session-id": self.session, "mcp-protocol-version": "2025-11-25"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        with contextlib.closing(connection):
            connection.request(method, "/mcp", None if message is None else json.dumps(message), headers)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return response.status, fields, response.read()

    def __call__(self, **arguments: Any) -> str:
        """Call the tool; return its text."""
        status, _, body = self.send("POST", call(**arguments))
        assert status == 200, body
        return text(json.loads(body))


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
            client = Client(port)
            assert client(do="has") == "yes"
            assert client(do="set", key="name", text="Ada") == "ok"
            assert [client(do="increment", key="visits") for _ in range(4)] == ["1", "2", "3", "4"]
            for lost in servers:
                lost.stop()
                assert client(do="get", key="name") == "string Ada"
                assert client(do="increment", key="visits") in {"5", "6"}
                lost.start()
                time.sleep(1.1)  # nginx tries it again
            other = Client(port)
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
        client = Client(port)
        assert client.session
        assert client(do="has") == "no"  # values of a session need storage that the servers share
        assert "no_session" in client(do="get", key="k") or "no session" in client(do="get", key="k")
        for lost in servers:
            lost.stop()
            assert client(do="has") == "no"
            lost.start()
            time.sleep(1.1)
        assert client.send("GET")[0] == 405
        assert client.send("DELETE")[0] == 405
        client.session = client.session[:-2]
        assert client.send("POST", call(do="has"))[0] == 404


def test_workers_give_sessions_that_each_of_them_knows(server: Path, tmp_path: Path) -> None:
    serving = Serving(server, "--workers", "2", "--keyvalue", f"sqlite:{tmp_path / 'kv.db'}")
    try:
        client = Client(serving.port)
        assert client(do="set", key="name", text="Ada") == "ok"
        assert {client(do="get", key="name") for _ in range(12)} == {"string Ada"}
        assert Client(serving.port)(do="get", key="name") == "none"
    finally:
        serving.stop()


def test_stateless_runtime_with_keys_gives_sealed_sessions(folder: Path) -> None:
    server = keeping_server(folder / "stock.wasm", "sessions", keyvalue="0.2.0-draft", environment=True)
    with wasmtime_serve(server, *STATE_KEYS, "-Skeyvalue", "--env", "WASMCP_SESSION_TTL=3600") as port:
        client = Client(port)
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


def post(server: Server, message: Any, session: str = "") -> Any:
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "host": "localhost"}
    if session:
        headers["mcp-session-id"] = session
    return server.http("POST", "/mcp", headers, json.dumps(message).encode())


def begin(server: Server) -> str:
    found: str = dict(post(server, INITIALIZE).headers)["mcp-session-id"]
    return found


class TestIds:
    def test_id_expires(self, server: Path) -> None:
        with opened(server, WASMCP_SESSION_TTL="1") as running:
            session = begin(running)
            assert post(running, call(do="has"), session).status == 200
            deadline = time.monotonic() + 30
            while post(running, call(do="has"), session).status != 404:
                assert time.monotonic() < deadline
                time.sleep(0.2)

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
