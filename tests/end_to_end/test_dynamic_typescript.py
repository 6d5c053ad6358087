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

GUIDE = (Path(__file__).parents[2] / "docs/guides/dynamic-components.md").read_text("utf-8")
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


def test_resources_and_prompts_follow_configuration_and_state(server: Server) -> None:
    def resources() -> list[str]:
        return [one.uri for one in server.list_resources()]

    locked = resources()
    assert locked in (["place://web"], ["notes://secret", "place://web"])  # another test of this server unlocks it
    assert [one.uri_template for one in server.list_resource_templates()] == ["place://web/{id}"]
    assert server.read_resource("place://web").contents[0]["text"] == "about web"
    assert server.read_resource("place://web/5").contents[0]["text"] == "5 of web"
    with pytest.raises(RequestError):
        server.read_resource("place://mail")
    (visit,) = server.list_prompts()
    assert (visit.name, visit.description) == ("visit_web", "Plan a visit to web.")
    got = server.get_prompt("visit_web", {"day": "today"})
    assert got.messages[0]["content"]["text"] == "Plan a visit to web today."
    assert server.complete({"type": "ref/prompt", "name": "visit_web"}, "day", "tom").values == ["tomorrow"]
    template = {"type": "ref/resource", "uri": "place://web/{id}"}
    assert server.complete(template, "id", "").values == ["1", "2"]
    assert not server.call_tool("unlock", {}).is_error
    assert resources() == ["notes://secret", "place://web"]
    assert server.read_resource("notes://secret").contents[0]["text"] == "xyzzy"


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
