"""The tasks extension: calls that become tasks, without an embedding host that runs them, and with one."""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.entry_points import META, mirrored, request
from support.task_servers import DECLARED, Client, text_of, working_server
from support.waiting import wait_until

from wasmcp.compose.access import Access, Filter, Policy, Rule, Selector
from wasmcp.errors import CompositionError, RequestError
from wasmcp.host import open_server
from wasmcp.host.client.server import Server
from wasmcp.host.engine.limits import Limits
from wasmcp.host.mcp.tasks import TaskNotifications, TaskRunner, most_running
from wasmcp.host.scheduling.instance import Instance, Program
from wasmcp.host.scheduling.pool import Pool
from wasmcp.host.stores.keyvalue import SqliteStore
from wasmcp.protocol import META_KEYS, TASKS

ACCEPTED = {"action": "accept", "content": {"name": "A"}}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tasks")
    found = {}
    for draft in ("0.2.0-draft", "0.2.0-draft2"):
        found[draft] = folder / f"{draft}.wasm"
        working_server(folder, keyvalue=draft).write(found[draft])
    return found


def opened(server: Server) -> Client:
    return Client(server.request)


def announced(server: Server) -> Any:
    """Return the extensions that a server announces."""
    return server.request("server/discover")["capabilities"].get("extensions")


@pytest.fixture(params=["0.2.0-draft", "0.2.0-draft2"])
def file(request: pytest.FixtureRequest, files: dict[str, Path]) -> Path:
    """The server over each draft of `wasi:keyvalue`."""
    return files[request.param]


