"""A dynamic component in TypeScript: tools by configuration and by state, in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.projects import project_files, write_project

from wasmcp.errors import ComponentsError, RequestError, ToolchainError
from wasmcp.host import Server, open_server
from wasmcp.project import ensure_built

pytestmark = pytest.mark.slow

GUIDE = (Path(__file__).parents[2] / "docs/guides/dynamic-tools.md").read_text("utf-8")
CODE = GUIDE.split("```ts\n")[1].partition("```")[0]
TABLES = """
[tool.wasmcp.components.files]
source = "ts/files.ts"
dynamic = true
grants = ["middleware", "env"]

[tool.wasmcp.servers.default]
components = ["files"]
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = project_files("files", {"ts/files.ts": CODE}, TABLES)
    return ensure_built(write_project(tmp_path_factory.mktemp("files"), files))


@pytest.fixture
def server(path: Path) -> Iterator[Server]:
    settings = {"folders": json.dumps(["/home"]), "places": json.dumps(["web"])}
    with open_server(path, instances=1, env=settings) as running:
        yield running


def names(server: Server) -> list[str]:
    return [tool.name for tool in server.list_tools()]


def test_tools_follow_configuration_and_state(server: Server) -> None:
    assert names(server) == ["read", "unlock", "search_web"]
    assert server.list_tools()[0].description == "Read a file. Allowed folders: /home"
    assert server.call_tool("search_web", {"words": "a"}).content[0]["text"] == "a in web"
    with pytest.raises(RequestError, match="write"):
        server.call_tool("write", {})
    assert not server.call_tool("unlock", {}).is_error
    assert names(server) == ["read", "unlock", "write", "search_web"]
    assert server.call_tool("write", {}).content[0]["text"] == "written"


def test_list_goes_out_without_the_tools_of_a_component_whose_list_fails(path: Path) -> None:
    with open_server(path, instances=1, env={"places": "secret nonsense"}) as running:
        assert names(running) == []
        with pytest.raises(RequestError, match="Error answering for tool search_web"):
            running.call_tool("search_web", {"words": "a"})
        assert not running.call_tool("unlock", {}).is_error


def test_component_that_is_not_dynamic_is_refused(tmp_path: Path) -> None:
    tables = TABLES.replace("dynamic = true\n", "").replace('"middleware", ', "")
    files = project_files("files", {"ts/files.ts": CODE}, tables)
    with pytest.raises((ToolchainError, ComponentsError), match="tool `read` is made for each request"):
        ensure_built(write_project(tmp_path, files))
