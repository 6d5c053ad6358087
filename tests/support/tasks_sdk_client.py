"""Extension of the official Python client for tasks: the SDK has the claim of results, and no extension of its own."""

from __future__ import annotations

from typing import Any, Literal

import anyio
import mcp_types
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from pydantic import ConfigDict, Field

from wasmcp.protocol import TASKS


class _TaskParams(mcp_types.RequestParams):
    model_config = ConfigDict(populate_by_name=True)
    task_id: str = Field(serialization_alias="taskId")
    input_responses: dict[str, Any] | None = Field(default=None, serialization_alias="inputResponses")


class _GetTask(mcp_types.Request[_TaskParams, Literal["tasks/get"]]):
    name_param = "taskId"
    method: Literal["tasks/get"] = "tasks/get"
    params: _TaskParams


class _UpdateTask(mcp_types.Request[_TaskParams, Literal["tasks/update"]]):
    name_param = "taskId"
    method: Literal["tasks/update"] = "tasks/update"
    params: _TaskParams


class _Created(mcp_types.Result):
    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")
    status: str
    poll_interval_ms: int = Field(alias="pollIntervalMs")


class _State(mcp_types.Result):
    status: str
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    input_requests: dict[str, Any] | None = Field(default=None, alias="inputRequests")


class TasksExtension(ClientExtension):
    """Tasks whose requests all get the same answer.

    Attributes:
        states: The states of the tasks so far, without repetitions.
    """

    identifier = TASKS

    def __init__(self, answer: dict[str, Any]) -> None:
        self.states: list[str] = []
        self._answer = answer

    def claims(self) -> list[ResultClaim[Any]]:
        """Claim the results that create tasks."""
        return [ResultClaim(result_type="task", model=_Created, resolve=self._resolve)]

    async def _resolve(self, created: _Created, context: ClaimContext) -> mcp_types.CallToolResult:
        self.states.append(created.status)
        while True:
            await anyio.sleep(created.poll_interval_ms / 1000)
            request = _GetTask(params=_TaskParams(task_id=created.task_id))
            state = await context.session.send_request(request, _State)  # type: ignore[arg-type]
            if self.states[-1:] != [state.status]:
                self.states.append(state.status)
            if state.status == "completed":
                return mcp_types.CallToolResult.model_validate(state.result)
            if state.status in ("failed", "cancelled"):
                raise RuntimeError(f"{state.status}: {state.error}")
            if state.input_requests:
                answers = dict.fromkeys(state.input_requests, self._answer)
                params = _TaskParams(task_id=created.task_id, input_responses=answers)
                await context.session.send_request(_UpdateTask(params=params), mcp_types.Result)  # type: ignore[arg-type]
