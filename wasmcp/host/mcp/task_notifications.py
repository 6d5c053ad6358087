"""Notifications about the tasks that clients listen to (`notifications/tasks`).

A stream names the ids of its tasks, which the server has checked. The state of a task is read from the server when the
stream opens, when the server names the task, and in intervals: another process of the same store can run it. A change
of its status, its message or its requests to the client is sent, and after the end of the task nothing more.

Source: extension `io.modelcontextprotocol/tasks`, "Task Status Notifications"; package wasmcp:embedding, `tasks`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from wasmcp.protocol import ENDED_TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INTERVAL = 5.0
"""Seconds between two reads of a task that the server has not named."""

_METHOD = "notifications/tasks"


class TaskListener(Protocol):
    """A stream of notifications that names tasks.

    Attributes:
        tasks: The ids of the tasks.
    """

    tasks: frozenset[str]

    def notify(self, change: Mapping[str, Any], plain: bytes) -> None:
        """Send a notification; see `wasmcp.host.mcp.subscriptions.Listener`."""


class _Followed:
    """A task that streams listen to.

    Attributes:
        name: Its name, once its state was read.
        is_due: True if its state is to be read.
        sent: The state that each stream has, without the time of its last change; None before the first one.
    """

    def __init__(self) -> None:
        self.name = ""
        self.is_due = True
        self.sent: dict[TaskListener, dict[str, Any] | None] = {}


class TaskNotifications:
    """Notifications about the tasks of one server. Its methods are thread-safe."""

    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        """Create it without streams.

        Args:
            read: Returns the function `state` of an id; None if it failed. It blocks.
        """
        self._read = read
        self._followed: dict[str, _Followed] = {}
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._runs = False
        self._closed = False

    def add(self, listener: TaskListener) -> None:
        """Send the state of the tasks of a stream, and then their changes."""
        with self._lock:
            if self._closed:
                return
            for task_id in listener.tasks:
                followed = self._followed.setdefault(task_id, _Followed())
                followed.sent[listener] = None
                followed.is_due = True
            if not self._runs:
                # Without a thread the next stream tries again.
                with contextlib.suppress(RuntimeError):
                    threading.Thread(target=self._follow, name="wasmcp-task-states", daemon=True).start()
                    self._runs = True
        self._changed.set()

    def remove(self, listener: TaskListener) -> None:
        """Send nothing more to a stream."""
        with self._lock:
            for task_id in listener.tasks:
                self._drop(task_id, listener)

    def _drop(self, task_id: str, listener: TaskListener) -> None:
        followed = self._followed.get(task_id)
        if followed is not None:
            followed.sent.pop(listener, None)
            if not followed.sent:
                del self._followed[task_id]

    def changed(self, name: str) -> None:
        """Read the state of the task with this name, if a stream listens to it. It does not block."""
        with self._lock:
            found = [followed for followed in self._followed.values() if followed.name == name]
            for followed in found:
                followed.is_due = True
        if found:
            self._changed.set()

    def close(self) -> None:
        """End all reads."""
        with self._lock:
            self._closed = True
            self._followed.clear()
        self._changed.set()

    def _follow(self) -> None:
        next_round = monotonic() + INTERVAL
        while True:
            self._changed.wait(max(0.0, next_round - monotonic()))
            self._changed.clear()
            whole = monotonic() >= next_round
            if whole:
                next_round = monotonic() + INTERVAL
            with self._lock:
                if not self._followed:
                    self._runs = False
                    return
                due = [one for one, followed in self._followed.items() if followed.is_due or whole]
            for task_id in due:
                self._send(task_id)

    def _send(self, task_id: str) -> None:
        with self._lock:
            followed = self._followed.get(task_id)
            if followed is None:
                return
            followed.is_due = False
        text = self._read(task_id)
        if not text:
            return  # it is read again in the next interval
        state = json.loads(text)
        task = state.get("task", {})
        task.pop("resultType", None)  # of the response to `tasks/get`
        known = {name: value for name, value in task.items() if name != "lastUpdatedAt"}
        with self._lock:
            if self._followed.get(task_id) is not followed:
                return  # its streams ended during the read; other ones have a state of their own
            if not task:  # it has expired
                self._followed.pop(task_id, None)
                return
            followed.name = state["name"]
            listeners = [listener for listener, sent in followed.sent.items() if sent != known]
            for listener in listeners:
                followed.sent[listener] = known
            if task["status"] in ENDED_TASKS:
                self._followed.pop(task_id, None)
        for listener in listeners:
            listener.notify({"method": _METHOD, "params": task}, b"")
