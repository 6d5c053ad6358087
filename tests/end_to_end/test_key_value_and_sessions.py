"""Key-value store and session values, over every transport: docs/guides/key-value-store.md."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.conversations import INITIALIZE, call, text
from support.server_processes import WASMCP, wasmcp_serve, wasmtime, wasmtime_serve
from support.zig_servers import keeping_server

from wasmcp.host import Server, open_server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def server(folder: Path) -> Path:
    return keeping_server(folder / "both.wasm", "kv", "sessions", tools=("do", "peek"))


@pytest.fixture(scope="module")
def drafted(folder: Path) -> Path:
    """As for `wasmtime`, which has the first draft."""
    return keeping_server(folder / "drafted.wasm", "kv", "sessions", keyvalue="0.2.0-draft")


@pytest.fixture
def running(server: Path) -> Iterator[Server]:
    with open_server(server, instances=2) as opened:
        yield opened


class Client:
    """An older client, over HTTP in this process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.session = ""
        response = self._send("POST", INITIALIZE)
        self.session = dict(response.headers)["mcp-session-id"]

    def _send(self, method: str, message: Any = None) -> Any:
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        if self.session:
            headers |= {"mcp-session-id": self.session, "mcp-protocol-version": "2025-11-25"}
        body = b"" if message is None else json.dumps(message).encode()
        return self._server.http(method, "/mcp", {**headers, "host": "localhost"}, body)

    def __call__(self, tool: str = "do", **arguments: Any) -> str:
        response = self._send("POST", call(tool, **arguments))
        assert response.status == 200, response.body
        return text(json.loads(response.body))

    def end(self) -> int:
        """End the session."""
        status: int = self._send("DELETE").status
        return status


