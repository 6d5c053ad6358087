"""App and skill of the everything server, with the official client in both eras and FastMCP's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from fastmcp import Client as FastMCPClient
from fastmcp.skills.client import SkillsClientExtension
from mcp import Client
from support.server_processes import wasmcp_serve

from wasmcp.project import ensure_built
from wasmcp.protocol import APP_MIME_TYPE

pytestmark = pytest.mark.slow

EVERYTHING = Path(__file__).parents[2] / "example-servers" / "everything"
PAGE = "ui://everything/temperatures"
SKILL = "skill://try-a-client/SKILL.md"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with wasmcp_serve(ensure_built(EVERYTHING)) as port:
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_official_client(url: str, mode: str) -> None:
    async def check() -> None:
        async with Client(url, mode=mode, read_timeout_seconds=60) as client:
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


def test_client_of_fastmcp(url: str, tmp_path: Path) -> None:
    async def check() -> None:
        async with FastMCPClient(url, extensions=[SkillsClientExtension()]) as client:
            assert [skill.uri for skill in await client.list_skills()] == [SKILL]
            (await client.read_skill(SKILL)).to_directory(tmp_path / "try-a-client")
            (page,) = await client.read_resource(PAGE)
            assert page.mime_type == APP_MIME_TYPE

    anyio.run(check)
    kept = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.md")}
    assert kept == {Path("try-a-client/SKILL.md"), Path("try-a-client/references/features.md")}
