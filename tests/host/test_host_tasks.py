"""Tasks of killed processes, of other principals, and in large numbers."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.conversations import Stream
from support.entry_points import mirrored, request
from support.issuers import Issuer, issuer_server
from support.redis_servers import needs_redis, redis_server
from support.server_processes import Process, free_port, served
from support.task_servers import CAPABILITIES, Client, text_of, working_server
from support.tokens import SERVER
from support.waiting import wait_until

from wasmcp.compose.access import Access, Claim, Condition, Policy, Rule, Selector
from wasmcp.errors import RequestError
from wasmcp.host import Server, open_server
from wasmcp.host.bindings.messages import TaskRequest
from wasmcp.host.stores.keyvalue import open_store
from wasmcp.protocol import LATEST, META_KEYS
from wasmcp.testing.server import open_for_test

META = {
    META_KEYS["protocol_version"]: LATEST,
    META_KEYS["client_info"]: {"name": "test", "version": "1"},
    META_KEYS["client_capabilities"]: CAPABILITIES,
}
LEASES = "wasmcp:task-leases"
PLACES = 65_536
OWNED = 1_000


@pytest.fixture(scope="module")
def server_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    working_server(folder).write(folder / "server.wasm")
    return folder / "server.wasm"


class HttpClient(Client):
    """Client over HTTP, whose server is replaced."""

    port: int

    def __init__(self) -> None:
        super().__init__(self._post)

    def _post(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        message = request(method, {name: value for name, value in params.items() if name != "_meta"}, meta=META)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", "/mcp", json.dumps(message), mirrored(message))
            body = connection.getresponse().read()
        finally:
            connection.close()
        response = json.loads(body)
        if "error" in response:
            raise RequestError(**response["error"])
        return dict(response["result"])


def value_of(task: dict[str, Any]) -> Any:
    """Return the result of a completed task whose text is JSON."""
    return json.loads(text_of(task))


def leases_of(url: str) -> dict[str, bytes]:
    """Return the leases of a store by key."""
    store = open_store(url)
    try:
        return store.get(LEASES, store.keys(LEASES, None, PLACES))
    finally:
        store.close()


def end_leases(url: str) -> None:
    """Have the leases of a store end now, as 30 seconds after the death of their process."""
    ended = {key: b"0 " + value.split(b" ", 1)[1] for key, value in leases_of(url).items()}
    store = open_store(url)
    store.put(LEASES, ended)
    store.close()


class TestKilledProcess:
    """`wasmcp serve`, ended by SIGKILL, and another process with the same store."""

    @pytest.fixture
    def client(self) -> HttpClient:
        return HttpClient()

    @pytest.fixture
    def url(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
        if getattr(request, "param", "sqlite") == "sqlite":
            yield f"sqlite:{tmp_path / 'kv.db'}"
            return
        with redis_server(tmp_path / "redis") as found:
            yield found.url

    def serve(self, server_file: Path, url: str, client: HttpClient) -> Any:
        client.port = free_port()
        return served(str(server_file), "--port", str(client.port), "--keyvalue", url)

    def kill(self, process: Process) -> None:
        process.process.kill()
        process.process.wait(60)

    def test_tasks_are_resumed_or_failed_and_never_lost(self, server_file: Path, url: str, client: HttpClient) -> None:
        with self.serve(server_file, url, client) as process:
            waiting = client.start("ask")
            assert list(client.until(waiting, "input_required")["inputRequests"]) == ["1.first", "1.second"]
            ended = client.start("quick")
            assert value_of(client.until(ended)) == {"a": 1}
            running = client.start("forever")
            wait_until(lambda: any(b" run " in lease for lease in leases_of(url).values()))
            by_steps = [client.start("count") for _ in range(5)]
            self.kill(process)
        with self.serve(server_file, url, client):
            # The leases of the dead process hold: its tasks are not run twice.
            assert client.get(running)["status"] == "working"
            end_leases(url)
            failed = client.until(running)
            assert failed["status"] == "failed"
            assert failed["error"] == {
                "code": -32603,
                "message": "Internal error: the server process ended while the task ran",
            }
            assert [value_of(client.until(task)) for task in by_steps] == [{"a": 1}] * 5
            assert value_of(client.get(ended)) == {"a": 1}
            accepted = {"action": "accept", "content": {"name": "A"}}
            client("tasks/update", taskId=waiting, inputResponses={"1.first": accepted, "1.second": accepted})
            assert list(client.until(waiting, "input_required")["inputRequests"]) == ["2.third"]

    @pytest.mark.parametrize("url", ["sqlite", pytest.param("redis", marks=needs_redis)], indirect=True)
    def test_two_processes_run_a_task_once(self, server_file: Path, url: str) -> None:
        one, other = HttpClient(), HttpClient()
        with self.serve(server_file, url, one), self.serve(server_file, url, other):
            task = one.start("ask")
            assert list(other.until(task, "input_required")["inputRequests"]) == ["1.first", "1.second"]
            accepted = {"action": "accept", "content": {"name": "A"}}
            other("tasks/update", taskId=task, inputResponses={"1.first": accepted, "1.second": accepted})
            one.until(task, "input_required")
            one("tasks/update", taskId=task, inputResponses={"2.third": accepted})
            assert value_of(other.until(task)) == [accepted] * 3
            # A cancellation at one process stops the run of the other.
            running = one.start("forever")
            listening = request("subscriptions/listen", {"notifications": {"taskIds": [running]}}, meta=META)
            stream = Stream(other.port, "POST", mirrored(listening), listening)
            assert stream.next()["params"]["notifications"] == {"taskIds": [running]}
            assert stream.next()["params"]["status"] == "working"
            other("tasks/cancel", taskId=running)
            while (state := stream.next())["params"]["status"] == "working":
                assert state["method"] == "notifications/tasks"
            assert state["params"]["status"] == "cancelled"
            stream.close()
            assert one.get(running)["status"] == "cancelled"
            wait_until(lambda: not any(leases_of(url).values()))

    @pytest.mark.parametrize("url", ["sqlite", pytest.param("redis", marks=needs_redis)], indirect=True)
    def test_a_stream_has_the_changes_of_another_process(self, server_file: Path, url: str) -> None:
        one, other = HttpClient(), HttpClient()
        accepted = {"action": "accept", "content": {"name": "A"}}
        with self.serve(server_file, url, one), self.serve(server_file, url, other):
            tasks = [one.start("ask") for _ in range(2)]
            for task in tasks:
                one.until(task, "input_required")
            listening = request("subscriptions/listen", {"notifications": {"taskIds": tasks}}, meta=META)
            stream = Stream(other.port, "POST", mirrored(listening), listening)
            assert stream.next()["params"]["notifications"] == {"taskIds": tasks}
            first = [stream.next()["params"] for _ in tasks]
            assert {state["taskId"] for state in first} == set(tasks)
            assert all(list(state["inputRequests"]) == ["1.first", "1.second"] for state in first)

            def until(task: str, status: str, *wanted: str) -> dict[str, Any]:
                """Read states of the task up to one with this status, and these requests. All requests are at `one`."""
                while True:
                    state: dict[str, Any] = stream.next()["params"]
                    if state["status"] == status and tuple(state.get("inputRequests", ())) == wanted:
                        assert state["taskId"] == task
                        return state

            updated, cancelled = tasks
            one("tasks/update", taskId=updated, inputResponses={"1.first": accepted})
            until(updated, "input_required", "1.second")
            one("tasks/update", taskId=updated, inputResponses={"1.second": accepted})
            until(updated, "input_required", "2.third")
            one("tasks/update", taskId=updated, inputResponses={"2.third": accepted})
            assert value_of(until(updated, "completed")) == [accepted] * 3
            one("tasks/cancel", taskId=cancelled)
            until(cancelled, "cancelled")
            stream.close()


class TestPrincipals:
    """Tasks belong to the principal and the path of the request that created them."""

    @pytest.fixture
    def issuer(self) -> Iterator[Issuer]:
        with issuer_server() as found:
            found.rotate("a")
            yield found

    @pytest.fixture
    def settings(self, issuer: Issuer) -> dict[str, str]:
        return {
            "WASMCP_AUTH_MODE": "oauth",
            "WASMCP_SERVER_URI": SERVER,
            "JWT_ISSUER": issuer.url,
            "JWT_JWKS_URI": f"{issuer.url}/jwks",
        }

    @pytest.fixture
    def client_of(
        self, server_file: Path, issuer: Issuer, settings: dict[str, str], tmp_path: Path
    ) -> Iterator[Callable[..., Client]]:
        with open_server(server_file, settings=settings, keyvalue=f"sqlite:{tmp_path / 'kv.db'}") as server:
            yield lambda path="/mcp", **claims: Client(self._sender(server, issuer.token("a", **claims), path))

    def _sender(
        self, server: Server, token: str, path: str = "/mcp"
    ) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
        def send(method: str, params: dict[str, Any]) -> dict[str, Any]:
            message = request(method, {name: value for name, value in params.items() if name != "_meta"}, meta=META)
            head = [("host", "127.0.0.1"), *mirrored(message).items(), ("authorization", f"Bearer {token}")]
            response = server.http("POST", path, head, json.dumps(message))
            if response.status == 403:
                raise RequestError(403, response.body)
            body = json.loads(response.body)
            if "error" in body:
                raise RequestError(**body["error"])
            return dict(body["result"])

        return send

    def test_another_principal_does_not_have_the_task(self, client_of: Callable[..., Client]) -> None:
        alice, again, bob = client_of(sub="alice"), client_of(sub="alice"), client_of(sub="bob")
        task = alice.start("ask")
        alice.until(task, "input_required")
        unknown = bob.refused("tasks/get", taskId="0" * 32)
        for method in ("get", "update", "cancel"):
            error = bob.refused(f"tasks/{method}", taskId=task, inputResponses={"1.first": {"action": "decline"}})
            assert (error.code, error.data, str(error)) == (unknown.code, unknown.data, str(unknown))
        assert list(again.get(task)["inputRequests"]) == ["1.first", "1.second"]
        again("tasks/cancel", taskId=task)
        assert alice.get(task)["status"] == "cancelled"

    def test_rules_of_a_policy_decide_on_calls_and_deny_the_methods_of_tasks(
        self, issuer: Issuer, settings: dict[str, str], tmp_path: Path
    ) -> None:
        policy = Policy(
            allow=(Rule(Selector(tools=("ask",))),),
            deny=(Rule(condition=Condition(claims=(Claim(("sub",), ("bob",)),))),),
        )
        working_server(tmp_path, access=Access({}, policy)).write(tmp_path / "server.wasm")
        with open_server(tmp_path / "server.wasm", settings=settings) as server:
            alice, bob = (Client(self._sender(server, issuer.token("a", sub=name))) for name in ("alice", "bob"))
            task = alice.start("ask")
            assert list(alice.until(task, "input_required")["inputRequests"]) == ["1.first", "1.second"]
            assert alice.refused("tools/call", name="quick", arguments={}).code == 403
            for method in ("get", "update", "cancel"):
                assert bob.refused(f"tasks/{method}", taskId=task, inputResponses={}).code == 403
            alice("tasks/cancel", taskId=task)
            assert alice.get(task)["status"] == "cancelled"

    def test_a_run_has_the_principal_of_its_call(self, client_of: Callable[..., Client]) -> None:
        alice = client_of(sub="alice")
        assert text_of(alice.until(alice.start("who"))) == "alice"

    def test_calls_with_a_token_wait_for_their_tasks(
        self, server_file: Path, issuer: Issuer, settings: dict[str, str]
    ) -> None:
        with open_for_test(server_file, settings=settings) as server:
            client = server.with_token(issuer.token("a", sub="alice"))
            assert client.call_tool("who").text == "alice"
            # This tool runs as a task only.
            assert client.call_tool("wrong").is_error

    @pytest.fixture
    def runs(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The tasks that were run, one at a time."""
        found: list[str] = []

        def request_of(function: str, texts: tuple[bytes, ...]) -> TaskRequest:
            found.extend(text.decode() for text in texts if function == "run")
            return TaskRequest(function, texts)

        monkeypatch.setattr("wasmcp.host.mcp.tasks.most_running", lambda: 1)
        monkeypatch.setattr("wasmcp.host.mcp.tasks.TaskRequest", request_of)
        return found

    def test_the_tasks_of_principals_take_turns(self, runs: list[str], client_of: Callable[..., Client]) -> None:
        alice, bob = client_of(sub="alice"), client_of(sub="bob")
        tasks = [alice.start("forever") for _ in range(5)]
        quick = bob.start("quick")
        # The first one runs, and the second one is Alice's turn before Bob's.
        for number, task in enumerate(tasks[:2], 1):
            wait_until(lambda number=number: len(runs) == number)
            assert bob.get(quick)["status"] == "working"
            alice("tasks/cancel", taskId=task)
        assert value_of(bob.until(quick)) == {"a": 1}
        # One that is cancelled while it waits is not run.
        alice("tasks/cancel", taskId=tasks[3])
        wait_until(lambda: len(runs) == 4)
        alice("tasks/cancel", taskId=tasks[2])
        wait_until(lambda: len(runs) == 5)
        assert len(set(runs)) == 5
        assert alice.get(tasks[4])["status"] == "working"

    def test_nothing_of_a_principal_is_kept_without_tasks(
        self, client_of: Callable[..., Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("wasmcp.host.mcp.tasks.INTERVAL", 0.2)

        def keys() -> set[str]:
            with sqlite3.connect(tmp_path / "kv.db") as database:
                rows = database.execute("SELECT key FROM entries WHERE bucket LIKE 'wasmcp:task%'")
                return {str(key).split(".")[1] for (key,) in rows}

        client_of(sub="alice").start("deaf")  # for 1.5 seconds
        assert {"task", "task-owner", "task-expiry"} <= keys()
        wait_until(lambda: keys() == {"task"})  # a place that was emptied

    def test_subjects_and_issuers_are_not_joined(self, client_of: Callable[..., Client]) -> None:
        one, other = client_of(sub="a\nb"), client_of(sub="a")
        task = one.start("quick")
        assert other.refused("tasks/get", taskId=task).code == -32602
        assert value_of(one.until(task)) == {"a": 1}

    def test_the_number_of_tasks_of_a_principal_is_limited(
        self, client_of: Callable[..., Client], tmp_path: Path
    ) -> None:
        alice, bob = client_of(sub="alice"), client_of(sub="bob")
        alice.start("ask")
        self.add_tasks(tmp_path / "kv.db", OWNED - 2)
        last = alice.start("ask")
        records = self.values_of(tmp_path / "kv.db", "wasmcp.task.")
        # Under another path tasks are not those of the first one, but they count.
        for client in (alice, client_of("/mcp/other", sub="alice")):
            error = client.refused("tools/call", name="ask", arguments={})
            assert (error.code, "1000 tasks, the maximum" in str(error)) == (-32603, True)
        assert self.values_of(tmp_path / "kv.db", "wasmcp.task.").keys() == records.keys()
        assert alice.get(last)["taskId"] == last
        assert bob.start("ask")

    def add_tasks(self, file: Path, count: int) -> None:
        """Count more tasks for the only principal with a task."""
        ((key, value),) = self.values_of(file, "wasmcp.task-owner.").items()
        with sqlite3.connect(file) as database:
            database.execute("UPDATE entries SET value = ? WHERE key = ?", (bytes(value) * (count + 1), key))

    def values_of(self, file: Path, prefix: str) -> dict[str, bytes]:
        with sqlite3.connect(file) as database:
            return dict(database.execute("SELECT key, value FROM entries WHERE key GLOB ?", (f"{prefix}*",)))


def test_all_places_are_taken(server_file: Path, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'kv.db'}"

    def fill(expires: int) -> None:
        store = open_store(url)
        record = json.dumps({"name": "0" * 32, "expires": expires}).encode()
        store.put("wasmcp:tasks", {f"wasmcp.task.{place:04x}": record for place in range(PLACES)})
        store.close()

    fill(int(time.time() * 1000) + 3_600_000)
    with open_server(server_file, keyvalue=url) as server:
        client = Client(server.request)
        error = client.refused("tools/call", name="ask", arguments={})
        assert (error.code, "too many tasks" in str(error)) == (-32603, True)
        assert client.call("quick", declared=False)["content"][0]["text"] == '{"a":1}'
    # Expired tasks leave their places to new ones.
    fill(int(time.time() * 1000) - 1)
    with open_server(server_file, keyvalue=url) as server:
        client = Client(server.request)
        assert text_of(client.until(client.start("quick"))) == '{"a":1}'
    with sqlite3.connect(tmp_path / "kv.db") as database:
        assert database.execute("SELECT count(*) FROM entries WHERE bucket = 'wasmcp:tasks'").fetchone()[0] <= PLACES


def test_many_left_tasks_are_found_and_requests_go_on(server_file: Path, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'kv.db'}"
    expires = int(time.time() * 1000) + 3_600_000
    store = open_store(url)
    # The leases of tasks whose records were deleted.
    leases = {f"wasmcp.task-lease.{n:032x}": b"0 - new %d" % expires for n in range(20_000)}
    store.put("wasmcp:task-leases", leases)
    with open_server(server_file, keyvalue=url) as server:
        client = Client(server.request)
        assert text_of(client.until(client.start("quick"), patience=60)) == '{"a":1}'
    store.close()
