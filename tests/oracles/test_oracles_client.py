"""The official client with all capabilities of a server, in every mode, at every entry point."""

from __future__ import annotations

import json
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import MCPError
from pydantic import AnyUrl

from oracles.user import ENTRY_POINTS, MODES, User, connected

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_capabilities(entry_point: str, mode: str, targets: Any) -> None:
    async def use() -> None:
        async with connected(targets(entry_point), mode, User()) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert tools["test_simple_text"].title == "Simple text"
            assert tools["test_simple_text"].icons[0].sizes == ["48x48"]
            kinds = {
                "test_image_content": types.ImageContent,
                "test_audio_content": types.AudioContent,
                "test_embedded_resource": types.EmbeddedResource,
                "test_resource_link": types.ResourceLink,
            }
            for name, kind in kinds.items():
                assert isinstance((await client.call_tool(name)).content[0], kind)
            structured = await client.call_tool("test_structured_content")
            assert structured.structured_content == {"values": [1, "two"]}
            assert (await client.call_tool("test_error_handling")).is_error
            with pytest.raises(MCPError, match="nope"):
                await client.call_tool("nope")

            resources = {resource.uri: resource for resource in (await client.list_resources()).resources}
            assert resources["test://static-text"].annotations.priority == 0.8
            for uri in resources:
                # Releases before 2 send the normal form of `AnyUrl` for a listed URI.
                assert (await client.read_resource(str(AnyUrl(uri)))).contents
            text = (await client.read_resource("test://static-text")).contents[0]
            assert isinstance(text, types.TextResourceContents)
            blob = (await client.read_resource("test://static-binary")).contents[0]
            assert isinstance(blob, types.BlobResourceContents)
            templates = (await client.list_resource_templates()).resource_templates
            assert "test://template/{id}/data" in [template.uri_template for template in templates]
            filled = (await client.read_resource("test://template/7/data")).contents[0]
            assert json.loads(filled.text)["id"] == "7"
            with pytest.raises(MCPError):
                await client.read_resource("test://nope")

            prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
            assert [a.name for a in prompts["test_prompt_with_arguments"].arguments] == ["arg1", "arg2"]
            got = await client.get_prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "b"})
            assert got.messages[0].content.text == "Prompt with arguments: arg1='a', arg2='b'"

            reference = types.PromptReference(type="ref/prompt", name="test_prompt_with_arguments")
            cities = await client.complete(reference, {"name": "arg1", "value": "par"})
            assert cities.completion.values == ["paris", "park city", "parma"]
            second = await client.complete(reference, {"name": "arg2", "value": "x"}, {"arg1": "paris"})
            assert second.completion.values == ["paris x"]
            template = types.ResourceTemplateReference(type="ref/resource", uri="test://files/{+path}{?line}")
            paths = await client.complete(template, {"name": "path", "value": "src/"})
            assert paths.completion.values == ["src/main.py", "src/test.py"]

    anyio.run(use)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_progress_and_logs(entry_point: str, mode: str, targets: Any) -> None:
    async def use() -> None:
        user = User()
        progress: list[tuple[float, float | None, str | None]] = []

        async def on_progress(done: float, total: float | None, message: str | None) -> None:
            progress.append((done, total, message))

        async with connected(targets(entry_point), mode, user) as client:
            if mode == "legacy":
                await client.set_logging_level("info")
            await client.call_tool("test_tool_with_progress", progress_callback=on_progress)
            assert [done for done, _, _ in progress] == [0, 50, 100]
            await client.call_tool("test_tool_with_logging")
            assert [entry.data for entry in user.logged][:1] == ["Tool execution started"]
            assert len(user.logged) == 3

    anyio.run(use)
