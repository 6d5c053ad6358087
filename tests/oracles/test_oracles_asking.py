"""Server-to-client requests to the official client, in every mode, at every entry point that supports them."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp import Client, MCPError

from oracles.user import ENTRY_POINTS, MODES, User, connected

pytestmark = pytest.mark.slow

# A fresh instance per request cannot receive the client's response: in handshake revisions it is another request.
ASKING = [
    (entry_point, mode)
    for entry_point in ENTRY_POINTS
    for mode in MODES
    if (entry_point, mode) != ("wasmtime serve", "legacy")
]


@pytest.mark.parametrize(("entry_point", "mode"), ASKING)
def test_server_to_client_requests(entry_point: str, mode: str, targets: Any) -> None:
    async def use() -> None:
        user = User()
        async with connected(targets(entry_point), mode, user) as client:

            async def text(name: str, **arguments: Any) -> str:
                result = await client.call_tool(name, arguments)
                assert not result.is_error, result
                return str(result.content[0].text)

            assert "ada@example.com" in await text("test_elicitation", message="Who are you?")
            assert user.asked[-1].requested_schema["properties"]["username"]["type"] == "string"
            await text("test_elicitation_sep1034_defaults")
            assert user.asked[-1].requested_schema["properties"]["age"]["default"] == 30
            assert "accept" in await text("test_elicitation_url")
            assert user.asked[-1].url == "https://example.com/sign-in"
            assert "Paris" in await text("test_sampling", prompt="Where?")
            assert user.asked[-1].max_tokens == 100
            await text("test_sampling_with_tools")
            assert user.asked[-1].tools[0].name == "weather"
            assert await text("test_input_required_result_list_roots") == "Roots: file:///work"
            assert await text("test_input_required_result_elicitation") == "Hello, Ada!"
            assert await text("test_input_required_result_multi_round") == "Ada likes blue"
            assert "1 folders" in await text("test_input_required_result_multiple_inputs")

    anyio.run(use)


@pytest.mark.parametrize(("entry_point", "mode"), ASKING)
def test_client_without_capabilities(entry_point: str, mode: str, targets: Any) -> None:
    async def use() -> None:
        async with Client(targets(entry_point), mode=mode, read_timeout_seconds=60) as client:  # type: ignore[arg-type]
            if mode == "legacy":
                assert (await client.call_tool("test_missing_capability")).is_error
                return
            with pytest.raises(MCPError) as caught:
                await client.call_tool("test_missing_capability")
            assert caught.value.error.code == -32021
            assert "sampling" in caught.value.error.data["requiredCapabilities"]

    anyio.run(use)
