"""Runner of the tasks of a server (extension `io.modelcontextprotocol/tasks`), and notifications about them.

The server keeps its tasks in the key-value store, and names those that need a run during the call that creates or
resumes them. They run on instances of their own. Tasks that another process has left, and those whose name was lost,
are found by requests to the server in intervals. A task runs in one process at a time: the server issues leases, which
are renewed during runs. Waiting tasks start in turn by owner, that is, the principal and the path; those that were
found by requests have no owner.

A stream of notifications (`notifications/tasks`) names the ids of its tasks, which the server has checked. The state of
a task is read from the server when the stream opens, when the server names the task, and in intervals: another process
of the same store can run it. A change of its status, its message or its requests to the client is sent, and after the
end of the task nothing more.

Source: extension `io.modelcontextprotocol/tasks`, "Task Status Notifications"; package wasmcp:embedding, `tasks`.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from wasmcp.errors import GuestCancelledError, GuestOutOfMemoryError, GuestTimeoutError, HostError
from wasmcp.host.bindings.messages import Message, TaskRequest
from wasmcp.host.engine import logs
from wasmcp.host.scheduling.call import Call, InlinePolicy
from wasmcp.host.scheduling.dispatch import Lane
from wasmcp.protocol import ENDED_TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wasmcp.host.bindings.messages import Event
    from wasmcp.host.scheduling.pool import Pool

READ_INTERVAL = 5.0
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
        next_round = monotonic() + READ_INTERVAL
        while True:
            self._changed.wait(max(0.0, next_round - monotonic()))
            self._changed.clear()
            whole = monotonic() >= next_round
            if whole:
                next_round = monotonic() + READ_INTERVAL
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


INTERVAL = 5.0
"""Seconds between two renewals of leases, which last 30 seconds, and between two searches for tasks without a lease."""

_MOST_RUNNING = 4  # minimum of the number of tasks that run at once
_MOST_PAGES = 100  # maximum number of pages of one search
_NOTES = 1.0  # minimum of the seconds between two messages about the progress of a task
_MESSAGE = 1000  # maximum bytes of such a message
_QUICK = 30.0  # seconds that a call about a task, other than a run, can take


def most_running() -> int:
    """Return the number of tasks that run at once unless the operator sets it; others wait."""
    return max(_MOST_RUNNING, 2 * (os.cpu_count() or 1))


class _Task:
    """A task that this process runs, or will run.

    Attributes:
        name: Its name.
        client: A digest of its owner; None if it is not known.
        deadline: The time of `monotonic` at which it expires.
        call: The call of its run.
        cancelled: True if its client has cancelled it, or another process runs it.
        is_wanted: True if the server has named it again during its run: its client has answered it already.
        message: A message about its progress that is not kept yet; empty for none.
        noted: The time of `monotonic` at which the last message was kept.
    """

    def __init__(self, name: str, client: str | None, deadline: float) -> None:
        self.name = name
        self.client = client
        self.deadline = deadline
        self.call: Call | None = None
        self.cancelled = False
        self.is_wanted = False
        self.message = ""
        self.noted = -inf


class TaskRunner:
    """Runner of the tasks of one server. Its methods are thread-safe.

    Attributes:
        host: The name of this process for leases; it cannot be guessed.
        notifications: The notifications about its tasks.
    """

    def __init__(self, most: int | None = None) -> None:
        """Create a runner, which begins with the first instance of its server.

        Args:
            most: Maximum number of tasks that run at once; None for the default.
        """
        self.host = secrets.token_hex(16)
        self._make_pool: Callable[[int], Pool] | None = None
        self._pool: Pool | None = None
        self._draining: set[Pool] = set()  # of older versions, with tasks that run
        self._tasks: dict[str, _Task] = {}
        self._waiting: Lane[_Task] = Lane()
        self._running = 0
        self._most = most_running() if most is None else most
        self._lock = threading.RLock()
        self._begun = False
        self._closed = False
        self._end = threading.Event()
        self._changed = threading.Event()
        self.notifications = TaskNotifications(partial(self._ask, "state"))

    def use(self, make_pool: Callable[[int], Pool]) -> None:
        """Run tasks on the instances of another version of the server, from the next run on.

        Runs in progress end in the version in which they began, however long they take.

        Args:
            make_pool: Makes a pool of so many instances.
        """
        with self._lock:
            old, self._pool, self._make_pool = self._pool, None, make_pool
            successor = None if old is None else self._ready_pool()
            if old is None or successor is None:
                return
            self._draining.add(old)
        threading.Thread(target=self._drain, args=(old, successor), name="wasmcp-drain", daemon=True).start()

    def _drain(self, pool: Pool, successor: Pool) -> None:
        pool.drain(successor, is_patient=True)
        with self._lock:
            self._draining.discard(pool)

    @property
    def has_begun(self) -> bool:
        """True after an instance has booted whose tools can run as tasks."""
        return self._begun

    def begin(self) -> None:
        """Begin to run tasks, and to search for those that other processes have left.

        Called when an instance has booted, before it names tasks.
        """
        with self._lock:
            if self._begun or self._closed or self._make_pool is None:
                return
            threading.Thread(target=self._start, name="wasmcp-task-start", daemon=True).start()
            threading.Thread(target=self._watch, name="wasmcp-tasks", daemon=True).start()
            self._begun = True

    def close(self) -> None:
        """Stop all runs. Tasks by steps continue in another process; other ones have failed."""
        with self._lock:
            self._closed = True
            self._end.set()
            self._changed.set()
            self._waiting = Lane()
            pools = [*self._draining, *([] if self._pool is None else [self._pool])]
            self._pool = None
        self.notifications.close()
        for pool in pools:
            pool.close()

    def take(self, text: bytes) -> None:
        """Take a line of the server: a task that needs a run, or was cancelled. It does not block."""
        event = json.loads(text)
        self._add(event)
        self.notifications.changed(str(event["name"]))

    def _add(self, event: dict[str, Any]) -> None:
        name = str(event["name"])
        with self._lock:
            if self._closed:
                return
            task = self._tasks.get(name)
            if event.get("cancelled"):
                if task is not None:
                    self._cancel(task)
                return
            if task is not None:
                task.is_wanted = task.call is not None
                return
            deadline = monotonic() + event.get("remaining", 0) / 1000
            task = self._tasks[name] = _Task(name, event.get("owner"), deadline)
            self._waiting.put(task)
        self._changed.set()

    def _cancel(self, task: _Task) -> None:
        task.cancelled = True
        if task.call is not None:
            task.call.cancel()
        else:
            self._waiting.remove(task)
            del self._tasks[task.name]

    def _start(self) -> None:
        """Start waiting tasks, as many as can run, until the runner is closed.

        This is a thread of its own: a task is named, and a run ends, on the thread of a call.
        """
        while not self._closed:
            self._changed.wait()
            self._changed.clear()
            while (call := self._next_run()) is not None:
                self._submit(call)

    def _next_run(self) -> Call | None:
        """Return the call of the next run; None if no task waits, or no more can run."""
        with self._lock:
            if self._closed or not self._waiting or self._running >= self._most:
                return None
            task = self._waiting.take()
            self._running += 1
            remaining = max(0.1, task.deadline - monotonic())
            task.call = Call(
                _request("run", task.name), remaining, partial(self._ran, task), partial(self._progressed, task)
            )
            return task.call

    def _submit(self, call: Call) -> None:
        pool = self._ready_pool()
        if pool is None:
            call.finish(None, HostError("the server is closed"))
            return
        try:
            pool.submit(call)
        except (HostError, RuntimeError) as error:  # RuntimeError: the process cannot have more threads
            call.finish(None, error)

    def _ready_pool(self) -> Pool | None:
        with self._lock:
            if self._pool is None and self._make_pool is not None and not self._closed:
                # One instance is left to renewals.
                self._pool = self._make_pool(self._most + 1)
                self._pool.inline_policy = InlinePolicy(trusted=False)
            return self._pool

    def _ran(self, task: _Task, call: Call) -> None:
        """Note the end of a run."""
        again = call.error is None and call.result == b"again"
        with self._lock:
            self._running -= 1
            task.call = None
            task.message = ""
            if (again or task.is_wanted) and call.error is None and not task.cancelled and not self._closed:
                task.is_wanted = False
                self._waiting.put(task)
            else:
                self._tasks.pop(task.name, None)
            failed = call.error is not None and not task.cancelled and not self._closed
        if failed and call.error is not None:
            logs.log(logs.REQUESTS, logs.ERROR, f"a task has failed: {call.error}", error=call.error)
            self._submit(Call(_request("fail", task.name, _public(call.error)), _QUICK, lambda _: None))
        self._changed.set()
        self.notifications.changed(task.name)

    def _progressed(self, task: _Task, _call: Call, event: Event) -> None:
        """Take the progress of a run. A message is kept once a second, and the last one with the next renewal."""
        if not isinstance(event, Message):
            return
        message = json.loads(event.text)
        if message.get("method") != "notifications/progress":
            return
        with self._lock:
            task.message = _progress(message["params"])
        if monotonic() - task.noted >= _NOTES:
            self._note(task)

    def _note(self, task: _Task) -> None:
        with self._lock:
            message, task.message = task.message, ""
            task.noted = monotonic()
        if message:
            self._submit(
                Call(_request("note", task.name, message), _QUICK, lambda _: self.notifications.changed(task.name))
            )

    def _watch(self) -> None:
        while True:
            self._search()
            if self._end.wait(INTERVAL):
                return
            self._renew()

    def _renew(self) -> None:
        """Renew the leases of running tasks, and cancel those that another process has taken over or cancelled."""
        with self._lock:
            running = [task for task in self._tasks.values() if task.call is not None]
        for task in running:
            self._note(task)
            if self._ask("renew", task.name) == b"lost":
                with self._lock:
                    if task.call is not None:
                        self._cancel(task)

    def _search(self) -> None:
        """Take the tasks that have no lease."""
        cursor = ""
        for _ in range(_MOST_PAGES):
            found = self._ask("pending", cursor)
            if found is None:
                return
            page = json.loads(found)
            for one in page["tasks"]:
                self._add(one)
            cursor = page.get("next", "")
            if not cursor:
                return

    def _ask(self, function: str, text: str) -> bytes | None:
        """Call a function of the server and wait. Return None if it failed."""
        ended = threading.Event()
        call = Call(_request(function, text), _QUICK, lambda _: ended.set())
        self._submit(call)
        ended.wait()
        result: bytes | None = call.result
        return result if call.error is None else None


def _progress(params: dict[str, Any]) -> str:
    """Return the message of a progress notification, or else its numbers."""
    progress, total = params["progress"], params.get("total")
    numbers = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
    text = str(params.get("message") or numbers)
    return text.encode("utf-8", "replace")[:_MESSAGE].decode("utf-8", "ignore")


def _request(function: str, *texts: str) -> TaskRequest:
    return TaskRequest(function, tuple(text.encode() for text in texts))


def _public(error: Exception) -> str:
    """Return the reason for clients."""
    if isinstance(error, GuestCancelledError):
        return "Internal error: the task was stopped"
    if isinstance(error, GuestTimeoutError):
        return "Internal error: the task took longer than its time to live"
    if isinstance(error, GuestOutOfMemoryError):
        return "Internal error: the task exceeded the memory limit"
    return "Internal error: the server failed to run the task"
