"""Tasks of the everything server, with the official clients, `wasmcp call` and the client of tests."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from support.fastmcp_originals import environment_of
from support.npm_packages import installed, node
from support.projects import project_files, write_project
from support.server_processes import WASMCP, wasmcp_serve
from support.waiting import wait_until

from pytest_wasmcp import AsyncServer
from pytest_wasmcp.aio import AsyncTask
from wasmcp.client.connection import Client as WireClient
from wasmcp.client.http import HttpTransport
from wasmcp.errors import HostError, RequestError, TaskCancelledError, UnansweredInputError
from wasmcp.guest.testing import accept
from wasmcp.host.client.tasks import CAPABILITY
from wasmcp.project import ensure_built
from wasmcp.protocol import CODES, META_KEYS
from wasmcp.testing.server import ServerUnderTest, open_for_test

pytestmark = pytest.mark.slow

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "tasks.md"
EVERYTHING = Path(__file__).parents[2] / "example-servers" / "everything"
PACKAGES = ("@modelcontextprotocol/ext-tasks@0.2.2", "@modelcontextprotocol/client@2.3.1")
SUPPORT = Path(__file__).parents[1] / "support"
SCRIPT = SUPPORT / "tasks_client.mjs"


@pytest.fixture(scope="module")
def everything() -> Path:
    return ensure_built(EVERYTHING)


@pytest.fixture(scope="module")
def url(everything: Path) -> Iterator[str]:
    with wasmcp_serve(everything) as port:
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.fixture(scope="module")
def server(everything: Path) -> Iterator[ServerUnderTest]:
    with open_for_test(everything) as opened:
        yield opened


def typescript_client(url: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    folder = installed(*PACKAGES)
    script = folder / SCRIPT.name
    script.write_text(SCRIPT.read_text("utf-8"), "utf-8")
    done = subprocess.run(
        [node(), str(script)],
        input=json.dumps({"url": url, "cases": cases}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_official_typescript_client(url: str) -> None:
    computed, at_once, confirmed, both, asked_first, failed, broken, cancelled, greeted = typescript_client(
        url,
        [
            {"tool": "slow_compute", "args": {"seconds": 1, "label": "sum"}},
            {"tool": "slow_compute", "args": {"seconds": 0, "label": "sum"}},
            {"tool": "confirm_delete", "args": {"filename": "a.txt"}},
            {"tool": "multi_input", "args": {}},
            {"tool": "test_tool_with_task", "args": {}},
            {"tool": "failing_job", "args": {}},
            {"tool": "protocol_error_job", "args": {}},
            {"tool": "slow_compute", "args": {"seconds": 60, "label": "sum"}, "cancel": True},
            {"tool": "greet", "args": {"name": "Ada"}},
        ],
    )
    assert (computed["kind"], computed["text"]) == ("task", "sum: computed for 1 seconds")
    assert "working" in computed["states"]
    assert set(computed["methods"]) == {"tools/call", "tasks/get"}
    assert (at_once["kind"], at_once["methods"]) == ("immediate", ["tools/call"])
    assert (confirmed["text"], confirmed["asked"]) == ("Deleted a.txt", ["Delete a.txt?"])
    assert "tasks/update" in confirmed["methods"]
    assert sorted(both["asked"]) == ["What is the first name?", "What is the second name?"]
    assert both["text"] == "number 1 and number 2"
    assert (asked_first["kind"], asked_first["text"]) == ("task", "Hello, number 1!")
    assert "tasks/update" not in asked_first["methods"]  # its request was answered before the call became a task
    assert (failed["status"], failed["isError"], failed["text"]) == ("completed", True, "this job always fails")
    assert (broken["status"], broken["error"]) == ("failed", "this job always ends with a protocol error")
    assert cancelled["status"] == "cancelled"
    assert (greeted["kind"], greeted["text"]) == ("immediate", "Hello, Ada!")


def test_client_of_fastmcp(url: str) -> None:
    command = [str(environment_of("fastmcp-tasks==4.1.4")), str(SUPPORT / "fastmcp_task_client.py"), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["text"], found["result"]) == ("work: computed for 0.5 seconds", "sum: computed for 0.5 seconds")
    assert (found["status"], found["ended"], found["cancelled"]) == ("working", "completed", "cancelled")
    assert (found["confirmed"], found["both"]) == ("Deleted a.txt", "Ada and Ada")
    assert found["asked"] == ["Delete a.txt?", "What is the first name?", "What is the second name?"]
    assert found["failed"] == "this job always fails"


def test_client_without_the_extension(url: str) -> None:
    async def main(mode: str) -> None:
        async with Client(url, mode=mode, read_timeout_seconds=60) as client:
            result = await client.call_tool("slow_compute", {"seconds": 0.5, "label": "sum"})
            assert result.content[0].text == "sum: computed for 0.5 seconds"

    for mode in ("2026-07-28", "legacy"):
        anyio.run(main, mode)


def test_header_with_the_id_of_the_task(server: ServerUnderTest) -> None:
    """`Mcp-Name` repeats the id; SEP-2243 does not require it for these methods, and clients leave it out."""
    meta = {
        META_KEYS["protocol_version"]: "2026-07-28",
        META_KEYS["client_info"]: {"name": "test", "version": "1"},
        META_KEYS["client_capabilities"]: CAPABILITY,
    }

    def answer(method: str, header: str | None, **params: Any) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        headers = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("host", "localhost"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
            *([] if header is None else [("mcp-name", header)]),
        ]
        found: dict[str, Any] = json.loads(server.http("POST", "/mcp", headers, json.dumps(body)).body)
        return found

    created = answer("tools/call", "slow_compute", name="slow_compute", arguments={"seconds": 60})
    task = created["result"]["taskId"]
    assert answer("tasks/get", None, taskId=task)["result"]["status"] == "working"
    assert answer("tasks/get", task, taskId=task)["result"]["status"] == "working"
    assert answer("tasks/get", "other", taskId=task)["error"]["code"] == CODES["header_mismatch"]
    for method in ("tasks/result", "tasks/list"):
        assert answer(method, None, taskId=task)["error"]["code"] == CODES["method_not_found"]
    assert answer("tasks/cancel", None, taskId=task)["result"]["resultType"] == "complete"


RUN = """

