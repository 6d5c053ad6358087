"""App, skill and tasks of the everything server, with the official client in both eras and FastMCP's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastmcp import Client as FastMCPClient
from fastmcp.client.transports import StdioTransport
from fastmcp.skills.client import SkillsClientExtension
from mcp import Client, StdioServerParameters
from support.server_processes import WASMCP, wasmcp_serve
from support.tasks_sdk_client import TasksExtension

from wasmcp.guest.testing import accept
from wasmcp.project import ensure_built
from wasmcp.protocol import APP_MIME_TYPE

pytestmark = pytest.mark.slow

EVERYTHING = Path(__file__).parents[2] / "example-servers" / "everything"
PAGE = "ui://everything/temperatures"
SKILL = "skill://try-a-client/SKILL.md"


@pytest.fixture(scope="module")
def file() -> Path:
    return ensure_built(EVERYTHING)


@pytest.fixture(scope="module", params=["wasmcp run", "wasmcp serve"])
def target(request: pytest.FixtureRequest, file: Path) -> Iterator[StdioServerParameters | str]:
    if request.param == "wasmcp run":
        command, *arguments = [*WASMCP, "run", str(file)]
        yield StdioServerParameters(command=command, args=arguments)
    else:
        with wasmcp_serve(file) as port:
            yield f"http://127.0.0.1:{port}/mcp"


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_app_and_skill_with_the_official_client(target: StdioServerParameters | str, mode: str) -> None:
    async def check() -> None:
        async with Client(target, mode=mode, read_timeout_seconds=60) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert (tools["show_temperatures"].meta or {})["ui"]["resourceUri"] == PAGE
            assert (tools["warmest_day"].meta or {})["ui"] == {"resourceUri": PAGE, "visibility": ["app"]}
            result = await client.call_tool("show_temperatures", {"city": "Oslo"})
            assert result.structured_content == {"Monday": 28.0, "Tuesday": 3.0, "Friday": 8.0}
            (page,) = (await client.read_resource(PAGE)).contents
            assert page.mime_type == APP_MIME_TYPE
            assert "gradient" in getattr(page, "text", "")  # the style sheet is a part of the page
            assert "warmest_day" in getattr(page, "text", "")  # and so is the script
            (skill,) = (await client.read_resource(SKILL)).contents
            assert getattr(skill, "text", "") == (EVERYTHING / "skills/try-a-client/SKILL.md").read_text("utf-8")

    anyio.run(check)


def test_app_and_skill_with_the_client_of_fastmcp(target: StdioServerParameters | str, tmp_path: Path) -> None:
    async def check() -> None:
        transport: Any = target if isinstance(target, str) else StdioTransport(target.command, target.args)
        async with FastMCPClient(transport, extensions=[SkillsClientExtension()]) as client:
            assert [skill.uri for skill in await client.list_skills()] == [SKILL]
            (await client.read_skill(SKILL)).to_directory(tmp_path / "try-a-client")
            (page,) = await client.read_resource(PAGE)
            assert page.mime_type == APP_MIME_TYPE

    anyio.run(check)
    kept = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.md")}
    assert kept == {Path("try-a-client/SKILL.md"), Path("try-a-client/references/features.md")}


def test_task_with_the_official_client(target: StdioServerParameters | str) -> None:
    async def check() -> None:
        extension = TasksExtension(accept(confirm=True, name="Ada"))
        async with Client(target, mode="2026-07-28", extensions=[extension], read_timeout_seconds=60) as client:
            result = await client.call_tool("slow_compute", {"seconds": 0.6, "label": "sum"})
            assert getattr(result.content[0], "text", "") == "sum: computed for 0.6 seconds"
            assert (extension.states[0], extension.states[-1]) == ("working", "completed")
            assert (await client.call_tool("failing_job", {})).is_error

    anyio.run(check)
