"""The same server for tests that are coroutines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wasmcp.host import (
        Completion,
        Prompt,
        PromptResult,
        Resource,
        ResourceResult,
        ResourceTemplate,
        Server,
        Tool,
        ToolResult,
    )

T = TypeVar("T")


class AsyncServer:
    """A `wasmcp.host.Server` whose calls do not block the event loop, asyncio's or trio's.

    Each call runs in a worker thread; calls in progress at once share the server's pool of instances.
    """

    def __init__(self, server: Server) -> None:
        self.sync = server

    async def _run(self, call: Callable[[], T]) -> T:
        from anyio import to_thread

        return await to_thread.run_sync(call)

    async def list_tools(self) -> list[Tool]:
        """See `wasmcp.host.Server.list_tools`."""
        return await self._run(self.sync.list_tools)

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> ToolResult:
        """See `wasmcp.host.Server.call_tool`."""
        return await self._run(partial(self.sync.call_tool, name, arguments))

    async def list_resources(self) -> list[Resource]:
        """See `wasmcp.host.Server.list_resources`."""
        return await self._run(self.sync.list_resources)

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """See `wasmcp.host.Server.list_resource_templates`."""
        return await self._run(self.sync.list_resource_templates)

    async def read_resource(self, uri: str) -> ResourceResult:
        """See `wasmcp.host.Server.read_resource`."""
        return await self._run(partial(self.sync.read_resource, uri))

    async def list_prompts(self) -> list[Prompt]:
        """See `wasmcp.host.Server.list_prompts`."""
        return await self._run(self.sync.list_prompts)

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> PromptResult:
        """See `wasmcp.host.Server.get_prompt`."""
        return await self._run(partial(self.sync.get_prompt, name, arguments))

    async def complete(
        self,
        reference: Mapping[str, str],
        argument: str,
        value: str = "",
        *,
        context: Mapping[str, str] | None = None,
    ) -> Completion:
        """See `wasmcp.host.Server.complete`."""
        return await self._run(partial(self.sync.complete, reference, argument, value, context=context))

    async def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """See `wasmcp.host.Server.request`."""
        return await self._run(partial(self.sync.request, method, params))

    async def send(self, line: str) -> str | None:
        """See `wasmcp.host.Server.send`."""
        return await self._run(partial(self.sync.send, line))
