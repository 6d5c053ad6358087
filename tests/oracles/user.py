"""The official client, with a user who answers every server-to-client request."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import mcp_types as types
from mcp import Client, StdioServerParameters

MODES = ["auto", "legacy"]
ENTRY_POINTS = ["wasmcp run", "wasmcp serve", "wasmtime run", "wasmtime serve"]


class User:
    """Handlers of server-to-client requests and notifications."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.logged: list[Any] = []
        self.told: list[Any] = []

    async def elicit(self, _context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.asked.append(params)
        if params.mode == "url":
            return types.ElicitResult(action="accept")
        content: dict[str, Any] = {"username": "ada", "email": "ada@example.com"}
        if "step1" in params.message or "name" in params.message:
            content = {"name": "Ada"}
        if "color" in params.message:
            content = {"color": "blue"}
        if "form fields" in params.message or "choose" in params.message:
            content = {}
        if "Who" in params.message:
            content = {"username": "ada", "email": "ada@example.com"}
        return types.ElicitResult(action="accept", content=content)

    async def sample(self, _context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        self.asked.append(params)
        answer = types.TextContent(type="text", text="Paris")
        return types.CreateMessageResult(role="assistant", content=answer, model="none", stop_reason="endTurn")

    async def roots(self, _context: Any) -> types.ListRootsResult:
        self.asked.append("roots")
        return types.ListRootsResult(roots=[types.Root(uri="file:///work", name="work")])

    async def log(self, params: types.LoggingMessageNotificationParams) -> None:
        self.logged.append(params)

    async def message(self, message: Any) -> None:
        self.told.append(message)


@contextlib.asynccontextmanager
async def connected(target: StdioServerParameters | str, mode: str, user: User) -> AsyncIterator[Client]:
    async with Client(
        target,
        mode=mode,  # type: ignore[arg-type]
        read_timeout_seconds=60,
        elicitation_callback=user.elicit,
        sampling_callback=user.sample,
        sampling_capabilities=types.SamplingCapability(tools=types.SamplingToolsCapability()),
        list_roots_callback=user.roots,
        logging_callback=user.log,
        log_level="info" if mode != "legacy" else None,
        message_handler=user.message,
    ) as client:
        yield client
