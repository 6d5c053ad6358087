"""Asynchronous client of a server in this process, for asyncio and trio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from hypothesis.strategies import SearchStrategy

    from wasmcp.host import (
        Completion,
        HttpResponse,
        Prompt,
        PromptResult,
        Resource,
        ResourceResult,
        ResourceTemplate,
        Server,
        Tool,
        ToolResult,
    )
    from wasmcp.host.client.request_methods import RequestMethods
    from wasmcp.host.client.tasks import Task
    from wasmcp.host.client.types import Answers

T = TypeVar("T")
OnEvent = Callable[[dict[str, Any]], object]
"""Callback on the event loop for each notification that precedes a result; can be a coroutine function."""


class AsyncTask:
    """Task of a server, whose requests do not block the event loop; see `wasmcp.host.client.tasks.Task`.

    Attributes:
        sync: The task whose requests block.
    """

    def __init__(self, task: Task, run: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        self.sync = task
        self._run = run

    @property
    def id(self) -> str:
        """The id."""
        return self.sync.id

    @property
    def state(self) -> dict[str, Any]:
        """The latest known state."""
        return self.sync.state

    @property
    def status(self) -> str:
        """The latest known status."""
        return self.sync.status

    @property
    def has_ended(self) -> bool:
        """True if the latest known status is a final one."""
        return self.sync.has_ended

    async def refresh(self) -> dict[str, Any]:
        """Request the state of the task, and return it."""
        found: dict[str, Any] = await self._run(self.sync.refresh)
        return found

    async def update(self, responses: Mapping[str, Mapping[str, Any]]) -> None:
        """Answer server-to-client requests of the task, by their keys."""
        await self._run(partial(self.sync.update, responses))

    async def cancel(self) -> None:
        """Cancel the task."""
        await self._run(self.sync.cancel)

    async def result(self, answers: Answers = (), *, timeout: float | None = 60.0) -> ToolResult:
        """Wait for the result of the call; see `wasmcp.host.client.tasks.Task.result`.

        The task is cancelled in the server too if the wait is.
        """
        found: ToolResult = await self._run(partial(self.sync.result, answers, timeout=timeout))
        return found


class AsyncClient:
    """Client of a server in this process whose calls do not block the event loop.

    Each call runs in a worker thread; concurrent calls share the server's pool of instances. A call whose task is
    cancelled (`anyio.fail_after`, `asyncio.wait_for`, a cancelled task group) is cancelled in the server too, as by a
    client's `notifications/cancelled`.

    Attributes:
        sync: The client whose calls block.
    """

    def __init__(self, client: RequestMethods) -> None:
        self.sync = client

    async def _run(self, call: Callable[[], T]) -> T:
        from anyio import get_cancelled_exc_class, to_thread

        from wasmcp.host import CancelScope

        with CancelScope() as scope:
            try:
                return await to_thread.run_sync(call, abandon_on_cancel=True)
            except get_cancelled_exc_class():
                scope.cancel()
                raise

    async def _observed(
        self, call: Callable[..., T], on_event: Callable[[Any], object] | None, name: str = "on_event"
    ) -> T:
        """Run a call and handle its events on the event loop, in order, while the server's code waits.

        Args:
            call: The call.
            on_event: The handler of the caller.
            name: The parameter of the call that takes a handler.
        """
        if on_event is None:
            return await self._run(call)
        from anyio.from_thread import BlockingPortal

        result: T
        async with BlockingPortal() as portal:
            result = await self._run(partial(call, **{name: partial(portal.call, _handled, on_event)}))
        return result

    async def discover(self) -> dict[str, Any]:
        """Discover the server; see `wasmcp.host.Server.discover`."""
        return await self._run(self.sync.discover)

    async def surface(self) -> dict[str, Any]:
        """Return what clients see of the server; see `wasmcp.host.Server.surface`."""
        return await self._run(self.sync.surface)

    async def arguments(self, name: str) -> SearchStrategy[dict[str, Any]]:
        """Return a strategy for the arguments of a tool; see `wasmcp.host.Server.arguments`."""
        return await self._run(partial(self.sync.arguments, name))

    async def list_tools(self) -> list[Tool]:
        """List the tools; see `wasmcp.host.Server.list_tools`."""
        return await self._run(self.sync.list_tools)

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        on_event: OnEvent | None = None,
        progress_token: str | int | None = None,
        timeout: float | None = None,
        answers: Answers | None = None,
        **params: Any,
    ) -> ToolResult:
        """Call a tool; see `wasmcp.host.Server.call_tool`. A handler of `answers` runs on a worker thread."""
        given = {"progress_token": progress_token, "timeout": timeout, "answers": answers, **params}
        return await self._observed(partial(self.sync.call_tool, name, arguments, **given), on_event)

    async def start_task(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        answers: Answers = (),
        **params: Any,
    ) -> AsyncTask:
        """Call a tool whose call becomes a task; see `wasmcp.host.Server.start_task`."""
        call = partial(self.sync.start_task, name, arguments, timeout=timeout, answers=answers, **params)
        return AsyncTask(await self._run(call), self._run)

    async def list_resources(self) -> list[Resource]:
        """List the resources; see `wasmcp.host.Server.list_resources`."""
        return await self._run(self.sync.list_resources)

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """List the resource templates; see `wasmcp.host.Server.list_resource_templates`."""
        return await self._run(self.sync.list_resource_templates)

    async def read_resource(
        self, uri: str, *, timeout: float | None = None, answers: Answers | None = None, **params: Any
    ) -> ResourceResult:
        """Read a resource; see `wasmcp.host.Server.read_resource`."""
        return await self._run(partial(self.sync.read_resource, uri, timeout=timeout, answers=answers, **params))

    async def list_prompts(self) -> list[Prompt]:
        """List the prompts; see `wasmcp.host.Server.list_prompts`."""
        return await self._run(self.sync.list_prompts)

    async def get_prompt(
        self,
        name: str,
        arguments: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
        answers: Answers | None = None,
        **params: Any,
    ) -> PromptResult:
        """Get a prompt; see `wasmcp.host.Server.get_prompt`."""
        call = partial(self.sync.get_prompt, name, arguments, timeout=timeout, answers=answers, **params)
        return await self._run(call)

    async def complete(
        self,
        reference: Mapping[str, str],
        argument: str,
        value: str = "",
        *,
        context: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completion:
        """Complete an argument; see `wasmcp.host.Server.complete`."""
        call = partial(self.sync.complete, reference, argument, value, context=context, timeout=timeout)
        return await self._run(call)

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Send a request; see `wasmcp.host.Server.request`."""
        return await self._observed(partial(self.sync.request, method, params, timeout=timeout), on_event)


