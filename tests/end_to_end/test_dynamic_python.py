"""A dynamic component in Python: the examples of the guide, with the official client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import ResourceTemplateReference
from support.projects import project_files, write_project
from support.server_processes import WASMCP

from wasmcp.project import ensure_built

pytestmark = pytest.mark.slow

GUIDE = (Path(__file__).parents[2] / "docs/guides/dynamic-components.md").read_text("utf-8")
TABLES = """
[tool.wasmcp.components.files]
source = "src/files/tools.py"
dynamic = true
grants = ["middleware", "sessions", "env", "fs"]

[tool.wasmcp.servers.default]
components = ["files"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert TABLES.strip().startswith(GUIDE.split("```toml\n")[1].partition("```")[0].strip())
    blocks = [block.partition("```")[0] for block in GUIDE.split("```python\n")[1:]]
    code = "\n".join(blocks[:3])
    files = project_files("files", {"src/files/tools.py": code}, TABLES)
    return ensure_built(write_project(tmp_path_factory.mktemp("files"), files))


def connect(server: Path, settings: dict[str, str]) -> StdioServerParameters:
    """Return the command of the server, with settings in its environment."""
    given = [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
    return StdioServerParameters(command=WASMCP[0], args=[*WASMCP[1:], "run", str(server), *given])


def test_tools_follow_configuration_and_session(server: Path) -> None:
    settings = {"folders": json.dumps(["/home"]), "places": json.dumps(["web", "mail"])}

    async def use() -> None:
        changed = anyio.Event()

        async def heard(message: Any) -> None:
            if "list_changed" in str(getattr(message, "method", getattr(getattr(message, "root", None), "method", ""))):
                changed.set()

        async with (
            stdio_client(connect(server, settings)) as (read, write),
            ClientSession(read, write, message_handler=heard) as session,
        ):
            about = await session.initialize()
            assert about.capabilities.tools is not None
            assert about.capabilities.tools.list_changed
            tools = {tool.name: tool.description for tool in (await session.list_tools()).tools}
            assert list(tools) == ["read", "unlock", "open_project", "add_one", "search_web", "search_mail"]
            assert tools["read"] == "Read a file. Allowed folders: /home"
            assert tools["search_web"] == "Search web."
            found = await session.call_tool("search_mail", {"words": "bill"})
            assert found.structured_content == {"result": "bill in mail"}
            with pytest.raises(MCPError, match="write"):
                await session.call_tool("write", {"path": "a", "text": "b"})
            with anyio.fail_after(60):
                assert (await session.call_tool("unlock", {"code": "1234"})).structured_content == {
                    "result": "unlocked"
                }
                await changed.wait()
            assert "write" in [tool.name for tool in (await session.list_tools()).tools]
            assert (await session.call_tool("write", {"path": "/a", "text": "b"})).is_error  # without the grant `fs`

    anyio.run(use)


def test_list_goes_out_without_the_tools_of_a_component_whose_list_fails(server: Path) -> None:
    async def use() -> None:
        async with (
            stdio_client(connect(server, {"places": "secret nonsense"})) as (read, write),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            for _ in range(2):
                assert (await session.list_tools()).tools == []
                with pytest.raises(MCPError, match="Error answering for list of tools") as caught:
                    await session.call_tool("search_web", {"words": "a"})
                assert "secret" not in str(caught.value)
            assert (await session.call_tool("unlock", {"code": "0"})).structured_content == {"result": "not unlocked"}

    anyio.run(use)


def test_resources_and_prompts_follow_configuration_and_session(server: Path) -> None:
    settings = {"shelves": json.dumps(["a", "b"]), "styles": json.dumps(["plain"])}

    async def use() -> None:
        changed: dict[str, anyio.Event] = {kind: anyio.Event() for kind in ("resources", "prompts", "tools")}

        async def heard(message: Any) -> None:
            method = str(getattr(message, "method", getattr(getattr(message, "root", None), "method", "")))
            for kind, event in changed.items():
                if method == f"notifications/{kind}/list_changed":
                    event.set()

        async def resources() -> list[str]:
            return [str(one.uri) for one in (await session.list_resources()).resources]

        async def prompts() -> list[str]:
            return [one.name for one in (await session.list_prompts()).prompts]

        async def read(uri: str) -> Any:
            return (await session.read_resource(uri)).contents[0]

        async with (
            stdio_client(connect(server, settings)) as (reading, writing),
            ClientSession(reading, writing, message_handler=heard) as session,
        ):
            about = (await session.initialize()).capabilities
            assert about.resources is not None
            assert about.resources.list_changed
            assert about.prompts is not None
            assert about.prompts.list_changed
            assert await resources() == ["shelf://a", "shelf://b"]
            templates = (await session.list_resource_templates()).resource_templates
            assert [one.uri_template for one in templates] == ["shelf://a/{title}", "shelf://b/{title}"]
            assert await prompts() == ["rewrite_plain"]
            assert (await read("shelf://b")).text == "the shelf b"
            assert (await read("shelf://b/Emma")).text == "Emma of b"
            got = await session.get_prompt("rewrite_plain", {"text": "x"})
            assert got.messages[0].content.text == "Rewrite in the style plain: x"  # type: ignore[union-attr]
            completed = await session.complete(
                ResourceTemplateReference(type="ref/resource", uri="shelf://a/{title}"), {"name": "title", "value": "P"}
            )
            assert completed.completion.values == ["Persuasion"]
            for refused in (read("project://current"), read("shelf://c"), session.get_prompt("review", {"part": "p"})):
                with pytest.raises(MCPError):
                    await refused
            with anyio.fail_after(60):
                assert not (await session.call_tool("open_project", {"name": "tea"})).is_error
                await changed["resources"].wait()
                await changed["prompts"].wait()
                assert not (await session.call_tool("add_one", {})).is_error
                await changed["tools"].wait()
            assert await resources() == ["project://current", "shelf://a", "shelf://b"]
            assert (await read("project://current")).text == "tea"
            assert await prompts() == ["review", "rewrite_plain"]
            assert (await session.call_tool("later", {})).structured_content == {"result": 7}

    anyio.run(use)


def test_other_lists_go_out_without_the_entries_of_a_component_whose_list_fails(server: Path) -> None:
    async def use() -> None:
        async with (
            stdio_client(connect(server, {"shelves": "secret nonsense", "styles": "secret"})) as (reading, writing),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            assert (await session.list_resources()).resources == []
            assert (await session.list_resource_templates()).resource_templates == []
            assert (await session.list_prompts()).prompts == []
            for refused in (session.read_resource("shelf://a"), session.get_prompt("rewrite_plain", {"text": "x"})):
                with pytest.raises(MCPError, match="Error answering for list of") as caught:
                    await refused
                assert "secret" not in str(caught.value)
            assert (await session.call_tool("unlock", {"code": "0"})).structured_content == {"result": "not unlocked"}

    anyio.run(use)
