"""Servers whose tools run as tasks, and a client that follows tasks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from support.compose_inputs import METADATA, tool
from support.waiting import wait_until
from wasmcp.compose import Catalogue, ComponentSpec, ComposedServer, compose_server
from wasmcp.errors import RequestError
from wasmcp.package_data import wit_directory
from wasmcp.protocol import META_KEYS, TASKS
from wasmcp.toolchains.zig import build_component

SOURCE = Path(__file__).parents[1] / "framework" / "chain" / "worker.zig"
CAPABILITIES = {"elicitation": {"form": {}}, "extensions": {TASKS: {}}}
DECLARED = {META_KEYS["client_capabilities"]: CAPABILITIES}
ENDED = ("completed", "failed", "cancelled")


def task(name: str, mode: str, **more: Any) -> dict[str, Any]:
    """A tool in its wire form that runs as a task."""
    return tool(name, _meta={META_KEYS["task"]: {"mode": mode, "pollIntervalMs": 50, **more}})


TOOLS = (
    tool("plain"),
    task("count", "steps"),
    task("ask", "steps"),
    task("quick", "run"),
    task("forever", "run"),
    task("deaf", "run", ttlMs=1500),
    task("trap", "run"),
    task("refuse", "run"),
    task("large", "run"),
    task("who", "run"),
    task("wrong", "run", required=True),
)


@lru_cache
def worker(folder: Path) -> bytes:
    """Return the component with the tools, compiled in a folder."""
    return build_component(SOURCE, wit_directory(), "tools-component", folder / "worker.wasm").read_bytes()


def working_server(folder: Path, *tools: dict[str, Any], **options: Any) -> ComposedServer:
    """Compose a server of the component; other tools by their wire forms."""
    return compose_server([ComponentSpec("worker", worker(folder), Catalogue(tools or TOOLS))], METADATA, **options)


class Client:
    """Client of the tasks of a server. `send` sends a request and returns its result."""

    def __init__(self, send: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self._send = send

    def __call__(self, method: str, *, declared: bool = True, **params: Any) -> dict[str, Any]:
        """Send a request; the result without `_meta`."""
        meta = {"_meta": DECLARED} if declared else {}
        result = self._send(method, {**params, **meta})
        result.pop("_meta", None)
        return result

    def call(self, name: str, *, declared: bool = True, **params: Any) -> dict[str, Any]:
        """Call a tool."""
        return self("tools/call", declared=declared, name=name, arguments={"a": 1}, **params)

    def start(self, name: str) -> str:
        """Call a tool, whose call becomes a task; its id."""
        result = self.call(name)
        assert result["resultType"] == "task", result
        return str(result["taskId"])

    def get(self, task_id: str) -> dict[str, Any]:
        return self("tasks/get", taskId=task_id)

    def until(self, task_id: str, *states: str, patience: float = 30) -> dict[str, Any]:
        """Poll until the task has one of these states, or has ended."""
        found: dict[str, Any] = {}

        def is_there() -> bool:
            found.update(self.get(task_id))
            return found["status"] in (*states, *ENDED)

        wait_until(is_there, lambda: f"the task is still {found}", seconds=patience)
        return found

    def refused(self, method: str, *, declared: bool = True, **params: Any) -> RequestError:
        """Send a request that is refused."""
        try:
            result = self(method, declared=declared, **params)
        except RequestError as error:
            return error
        raise AssertionError(f"{method} was answered: {result}")


def text_of(task: dict[str, Any]) -> str:
    """Return the text of the result of a completed task."""
    assert task["status"] == "completed", task
    return str(task["result"]["content"][0]["text"])