class AsyncServer(AsyncClient):
    """A `wasmcp.host.Server` whose calls do not block the event loop; see `AsyncClient`.

    Attributes:
        sync: The server.
    """

    sync: Server

    def __init__(self, server: Server) -> None:
        super().__init__(server)

    def with_token(self, token: str) -> AsyncClient:
        """Return a client whose requests have an access token; see `wasmcp.host.Server.with_token`."""
        return AsyncClient(self.sync.with_token(token))

    @property
    def stderr(self) -> str:
        """The guest's standard error; see `wasmcp.host.Server.stderr`."""
        return self.sync.stderr

    async def reload(
        self, source: str | os.PathLike[str] | bytes, *, development: Mapping[str, str] | None = None
    ) -> None:
        """Replace the server by another version of it; see `wasmcp.host.Server.reload`."""
        await self._run(partial(self.sync.reload, source, development=development))

    async def send(
        self, line: str | bytes, *, on_event: Callable[[str], object] | None = None, timeout: float | None = None
    ) -> str | None:
        """Send a JSON-RPC message; see `wasmcp.host.Server.send`."""
        return await self._observed(partial(self.sync.send, line, timeout=timeout), on_event)

    async def http(
        self,
        method: str,
        target: str = "/mcp",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: str | bytes = b"",
        *,
        on_chunk: Callable[[str], object] | None = None,
        timeout: float | None = None,
    ) -> HttpResponse:
        """Send an HTTP request; see `wasmcp.host.Server.http`."""
        call = partial(self.sync.http, method, target, headers, body, timeout=timeout)
        return await self._observed(call, on_chunk, "on_chunk")


async def _handled(on_event: Callable[[Any], object], event: Any) -> None:
    result = on_event(event)
    if isinstance(result, Awaitable):
        await result
