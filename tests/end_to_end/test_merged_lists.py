"""A component in Python and one in Zig as one server: their merged lists."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from support.projects import write_project

from wasmcp.host import open_server
from wasmcp.package_data import wit_directory
from wasmcp.project import ensure_built
from wasmcp.toolchains.zig import build_component

pytestmark = pytest.mark.slow

LIBRARY = Path(__file__).parents[1] / "framework" / "chain" / "library.zig"
NOTES = '''
from wasmcp.guest import completion, prompt, resource


@resource("notes://all")
def every() -> str:
    """All notes."""
    return "Buy tea"


@resource("notes://{number}")
def note(number: int) -> str:
    """One note."""
    return f"note {number}"


@prompt
def ask(topic: str) -> str:
    """Ask about something."""
    return f"What about {topic}?"


@completion("ask", "topic")
def topics(value: str) -> list[str]:
    return [word for word in ("tea", "time") if word.startswith(value)]
'''
PYPROJECT = """\
[project]
name = "merged"
version = "1"

[tool.wasmcp.components.notes]
source = "src/merged/notes.py"

[tool.wasmcp.components.library]
path = "vendor/library.wasm"

[tool.wasmcp.servers.default]
components = ["notes", "library"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built server."""
    root = tmp_path_factory.mktemp("merged")
    write_project(root, {"pyproject.toml": PYPROJECT, "src/merged/__init__.py": "", "src/merged/notes.py": NOTES})
    (root / "vendor").mkdir()
    build_component(LIBRARY, wit_directory(), "component", root / "vendor/library.wasm")
    return ensure_built(root)


def test_merged_lists_and_their_owners(server: Path) -> None:
    with open_server(server, instances=1) as running:
        assert set(running.discover()["capabilities"]) >= {"tools", "resources", "prompts", "completions"}
        assert [tool.name for tool in running.list_tools()] == ["blocks"]
        assert [found.uri for found in running.list_resources()] == ["notes://all", "lib:text", "lib:bytes"]
        templates = [template.uri_template for template in running.list_resource_templates()]
        assert templates == ["notes://{number}", "lib:page/{number}"]
        assert [prompt.name for prompt in running.list_prompts()] == ["ask", "greet", "blocks"]
        assert running.read_resource("notes://all").text == "Buy tea"
        assert running.read_resource("notes://7").text == "note 7"
        assert running.read_resource("lib:page/7").text == "7"
        assert running.get_prompt("ask", {"topic": "tea"}).text == "What about tea?"
        assert running.get_prompt("greet", {"who": "you"}).text == '{"who":"you"}'
        assert running.complete({"type": "ref/prompt", "name": "ask"}, "topic", "te").values == ["tea"]
        assert running.complete({"type": "ref/prompt", "name": "greet"}, "how", "x").values == ["x"]


def test_manifest_has_all_lists(server: Path) -> None:
    manifest = json.loads(server.with_name("manifest.json").read_text("utf-8"))
    catalogue = manifest["servers"]["default"]["catalogue"]
    assert [prompt["name"] for prompt in catalogue["prompts"]] == ["ask", "greet", "blocks"]
    assert [resource["uri"] for resource in catalogue["resources"]] == ["notes://all", "lib:text", "lib:bytes"]
    assert len(catalogue["templates"]) == 2
    # A Python component that completes anything answers for all it has.
    assert len(catalogue["completions"]) == 4


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_official_client_reads_the_merged_server(server: Path, mode: str) -> None:
    async def main() -> None:
        command = StdioServerParameters(command=sys.executable, args=["-m", "wasmcp", "run", str(server)])
        async with Client(command, mode=mode, read_timeout_seconds=60) as client:
            listed = [str(found.uri) for found in (await client.list_resources()).resources]
            assert listed == ["notes://all", "lib:text", "lib:bytes"]
            assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["ask", "greet", "blocks"]
            read = await client.read_resource("lib:page/3")
            assert read.contents[0].model_dump()["text"] == "3"

    anyio.run(main)