@pytest.fixture
def stateless(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A server without a host that runs tasks: each request has its own instance, and values last."""
    monkeypatch.setattr("wasmcp.host.bindings.exchange.ExchangeBindings.attach", lambda *_: False)
    with open_server(file, reuse="request") as server:
        client = opened(server)
        client.call("count")  # an instance learns from another one that values last
        yield client


@pytest.fixture
def hosted(file: Path) -> Iterator[Client]:
    with open_server(file) as server:
        yield opened(server)


def test_a_call_by_steps_becomes_a_task_at_its_first_checkpoint(stateless: Client) -> None:
    created = stateless.call("count", task={"ttl": 1})
    assert created.keys() == {
        "resultType",
        "taskId",
        "status",
        "createdAt",
        "lastUpdatedAt",
        "ttlMs",
        "pollIntervalMs",
    }
    assert (created["resultType"], created["status"]) == ("task", "working")
    assert (created["ttlMs"], created["pollIntervalMs"]) == (3_600_000, 50)
    assert re.fullmatch(r"[0-9a-f]{32}", created["taskId"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created["createdAt"])
    # Each request runs one step.
    assert [stateless.get(created["taskId"])["status"] for _ in range(2)] == ["working", "working"]
    ended = stateless.get(created["taskId"])
    assert text_of(ended) == '{"a":1}'
    assert ended["resultType"] == "complete"
    assert stateless.get(created["taskId"]) == ended


def test_a_client_without_the_extension_gets_the_result_of_all_steps(hosted: Client) -> None:
    assert hosted.call("count", declared=False)["content"][0]["text"] == '{"a":1}'
    assert hosted.call("quick", declared=False)["content"][0]["text"] == '{"a":1}'


def test_a_tool_that_runs_on_is_an_ordinary_call_without_a_host(stateless: Client) -> None:
    assert stateless.call("quick")["content"][0]["text"] == '{"a":1}'


def test_values_that_do_not_last_make_no_tasks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasmcp.host.bindings.exchange.ExchangeBindings.attach", lambda *_: False)
    with open_server(file, instances=1) as server:
        client = opened(server)
        for _ in range(3):
            assert client.call("count")["content"][0]["text"] == '{"a":1}'
            assert announced(server) is None
            for method in ("tasks/get", "tasks/update", "tasks/cancel"):
                assert client.refused(method, taskId="0" * 32).code == -32601


def test_steps_are_announced_where_values_last(stateless: Client) -> None:
    assert stateless("server/discover")["capabilities"]["extensions"] == {TASKS: {}}
    assert stateless.refused("tasks/get", taskId="0" * 32).code == -32602


def test_the_extension_is_announced_where_calls_can_become_tasks(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.task_servers import TOOLS

    only_run = tmp_path / "run.wasm"
    working_server(tmp_path, *(tool for tool in TOOLS if tool["name"] in ("quick", "plain"))).write(only_run)
    plain = tmp_path / "plain.wasm"
    composed = working_server(tmp_path, TOOLS[0])
    composed.write(plain)
    assert not composed.tasks
    assert not any("tasks" in name for name in (*composed.exports, *composed.instances))

    def extensions(file: Path, **options: Any) -> Any:
        with open_server(file, **options) as server:
            server.request("server/discover")  # an instance learns from another one that values last
            return announced(server)

    assert extensions(files["0.2.0-draft2"]) == extensions(only_run) == {TASKS: {}}
    assert extensions(plain) is None
    monkeypatch.setattr("wasmcp.host.bindings.exchange.ExchangeBindings.attach", lambda *_: False)
    assert extensions(files["0.2.0-draft2"], reuse="request") == {TASKS: {}}
    assert extensions(only_run, reuse="request") is None
    assert extensions(files["0.2.0-draft2"], instances=1) is None


@pytest.mark.parametrize("kind", ["stateless", "hosted"])
def test_input_requests_of_a_task(file: Path, kind: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(kind)
    task = client.start("ask")
    waiting = client.until(task, "input_required")
    assert list(waiting["inputRequests"]) == ["1.first", "1.second"]
    assert waiting["inputRequests"]["1.first"]["method"] == "elicitation/create"
    assert "result" not in waiting
    assert "requestState" not in waiting
    unknown = {"first": ACCEPTED, "2.first": ACCEPTED, "x": {}, "1.first": ACCEPTED}
    assert client("tasks/update", taskId=task, inputResponses=unknown) == {"resultType": "complete"}
    again = client.get(task)
    assert (again["status"], list(again["inputRequests"])) == ("input_required", ["1.second"])
    other = {"action": "accept", "content": {"name": "B"}}
    client("tasks/update", taskId=task, inputResponses={"1.first": other, "1.second": ACCEPTED})
    waiting = client.until(task, "input_required")
    assert list(waiting["inputRequests"]) == ["2.third"]
    client("tasks/update", taskId=task, inputResponses={"2.third": {"action": "decline"}})
    assert json.loads(text_of(client.until(task))) == [ACCEPTED, ACCEPTED, {"action": "decline"}]
    assert client("tasks/update", taskId=task, inputResponses={"2.third": ACCEPTED}) == {"resultType": "complete"}


def test_a_task_that_runs_on_the_host(hosted: Client) -> None:
    assert text_of(hosted.until(hosted.start("quick"))) == '{"a":1}'
    assert text_of(hosted.until(hosted.start("count"))) == '{"a":1}'
    assert text_of(hosted.until(hosted.start("who"))) == "nobody"


def test_errors_of_the_protocol_fail_and_errors_of_the_tool_complete(hosted: Client) -> None:
    failed = hosted.until(hosted.start("refuse"))
    assert failed["status"] == "failed"
    assert failed["error"] == {"code": -32005, "message": "no", "data": {"a": 1}}
    assert failed["statusMessage"] == "no"
    wrong = hosted.until(hosted.start("wrong"))
    assert (wrong["status"], wrong["result"]["isError"]) == ("completed", True)
    large = hosted.until(hosted.start("large"))
    assert (large["status"], large["error"]["code"]) == ("failed", -32603)
    assert "larger than" in large["error"]["message"]
    trapped = hosted.until(hosted.start("trap"))
    assert (trapped["status"], trapped["error"]["message"]) == (
        "failed",
        "Internal error: the server failed to run the task",
    )


def test_cancellation_is_final(hosted: Client) -> None:
    for name in ("forever", "deaf"):
        task = hosted.start(name)
        assert hosted("tasks/cancel", taskId=task) == {"resultType": "complete"}
        assert hosted.get(task)["status"] == "cancelled"
        assert hosted("tasks/cancel", taskId=task) == {"resultType": "complete"}
    assert text_of(hosted.until(hosted.start("quick"))) == '{"a":1}'
    assert hosted.get(task)["status"] == "cancelled"


def test_a_task_ends_with_its_time(hosted: Client) -> None:
    task = hosted.start("deaf")
    with pytest.raises(RequestError, match="no task with the id"):
        hosted.until(task, patience=20)
    assert text_of(hosted.until(hosted.start("quick"))) == '{"a":1}'


def test_tools_that_require_tasks(stateless: Client) -> None:
    error = stateless.refused("tools/call", declared=False, name="wrong", arguments={})
    assert (error.code, error.data) == (-32021, {"requiredCapabilities": {"extensions": {TASKS: {}}}})


def test_methods_of_clients_without_the_extension(stateless: Client) -> None:
    for method in ("get", "update", "cancel"):
        error = stateless.refused(f"tasks/{method}", declared=False, taskId="x", inputResponses={})
        assert (error.code, error.data) == (-32021, {"requiredCapabilities": {"extensions": {TASKS: {}}}})
    for method in ("list", "result"):
        assert stateless.refused(f"tasks/{method}", taskId="x").code == -32601


def test_unknown_ids_and_wrong_params(stateless: Client) -> None:
    task = stateless.start("ask")
    for wrong in ("x", "0" * 32, task[:-1], task + "0", task.upper(), "", "../" + task, "é" * 16):
        if wrong != task:
            for method in ("get", "update", "cancel"):
                error = stateless.refused(f"tasks/{method}", taskId=wrong, inputResponses={})
                assert error.code == -32602
                assert "no task with the id" in str(error)
    for method in ("get", "update", "cancel"):
        for given in ({}, {"taskId": 1}, {"taskId": None}):
            assert stateless.refused(f"tasks/{method}", **given).code == -32602
    stateless.until(task, "input_required")
    for responses in (None, [], "x", 1, {"1.first": 1}, {"1.first": []}):
        assert stateless.refused("tasks/update", taskId=task, inputResponses=responses).code == -32602
    assert list(stateless.get(task)["inputRequests"]) == ["1.first", "1.second"]


def test_a_run_outlives_the_version_of_its_server(files: dict[str, Path]) -> None:
    file = files["0.2.0-draft2"]
    with open_server(file, limits=Limits(timeout=2)) as server:
        client = opened(server)
        task = client.start("forever")
        server.reload(file)
        assert text_of(client.until(client.start("quick"))) == '{"a":1}'
        time.sleep(4)  # more than the requests in progress get
        assert client.get(task)["status"] == "working"
        client("tasks/cancel", taskId=task)
        assert client.get(task)["status"] == "cancelled"


def test_a_run_that_begins_while_its_version_is_replaced(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = files["0.2.0-draft2"]
    begins, continues = threading.Event(), threading.Event()
    new_instance, close = Pool.new_instance, Program.close
    freed: list[Program] = []

    def freeing(program: Program) -> None:
        freed.append(program)
        close(program)

    monkeypatch.setattr(Program, "close", freeing)
    with open_server(file) as server:
        first = server.pool

        def slow_boot(pool: Pool, *given: Any) -> Instance:
            if pool.program is first.program and pool is not first:  # for tasks, of the first version
                begins.set()
                assert continues.wait(30)
            return new_instance(pool, *given)

        monkeypatch.setattr(Pool, "new_instance", slow_boot)
        client = opened(server)
        task = client.start("forever")
        assert begins.wait(30)
        server.reload(file)
        wait_until(lambda: not any(thread.is_alive() for thread in server._draining.values()))
        continues.set()
        wait_until(lambda: client.get(task).get("statusMessage") == "1 of 4")
        assert freed == []
        client("tasks/cancel", taskId=task)
        assert client.get(task)["status"] == "cancelled"
        wait_until(lambda: freed == [first.program])
    assert len(freed) == 2


def listen(server: Server, ids: object, meta: dict[str, Any]) -> dict[str, Any]:
    """Open a stream about tasks; the first message."""
    message = request("subscriptions/listen", {"notifications": {"taskIds": ids}}, id="stream", meta={**META, **meta})
    answer = server.send(json.dumps(message))
    assert answer is not None
    return dict(json.loads(answer))


def test_a_stream_has_the_states_of_its_tasks(files: dict[str, Path]) -> None:
    heard: queue.Queue[dict[str, Any]] = queue.Queue()
    with open_server(files["0.2.0-draft2"]) as server:
        server.on_notification(lambda text: heard.put(json.loads(text)))
        client = opened(server)
        running, waiting = client.start("forever"), client.start("ask")
        opening = listen(server, [running, "0" * 32, waiting], DECLARED)
        assert opening["params"]["notifications"] == {"taskIds": [running, waiting]}
        states: dict[str, dict[str, Any]] = {}

        def hear(task: str, **members: Any) -> None:
            while not members.items() <= states.get(task, {}).items():
                message = heard.get(timeout=30)
                assert message["method"] == "notifications/tasks"
                assert message["params"].pop("_meta") == {META_KEYS["subscription_id"]: "stream"}
                states[message["params"]["taskId"]] = message["params"]

        # The progress of a run is its message; nothing else is sent about it.
        hear(running, status="working", statusMessage="1 of 4")
        hear(waiting, status="input_required")
        assert {"resultType": "complete", **states[waiting]} == client.get(waiting)
        client("tasks/cancel", taskId=running)
        hear(running, status="cancelled")
        assert "statusMessage" not in states[running]
        client("tasks/cancel", taskId=waiting)
        hear(waiting, status="cancelled")
        assert heard.empty()


def test_a_stream_about_tasks_needs_the_extension(files: dict[str, Path]) -> None:
    with open_server(files["0.2.0-draft2"]) as server:
        error = listen(server, [], {})["error"]
        assert (error["code"], error["data"]) == (-32021, {"requiredCapabilities": {"extensions": {TASKS: {}}}})
        for wrong in ("a", [1], ["0" * 32] * 33):
            assert listen(server, wrong, DECLARED)["error"]["code"] == -32602
        assert "result" not in listen(server, ["0" * 32] * 32, DECLARED)


@pytest.mark.parametrize("most", [None, 2])
def test_tasks_wait_for_others(files: dict[str, Path], most: int | None) -> None:
    with open_server(files["0.2.0-draft2"], limits=Limits(task_runs=most)) as server:
        client = opened(server)
        tasks = [client.start("forever") for _ in range(most or most_running())]
        waiting = [client.start("quick") for _ in range(3)]
        time.sleep(0.2)
        assert {client.get(task)["status"] for task in (*tasks, *waiting)} == {"working"}
        for task in tasks:
            client("tasks/cancel", taskId=task)
        assert [text_of(client.until(task)) for task in waiting] == ['{"a":1}'] * 3


def test_a_lack_of_threads_takes_no_place_of_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    class Full:
        inline_policy: Any = None

        def submit(self, call: Any) -> None:
            refuse(call)

        def close(self) -> None:
            pass

    runner = TaskRunner()
    pool: Any = Full()
    runner.use(lambda _size: pool)
    runner.begin()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    runner.take(b'{"name":"a","remaining":60000}')
    wait_until(lambda: not (runner._tasks or runner._running))
    runner.close()


def test_a_run_whose_lease_was_taken_over_counts_no_more(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasmcp.host.mcp.tasks.INTERVAL", 0.2)
    path = tmp_path / "values.db"
    store = SqliteStore(str(path))
    with open_server(files["0.2.0-draft2"], keyvalue=f"sqlite:{path}") as server:
        client = opened(server)
        task = client.start("forever")
        bucket = "wasmcp:task-leases"
        deadline = time.monotonic() + 20
        while True:
            (key,) = store.keys(bucket, None, 10)
            lease = store.get(bucket, [key])[key]
            until, _, phase, expires = lease.split(b" ")
            if phase == b"run" and store.exchange(bucket, key, lease, b" ".join([until, b"another", b"run", expires])):
                break
            assert time.monotonic() < deadline
        wait_until(lambda: (runner := server._tasks) is None or not runner._tasks)
        # The run has ended with "stopped", which is not the result of the task.
        assert client.get(task)["status"] == "working"
        assert store.keys(bucket, None, 10) == [key]
        client("tasks/cancel", taskId=task)
        assert store.keys(bucket, None, 10) == []
    store.close()


@pytest.mark.parametrize("draft", ["0.2.0-draft", "0.2.0-draft2"])
def test_values_of_expired_tasks_are_removed(
    draft: str, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasmcp.host.mcp.tasks.INTERVAL", 0.2)
    path = tmp_path / "values.db"
    store = SqliteStore(str(path))
    with open_server(files[draft], keyvalue=f"sqlite:{path}") as server:
        client = opened(server)
        lasting = client.start("quick")
        task = client.start("deaf")  # it expires after 1.5 s
        assert len(store.keys("wasmcp:task-expiries", None, 10)) == 2
        wait_until(lambda: len(store.keys("wasmcp:task-expiries", None, 10)) == 1)
        keys = [key for key in store.keys("wasmcp:tasks", None, 10) if key.startswith("wasmcp.task.")]
        records = [value for key, value in store.get("wasmcp:tasks", keys).items() if key.count(".") == 2]
        assert sorted(records)[1:] == [b"{}"]
        assert client.refused("tasks/get", taskId=task).code == -32602
        assert client.until(lasting)["status"] == "completed"
    store.close()


def test_responses_that_a_record_cannot_hold_are_refused(hosted: Client) -> None:
    task = hosted.start("ask")
    hosted.until(task, "input_required")
    large = {"action": "accept", "content": {"name": "x" * (2 << 20)}}
    error = hosted.refused("tasks/update", taskId=task, inputResponses={"1.first": large})
    assert (error.code, "can have" in str(error)) == (-32602, True)
    assert list(hosted.get(task)["inputRequests"]) == ["1.first", "1.second"]


def test_a_path_without_tools_that_run_as_tasks_does_not_announce_the_extension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filters = {
        "/mcp/plain": Filter(allow=(Selector(tools=("plain",)),)),
        "/mcp/counted": Filter(allow=(Selector(tools=("plain", "count")),)),
    }
    filtered = tmp_path / "server.wasm"
    working_server(tmp_path, access=Access(filters)).write(filtered)

    def extensions(path: str) -> Any:
        message = request("server/discover", {}, meta=META)
        response = server.http("POST", path, mirrored(message), json.dumps(message))
        return json.loads(response.body)["result"]["capabilities"].get("extensions")

    with open_server(filtered) as server:
        assert extensions("/mcp") == extensions("/mcp/counted") == {TASKS: {}}
        assert not extensions("/mcp/plain")
    monkeypatch.setattr("wasmcp.host.bindings.exchange.ExchangeBindings.attach", lambda *_: False)
    with open_server(filtered, instances=1) as server:
        assert not any(extensions(path) for path in ("/mcp", "/mcp/counted", "/mcp/plain"))


def test_a_task_needs_no_rule_of_allow_but_obeys_those_of_deny(tmp_path: Path) -> None:
    paths = ("/mcp/closed",)
    cancel = Rule(methods=("tasks/cancel",), paths=("/mcp/kept",))
    policy = Policy((Rule(Selector(tools=("quick",))),), (Rule(Selector(), paths=paths), cancel))
    access = Access({"/mcp/closed": Filter(), "/mcp/kept": Filter()}, policy)
    file = tmp_path / "server.wasm"
    working_server(tmp_path, access=access).write(file)
    with open_server(file) as server:

        def send(method: str, subject: str, path: str = "/mcp", **params: Any) -> Any:
            message = request(method, params, meta={**META, **DECLARED})
            return server.http("POST", path, {**mirrored(message), "Mcp-Name": subject}, json.dumps(message))

        assert send("tools/call", "count", name="count", arguments={}).status == 403
        assert send("tasks/run", "x", taskId="x").status == 403
        for method in ("get", "update", "cancel"):
            for path, status in (("/mcp/kept", 403 if method == "cancel" else 200), ("/mcp", 200)):
                created = json.loads(send("tools/call", "quick", path, name="quick", arguments={}).body)["result"]
                task = created["taskId"]
                response = send(f"tasks/{method}", task, path, taskId=task, inputResponses={})
                assert response.status == status
            assert "result" in json.loads(send(f"tasks/{method}", task, taskId=task, inputResponses={}).body)
            assert send(f"tasks/{method}", task, "/mcp/closed", taskId=task, inputResponses={}).status == 403


def test_rules_of_allow_do_not_name_the_methods_of_tasks(tmp_path: Path) -> None:
    policy = Policy((Rule(Selector(tools=("quick",))), Rule(methods=("tasks/get",))))
    with pytest.raises(CompositionError, match=r"`policy.allow\[1\]` names `tasks/get`, which needs no rule"):
        working_server(tmp_path, access=Access({}, policy))


class Stream:
    """A stream that keeps the statuses of its tasks."""

    def __init__(self, *tasks: str) -> None:
        self.tasks = frozenset(tasks)
        self.statuses: list[str] = []

    def notify(self, change: Mapping[str, Any], plain: bytes) -> None:
        assert plain == b""
        self.statuses.append(change["params"]["status"])


def test_a_lack_of_threads_delays_notifications(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = TaskNotifications(lambda _: b'{"name":"n","task":{"status":"working"}}')
    first, second = Stream("a"), Stream("b")

    def fails(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fails)
        followed.add(first)
    assert first.statuses == []
    followed.add(second)
    wait_until(lambda: first.statuses == second.statuses == ["working"])
    followed.close()


def test_notifications_of_a_stream_that_ends_during_a_read() -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def read(task_id: str) -> bytes:
        begun.set()
        assert goes_on.wait(30)
        return b'{"name":"n","task":{"status":"completed"}}'

    followed = TaskNotifications(read)
    first, second = Stream("a"), Stream("a")
    followed.add(first)
    assert begun.wait(30)
    followed.remove(first)
    followed.add(second)  # the read is that of the first stream
    goes_on.set()
    wait_until(lambda: second.statuses == ["completed"])
    assert first.statuses == []
    followed.close()
