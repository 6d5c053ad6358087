"""The guide of policies: its rules, commands and table of cases, as they are documented."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.compose_inputs import METADATA, notes_component, tool, tools_component

from wasmcp.cli.group import commands
from wasmcp.compose import Catalogue, ComponentSpec, compose_server
from wasmcp.project.config import parse

GUIDE = (Path(__file__).parent.parent.parent / "docs/guides/policy.md").read_text("utf-8")
SERVER = Path("src/example/_wasmcp/default.wasm")
TOOLS = ("search", "list_notes", "admin_stop", "export")
NOTES = Catalogue(resources=tuple({"uri": f"notes://{name}", "name": name} for name in ("all", "private/1")))


def block(language: str, words: str) -> str:
    """Return the block of a language that has these words."""
    (found,) = (text for text in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL) if words in text)
    return str(found)


def written_server() -> None:
    """Write a server with the rules of the guide to the path that the guide names."""
    tables = tomllib.loads(block("toml", "policy.tools"))["tool"]["wasmcp"]
    tables |= {"package": "src/example", "components": {"notes": {"path": "notes.wasm"}}}
    document = {"project": {"name": "example", "version": "1"}, "tool": {"wasmcp": tables}}
    SERVER.parent.mkdir(parents=True)
    server = parse(document, Path.cwd(), check_files=False).servers["default"]
    tools = Catalogue((*(tool(name) for name in TOOLS), tool("reindex", _meta={"fastmcp": {"tags": ["slow"]}})))
    parts = [
        ComponentSpec("notes", tools_component("called"), tools),
        ComponentSpec("texts", notes_component(), NOTES),
    ]
    compose_server(parts, METADATA, access=server.access, auth=server.auth).write(SERVER)


@pytest.mark.parametrize("command", ["wasmcp policy show", "wasmcp policy test"])
def test_commands_print_the_output_of_the_guide(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written_server()
    Path("policy-cases.toml").write_text(block("toml", "[[case]]"))
    typed, _, output = block("console", command).partition("\n")
    done = CliRunner().invoke(commands, typed.removeprefix("$ wasmcp ").split())
    assert done.exit_code == 0, done.output
    assert done.output == output