import time


@tool(task=True)
def render(seconds: float, context: Context) -> str:
    for part in range(4):
        if context.cancelled:
            return "cancelled"
        context.progress(part, 4, f"part {part}")
        time.sleep(seconds / 4)
    return "rendered"
"""


def test_the_guide_and_a_task_that_runs_to_its_end(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    tests: dict[str, Any] = {}
    exec("".join(block for block in blocks if "def test_a_task" in block), tests)  # noqa: S102 - our own page
    path = ensure_built(write_project(tmp_path, project_files("guide", {"src/guide/main.py": blocks[0] + RUN})))
    with open_for_test(path) as server:
        tests["test_a_task"](server)
        task = server.start_task("render", {"seconds": 0.4})
        assert task.status == "working"
        assert task.result().data == "rendered"
        assert server.call_tool("render", {"seconds": 0}).data == "rendered"
        cancelled = server.start_task("render", {"seconds": 30})
        cancelled.cancel()
        with pytest.raises(TaskCancelledError):
            cancelled.result()


class TestCommandLine:
    def test_result_of_a_task(self, url: str) -> None:
        command = [*WASMCP, "call", url, "slow_compute", "seconds=1", "label=sum"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "sum: computed for 1 seconds\n"), done.stderr
        assert re.fullmatch(r"(task (\S+): working\n)(task \2: completed\n)", done.stderr)

    def test_errors_of_tasks(self, url: str) -> None:
        command = [*WASMCP, "call", url, "failing_job"]
        failing = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert failing.returncode == 3
        assert "this job always fails" in failing.stderr
        command = [*WASMCP, "call", url, "protocol_error_job"]
        broken = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert broken.returncode == 4
        assert "this job always ends with a protocol error" in broken.stderr

    def test_an_interrupt_cancels_the_task(self, url: str) -> None:
        command = [*WASMCP, "call", url, "slow_compute", "seconds=60"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            found = re.match(r"task (\S+): working", process.stderr.readline())
            assert found is not None
            process.send_signal(signal.SIGINT)
            process.wait(30)
        with WireClient(url, HttpTransport(url, {}, 30)) as client:
            meta = {META_KEYS["client_capabilities"]: CAPABILITY}
            state = client.once("tasks/get", {"taskId": found[1], "_meta": meta}, seconds=30)
        assert state["status"] == "cancelled"


class TestServerUnderTest:
    def test_call_tool_waits(self, server: ServerUnderTest) -> None:
        assert server.call_tool("slow_compute", {"seconds": 0.5}).text == "work: computed for 0.5 seconds"
        result = server.call_tool("confirm_delete", {"filename": "a"}, answers=[accept(confirm=True)])
        assert result.text == "Deleted a"
        assert [request.method for request in result.client_requests] == ["elicitation/create"]
        assert server.call_tool("failing_job").assert_tool_error() == "this job always fails"
        with pytest.raises(RequestError, match="protocol error") as caught:
            server.call_tool("protocol_error_job")
        assert caught.value.code == -32603

    def test_answers_by_the_keys_of_the_author(self, server: ServerUnderTest) -> None:
        answers = {"first": accept(name="Ada"), "second": accept(name="Bo")}
        assert server.call_tool("multi_input", answers=answers).text == "Ada and Bo"
        assert server.start_task("multi_input").result(answers).text == "Ada and Bo"

    def test_a_task_by_hand(self, server: ServerUnderTest) -> None:
        task = server.start_task("confirm_delete", {"filename": "a"})
        assert task.status == "working"
        wait_until(lambda: task.refresh()["status"] == "input_required")
        (key,) = task.state["inputRequests"]
        task.update({key: accept(confirm=False), "unknown": accept()})
        assert task.result().text == "Kept a"
        assert task.has_ended

    def test_cancellation(self, server: ServerUnderTest) -> None:
        task = server.start_task("slow_compute", {"seconds": 60})
        task.cancel()
        with pytest.raises(TaskCancelledError, match=task.id):
            task.result()
        task.cancel()  # without effect, and no error

    def test_limits_and_missing_answers(self, server: ServerUnderTest) -> None:
        with pytest.raises(HostError, match=r"has not ended within 0\.3 s"):
            server.start_task("slow_compute", {"seconds": 60}).result(timeout=0.3)
        with pytest.raises(UnansweredInputError, match=r"elicitation/create.*key `"):
            server.start_task("confirm_delete", {"filename": "a"}).result()
        with pytest.raises(HostError, match="the call of `greet` did not become a task"):
            server.start_task("greet", {"name": "Ada"})

    def test_a_client_without_the_extension(self, server: ServerUnderTest) -> None:
        server.has_tasks = False
        try:
            with pytest.raises(RequestError) as caught:
                server.call_tool("failing_job")
        finally:
            del server.has_tasks
        assert caught.value.code == -32021
        assert caught.value.data == {"requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}

    def test_tasks_of_the_asynchronous_client(self, server: ServerUnderTest) -> None:
        async def reaches(task: AsyncTask, status: str) -> None:
            with anyio.fail_after(30):
                while (await task.refresh())["status"] != status:  # noqa: ASYNC110 - the server changes it
                    await anyio.sleep(0.05)

        async def main() -> None:
            client = AsyncServer(server)
            task = await client.start_task("confirm_delete", {"filename": "a"})
            assert (task.id, task.status, task.has_ended) == (task.sync.id, "working", False)
            await reaches(task, "input_required")
            (key,) = task.state["inputRequests"]
            await task.update({key: accept(confirm=True)})
            assert (await task.result()).text == "Deleted a"
            assert task.has_ended
            cancelled = await client.start_task("slow_compute", {"seconds": 60})
            await cancelled.cancel()
            with pytest.raises(TaskCancelledError, match=cancelled.id):
                await cancelled.result()
            left = await client.start_task("slow_compute", {"seconds": 60})
            with anyio.move_on_after(0.1):
                await left.result()
            await reaches(left, "cancelled")

        anyio.run(main)