class TestSessions:
    def test_sessions_are_isolated(self, running: Server) -> None:
        one, two = Client(running), Client(running)
        assert one(do="has") == "yes"
        assert one(do="get", key="name") == "none"
        assert one(do="set", key="name", text="Ada") == "ok"
        for _ in range(4):  # whichever instance it is
            assert one(do="get", key="name") == "string Ada"
        assert two(do="get", key="name") == "none"
        assert two(do="set", key="name", text="Bob") == "ok"
        assert one(do="get", key="name") == "string Ada"
        assert one(do="increment", key="visits") == "1"
        assert one(do="increment", key="visits", delta=-3) == "-2"
        assert one(do="keys") == "name, visits"
        assert one(do="swap", key="name", text="Eve", expected="Bob") == "no"
        assert one(do="swap", key="name", text="Eve", expected="Ada") == "yes"
        assert one(do="delete", key="name") == "ok"
        assert one(do="keys") == "visits"

    def test_components_have_separate_values(self, running: Server) -> None:
        client = Client(running)
        client(do="set", key="k", text="mine")
        assert client("peek", do="get", key="k") == "none"
        assert client("peek", do="keys") == ""
        assert client("peek", do="set", key="k", text="another's") == "ok"
        assert client(do="get", key="k") == "string mine"
        # Nor by way of the buckets that all share.
        bucket = f"wasmcp:session/{client.session}"
        reserved = "other: names that begin with `wasmcp:` are reserved for the framework"
        assert client("peek", on="kv", do="keys", bucket=bucket) == reserved

    def test_values_are_deleted_with_the_session(self, running: Server) -> None:
        values = running._keyvalue.sessions._sessions  # type: ignore[union-attr]
        one, two = Client(running), Client(running)
        one(do="set", key="k", text="x" * 1000)
        two(do="set", key="k", text="y")
        assert values._size > 1000
        assert one.end() == 204
        assert values._size < 1000
        assert two(do="get", key="k") == "string y"
        two.end()
        assert values._size == 0
        assert values._buckets == {}

    def test_request_that_outlives_its_session(self, running: Server) -> None:
        client = Client(running)
        client(do="set", key="k", text="x")
        running.sessions.end(client.session.encode())
        kept = running._keyvalue.sessions  # type: ignore[union-attr]
        with pytest.raises(Exception, match="the session has ended"):
            kept.put(f"wasmcp:session/{client.session}", {"k": b"y"})

    def test_more_sessions_than_open_buckets(self, running: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wasmcp.host.bindings.wasi_keyvalue.BUCKETS", 3)
        for _ in range(6):
            client = Client(running)
            assert client(do="set", key="k", text="x") == "ok"
            client.end()

    def test_limit_of_all_sessions(self, running: Server) -> None:
        client = Client(running)
        large = "x" * (1 << 20)
        for number in range(63):
            assert client(do="set", key=f"k{number}", text=large) == "ok"
        assert client(do="set", key="last", text=large) == "other: more than 64 MiB of values"
        assert client(do="set", key="k0", text="small") == "ok"
        assert client(do="set", key="last", text=large) == "ok"

    def test_limits_of_keys(self, running: Server) -> None:
        client = Client(running)
        assert client(do="set", key="k" * 256, text="x") == "ok"
        for key in ("", "k" * 257):
            assert client(do="set", key=key, text="x") == "limit: a key of a session has 1 to 256 bytes"

    def test_requests_without_a_session_have_no_values(self, running: Server) -> None:
        for arguments in ({"do": "get", "key": "k"}, {"do": "set", "key": "k"}, {"do": "keys"}):
            assert running.call_tool("do", arguments).content[0]["text"] == "no_session"
        assert running.call_tool("do", {"do": "has"}).content[0]["text"] == "no"

    def test_connection_is_one_session(self, server: Path) -> None:
        for _ in range(2):
            with open_server(server) as opened:
                opened.send(json.dumps(INITIALIZE))
                calls = ({"do": "get"}, {"do": "set", "text": "x"}, {"do": "get"})
                answers = [opened.send(json.dumps(call(key="k", **given))) or "" for given in calls]
                assert [text(json.loads(answer)) for answer in answers] == ["none", "ok", "string x"]


def conversation(command: list[str], *messages: dict[str, Any]) -> list[Any]:
    """Send messages to a server over stdio; return its responses."""
    lines = "".join(json.dumps(message) + "\n" for message in messages)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=120, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def over_stdio(command: list[str], *calls: dict[str, Any]) -> list[str]:
    """Call a tool; what it answers."""
    asked = [{**call(**arguments), "id": number} for number, arguments in enumerate(calls, 1)]
    answers = conversation(command, INITIALIZE, *asked)
    by_id = {answer["id"]: answer for answer in answers}
    return [text(by_id[message["id"]]) for message in asked]


KEPT = ({"do": "set", "key": "k", "text": "x"}, {"do": "get", "key": "k"}, {"do": "increment", "key": "n"})


def one_by_one(server: Path, *options: str) -> list[str]:
    return [*WASMCP, "run", str(server), *options]


def test_run_has_one_session(server: Path) -> None:
    # One after the other: over stdio requests run side by side.
    with subprocess.Popen(one_by_one(server), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        found = []
        for message in (INITIALIZE, *(call(**given) for given in KEPT)):
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            found.append(json.loads(process.stdout.readline()))
        process.stdin.close()
    assert [text(answer) for answer in found[1:]] == ["ok", "string x", "1"]


def test_session_values_are_not_in_the_store_file(server: Path, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'kv.db'}"
    assert over_stdio(one_by_one(server, "--keyvalue", url), {"do": "set", "key": "k", "text": "x"}) == ["ok"]
    assert over_stdio(one_by_one(server, "--keyvalue", url), {"do": "get", "key": "k"}) == ["none"]
    assert over_stdio(one_by_one(server, "--keyvalue", url), {"on": "kv", "do": "keys"}) == [""]


def test_processes_share_a_store_file(server: Path, tmp_path: Path) -> None:
    command = one_by_one(server, "--keyvalue", f"sqlite:{tmp_path / 'kv.db'}")
    counts = [{"on": "kv", "do": "increment", "key": "n"}] * 20
    with ThreadPoolExecutor(2) as pool:
        found = [one for answers in pool.map(lambda _: over_stdio(command, *counts), range(2)) for one in answers]
    assert sorted(map(int, found)) == list(range(1, 41))


def test_serve(server: Path) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    with wasmcp_serve(server) as port:
        ids = []
        for name in ("Ada", "Bob"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/mcp", json.dumps(INITIALIZE), headers)
            response = connection.getresponse()
            response.read()
            ids.append((response.getheader("mcp-session-id") or "", name))
            connection.close()

        def ask(session: str, **given: Any) -> tuple[int, str]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/mcp", json.dumps(call(**given)), {**headers, "Mcp-Session-Id": session})
            response = connection.getresponse()
            body = response.read()
            connection.close()
            return response.status, text(json.loads(body)) if response.status == 200 else ""

        for session, name in ids:
            assert ask(session, do="set", key="name", text=name) == (200, "ok")
        for session, name in ids:
            assert ask(session, do="get", key="name") == (200, f"string {name}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("DELETE", "/mcp", headers={"Mcp-Session-Id": ids[0][0]})
        assert connection.getresponse().status == 204
        connection.close()
        assert ask(ids[0][0], do="get", key="name")[0] == 404
        assert ask(ids[1][0], do="get", key="name") == (200, "string Bob")


class TestKeyValue:
    def test_components_share_the_store(self, running: Server) -> None:
        def ask(tool: str = "do", **given: Any) -> str:
            return str(running.call_tool(tool, {"on": "kv", **given}).content[0]["text"])

        assert ask(do="set", key="k", text="x") == "ok"
        assert ask("peek", do="get", key="k") == "string x"
        assert ask("peek", do="get", key="k", bucket="notes") == "none"
        assert ask(do="many") == "json [1], u64 5, bool true, none"
        assert ask(do="increment", key="k") == "not_a_counter"
        assert ask(do="swap", key="k", text="y", expected="x") == "yes"
        assert ask(do="has", key="k") == "yes"
        assert ask(do="get", key="k" * 1025) == "limit: a key has 1 to 1024 bytes"
        assert ask(do="keys") == "a, b, c, k"

    @pytest.mark.parametrize("grants", [(), ("env", "fs", "http", "sockets")])
    def test_store_requires_the_grant(self, folder: Path, grants: tuple[str, ...]) -> None:
        path = keeping_server(folder / "denied.wasm", *grants)
        with open_server(path) as opened:
            for on in ("kv", "session"):
                for do in ("get", "set", "delete", "keys", "increment", "swap"):
                    found = opened.call_tool("do", {"on": on, "do": do, "key": "k"}).content[0]["text"]
                    assert found == "access_denied", (on, do)
            assert opened.call_tool("do", {"do": "has"}).content[0]["text"] == "no"

    @pytest.mark.parametrize(("granted", "other"), [("kv", "session"), ("sessions", "kv")])
    def test_grants_kv_and_sessions_are_separate(self, folder: Path, granted: str, other: str) -> None:
        with open_server(keeping_server(folder / "one.wasm", granted)) as opened:
            assert opened.call_tool("do", {"on": other, "do": "get", "key": "k"}).content[0]["text"] == "access_denied"


class TestStockWasmtime:
    def test_serve(self, drafted: Path) -> None:
        """Each request has values of its own: `-Skeyvalue` keeps none."""
        with wasmtime_serve(drafted, "-Skeyvalue") as port:

            def ask(**given: Any) -> str:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
                fields["MCP-Protocol-Version"] = "2025-11-25"
                connection.request("POST", "/mcp", json.dumps(call(**given)), fields)
                answer = json.loads(connection.getresponse().read())
                connection.close()
                return text(answer)

            assert ask(on="kv", do="many") == "json [1], u64 5, bool true, none"
            assert ask(on="kv", do="increment", key="n", delta=5) == "5"
            assert ask(on="kv", do="increment", key="n", delta=5) == "5"
            assert ask(on="kv", do="keys", bucket="notes") == "no_such_bucket"
            assert ask(on="kv", do="increment", key="n", delta=-5).startswith("unsupported: ")
            assert ask(do="has") == "no"
            assert ask(do="set", key="k", text="x") == "no_session"

    def test_serve_with_values(self, drafted: Path) -> None:
        given = "-Skeyvalue,keyvalue-in-memory-data=n=41"
        with wasmtime_serve(drafted, given) as port:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
            body = json.dumps(call(on="kv", do="increment", key="n"))
            connection.request("POST", "/mcp", body, {**fields, "MCP-Protocol-Version": "2025-11-25"})
            assert text(json.loads(connection.getresponse().read())) == "42"
            connection.close()

    def test_run(self, drafted: Path) -> None:
        """The process keeps both: it is one instance, and one session."""
        command = [wasmtime(), "run", "-Shttp", "-Skeyvalue", str(drafted)]
        kv = ({"on": "kv", "do": "set", "key": "k", "text": "y"}, {"on": "kv", "do": "get", "key": "k"})
        answers = over_stdio(command, *KEPT, *kv, {"do": "keys"}, {"on": "kv", "do": "keys"})
        assert answers[:5] == ["ok", "string x", "1", "ok", "string y"]
        assert sorted(answers[5].split(", ")) == ["k", "n"]
        assert answers[6] == "k"  # though the session's are in the same bucket there
        assert over_stdio(command, {"do": "get", "key": "k"}) == ["none"]


def test_command_line_output(server: Path, drafted: Path) -> None:
    inspect = [sys.executable, "-m", "wasmcp", "inspect"]
    shown = subprocess.run([*inspect, str(server)], capture_output=True, text=True, check=True).stdout
    assert "kv" in shown
    assert "sessions" in shown
    from wasmcp.compose import inspect_component
    from wasmcp.compose.composed_server import run_commands

    imports = inspect_component(drafted.read_bytes()).imports
    commands = run_commands("wasmtime", "http", drafted, imports)
    assert commands[0].startswith("wasmtime serve -Skeyvalue ")
