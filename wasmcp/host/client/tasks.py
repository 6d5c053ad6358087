"""Tasks of a client: calls of tools that go on after their requests.

Specification: extension io.modelcontextprotocol/tasks (SEP-2663).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wasmcp.errors import HostError, RequestError, TaskCancelledError, WasmcpError
from wasmcp.protocol import CODES, ENDED_TASKS, TASK_DEFAULTS, TASKS

if TYPE_CHECKING:
    from wasmcp.host.client.types import Answers, ToolResult

Send = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Function that sends a request, with the method and the params, and returns its result object."""

Answer = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Function that returns the result of a server-to-client request, from its key and the request."""

CAPABILITY: dict[str, Any] = {"extensions": {TASKS: {}}}
"""The capability of a client that has tasks."""

_FIRST_PAUSE = 0.01  # seconds before the second poll, doubled up to the interval of the server
_LONGEST_PAUSE = 60.0


class Task:
    """A task of a server.

    Attributes:
        id: Its id.
        state: Its latest known state, the schema `DetailedTask`.
    """

    def __init__(self, created: Mapping[str, Any], send: Send) -> None:
        """Begin with the result that created the task.

        Args:
            created: The result object, of type `task`; or another state of the task.
            send: Sends the requests of the task.

        Raises:
            HostError: The result has no id.
        """
        found = created.get("taskId")
        if not isinstance(found, str):
            raise HostError(f"the server created a task without a `taskId`: {dict(created)!r:.200}")
        self.id = found
        self.state: dict[str, Any] = dict(created)
        self._send = send
        self._answered: set[str] = set()

    def __repr__(self) -> str:
        """Return the id and the status."""
        return f"Task({self.id!r}, status={self.status!r})"

    @property
    def status(self) -> str:
        """The latest known status: `working`, `input_required`, `completed`, `failed` or `cancelled`."""
        return str(self.state.get("status"))

    @property
    def has_ended(self) -> bool:
        """True if the latest known status is a final one."""
        return self.status in ENDED_TASKS

    def refresh(self) -> dict[str, Any]:
        """Request the state of the task (`tasks/get`), and return it.

        Raises:
            RequestError: The task does not exist any longer.
        """
        self.state = self._send("tasks/get", {"taskId": self.id})
        return self.state

    def update(self, responses: Mapping[str, Mapping[str, Any]]) -> None:
        """Answer server-to-client requests of the task, by their keys (`tasks/update`).

        Raises:
            RequestError: The task does not exist any longer.
        """
        self._send("tasks/update", {"taskId": self.id, "inputResponses": {k: dict(v) for k, v in responses.items()}})
        self._answered.update(responses)

    def cancel(self) -> None:
        """Cancel the task (`tasks/cancel`); without effect on a task that has ended.

        Raises:
            RequestError: The task does not exist any longer.
        """
        self._send("tasks/cancel", {"taskId": self.id})

    def wait(
        self,
        answer: Answer,
        *,
        seconds: float | None = None,
        on_state: Callable[[dict[str, Any]], None] | None = None,
        is_eager: bool = False,
    ) -> dict[str, Any]:
        """Wait for the result of the call, and answer server-to-client requests on the way.

        If this ends by an exception, the task is cancelled.

        Args:
            answer: Called once with each server-to-client request.
            seconds: The time limit; None for no limit.
            on_state: Called with each state.
            is_eager: Poll the first times earlier than the server suggests.

        Raises:
            RequestError: The call ended with a JSON-RPC error, or the server does not know the task any longer.
            TaskCancelledError: The task was cancelled.
            HostError: The task has not ended in time.
        """
        try:
            return self._wait(answer, seconds, on_state or (lambda _: None), is_eager=is_eager)
        except BaseException:
            if not self.has_ended:
                from wasmcp.host.scheduling.interruption import CancelScope  # lazy: other clients have no scopes

                with suppress(WasmcpError), CancelScope():  # the scope of the caller may be the reason
                    self.cancel()
            raise

    def result(self, answers: Answers = (), *, timeout: float | None = 60.0) -> ToolResult:
        """Wait for the result of the call.

        Args:
            answers: Results of the server-to-client requests of the task; see `RequestMethods.call_tool`.
            timeout: The time limit in seconds; None for no limit.

        Raises:
            RequestError: The call ended with a JSON-RPC error, or the server does not know the task any longer.
            TaskCancelledError: The task was cancelled.
            HostError: The task has not ended in time; it is cancelled.
            UnansweredInputError: A request of the task has no answer; it is cancelled.
        """
        from wasmcp.host.client.types import Conversation, ToolResult

        conversation = Conversation(answers)
        found = self.wait(conversation.answer, seconds=timeout, is_eager=True)
        return ToolResult.from_wire(found, client_requests=conversation.requests)

    def _wait(
        self,
        answer: Answer,
        seconds: float | None,
        on_state: Callable[[dict[str, Any]], None],
        *,
        is_eager: bool,
    ) -> dict[str, Any]:
        for state in self._states(seconds, is_eager=is_eager):
            on_state(state)
            if self.status == "input_required":
                wanted = state.get("inputRequests")
                new = {key: one for key, one in (wanted or {}).items() if key not in self._answered}
                if new:
                    self.update({key: answer(key, one) for key, one in new.items()})
        if self.status == "completed":
            result = self.state.get("result")
            if not isinstance(result, dict):
                raise HostError(f"the task {self.id} is completed without a `result`")
            return result
        if self.status == "cancelled":
            raise TaskCancelledError(self.id, self.state.get("statusMessage"))
        error = self.state.get("error")
        error = error if isinstance(error, dict) else {}
        code = error.get("code")
        message = str(error.get("message", f"the task {self.id} failed without an error object"))
        raise RequestError(code if isinstance(code, int) else CODES["internal_error"], message, error.get("data"))

    def _states(self, seconds: float | None, *, is_eager: bool) -> Iterator[dict[str, Any]]:
        """Yield the states of the task, up to the final one."""
        ends = None if seconds is None else time.monotonic() + seconds
        first = _FIRST_PAUSE if is_eager else _LONGEST_PAUSE
        while True:
            yield self.state
            if self.has_ended:
                return
            pause = min(first, self._interval())
            first = min(first * 2, _LONGEST_PAUSE)
            if ends is not None:
                left = ends - time.monotonic()
                if left <= 0:
                    raise HostError(f"the task {self.id} has not ended within {seconds:g} s: it is {self.status}")
                pause = min(pause, left)
            time.sleep(pause)
            self.refresh()

    def _interval(self) -> float:
        """Return the suggested time between two polls, in seconds."""
        given = self.state.get("pollIntervalMs")
        if not isinstance(given, (int, float)) or isinstance(given, bool) or given <= 0:
            given = TASK_DEFAULTS["pollIntervalMs"]
        return min(given / 1000, _LONGEST_PAUSE)
