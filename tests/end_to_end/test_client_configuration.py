"""Guides of clients' configuration and of console scripts: their examples start a server, which answers a client."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner
from mcp import Client, StdioServerParameters
from support.projects import project_files, write_project
from support.server_processes import wasmcp_serve

from wasmcp.cli.group import commands as wasmcp_commands
from wasmcp.project import ensure_built

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
CLIENTS = (GUIDES / "client-configuration.md").read_text("utf-8")
SCRIPTS = (GUIDES / "console-scripts.md").read_text("utf-8")
SOURCE = """\
const mcp = @import("wasmcp");

pub const tools = .{mcp.tool("variable", "Read a variable.", variable)};

fn variable(args: struct { name: []const u8 }) !?[]const u8 {
    return mcp.config.environment(args.name);
}
"""
TABLES = """
[tool.wasmcp.components.tools]
source = "zig/tools.zig"
grants = ["env"]

[tool.wasmcp.servers.default]
components = ["tools"]

"""


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def declaration() -> str:
    """Return the table of the server's variables in the guide of console scripts."""
    (table,) = [text for text in blocks(SCRIPTS, "toml") if text.startswith("[tool.wasmcp.servers.default.env]")]
    return table


def entries() -> list[tuple[str, dict[str, Any]]]:
    """Return the entries of all servers in the guide's JSON, each with the client's heading."""
    found = []
    for section in CLIENTS.split("\n## ")[1:]:
        for text in blocks(section, "json"):
            document = json.loads(text)
            servers = document.get("mcpServers") or document["servers"]
            found += [(section.partition("\n")[0], entry) for entry in servers.values()]
    return found


def commands() -> list[tuple[list[str], dict[str, Any]]]:
    """Return the arguments of each command of the guide that prints an entry, and the entry under it."""
    pairs = re.findall(r"```console\n\$ wasmcp ([^\n]*)\n```\n\n```json\n(.*?)```", CLIENTS, flags=re.DOTALL)
    return [(shlex.split(command), json.loads(text)) for command, text in pairs]


ENTRIES = entries()
COMMANDS = commands()


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project `weather`, built, with the scripts of the guides in `bin`."""
    root = tmp_path_factory.mktemp("weather")
    files = project_files("weather", {"zig/tools.zig": SOURCE}, TABLES + declaration())
    code = blocks(SCRIPTS, "python")[0]
    write_project(root, {**files, "src/weather/server.py": code})
    ensure_built(root)
    binaries = root / "bin"
    binaries.mkdir()
    script = f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(root / 'src')!r})\n"
    programs = {
        "weather": f"{script}from weather.server import main\nmain()\n",
        "wasmcp": f"{script}from wasmcp.__main__ import main\nmain()\n",
        "uvx": '#!/bin/sh\nprogram="$1"\nshift\nexec "$(dirname "$0")/$program" "$@"\n',
    }
    for name, text in programs.items():
        (binaries / name).write_text(text, "utf-8")
        (binaries / name).chmod(0o755)
    return root


def environment(weather: Path, **variables: str) -> dict[str, str]:
    """Return an environment without variables of the test's own, except the cache."""
    kept = {"WASMCP_CACHE_DIR": os.environ["WASMCP_CACHE_DIR"], "PATH": f"{weather / 'bin'}:/usr/bin:/bin"}
    return {**kept, **variables}


def asked(server: Any, *names: str) -> list[Any]:
    """Return the values of variables, through the official client."""

    async def session() -> list[Any]:
        async with Client(server, read_timeout_seconds=120) as client:
            return [(await client.call_tool("variable", {"name": name})).structured_content for name in names]

    return anyio.run(session)


def test_every_entry_of_the_guide_has_its_command() -> None:
    assert len(COMMANDS) == len(ENTRIES)


@pytest.mark.parametrize(("command", "document"), COMMANDS, ids=[" ".join(command) for command, _ in COMMANDS])
def test_command_prints_the_entry_of_the_guide(
    weather: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], document: dict[str, Any]
) -> None:
    monkeypatch.chdir(weather)
    done = CliRunner().invoke(wasmcp_commands, command)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == document


def test_each_client_has_an_entry_for_each_kind_of_server() -> None:
    kinds: dict[str, set[str]] = {}
    for client, entry in ENTRIES:
        kinds.setdefault(client, set()).add("url" if "url" in entry else entry["command"].rpartition("/")[2])
    assert kinds == {
        "Claude Desktop": {"uvx", "weather"},
        "Claude Code": {"uvx", "url"},
        "VS Code": {"uvx", "url"},
        "Cursor": {"uvx", "url"},
    }


@pytest.mark.parametrize(("client", "entry"), [one for one in ENTRIES if "command" in one[1]])
def test_entry_with_a_command_starts_the_server(weather: Path, client: str, entry: dict[str, Any]) -> None:
    places = {"/home/ada/.venv/bin/weather": "bin/weather", "/home/ada/server.wasm": "src/weather/_wasmcp/default.wasm"}

    def place(text: str) -> str:
        return str(weather / places[text]) if text in places else text

    # Clients replace these by a value that they have; the server gets the value.
    given = {name: re.sub(r"\$\{(?:input:|env:)?[\w-]+\}", "key", value) for name, value in entry["env"].items()}
    command = place(entry["command"])
    server = StdioServerParameters(
        command=str(weather / "bin" / command) if "/" not in command else command,
        args=[place(text) for text in entry["args"]] if "args" in entry else [],
        env=environment(weather, **given),
    )
    assert asked(server, "API_KEY") == [{"result": given["API_KEY"]}]


def test_entries_with_a_url_name_the_endpoint(weather: Path) -> None:
    urls = {entry["url"] for _, entry in ENTRIES if "url" in entry}
    assert urls == {"http://127.0.0.1:8000/mcp"}
    with wasmcp_serve(weather / "src/weather/_wasmcp/default.wasm", "--env", "API_KEY=key") as port:
        assert asked(urls.pop().replace("8000", str(port)), "API_KEY") == [{"result": "key"}]


def test_script_gets_declared_variables_alone(weather: Path) -> None:
    server = StdioServerParameters(command=str(weather / "bin/weather"), env=environment(weather, API_KEY="a", B="b"))
    assert asked(server, "API_KEY", "UNITS", "B") == [{"result": "a"}, {"result": "metric"}, {"result": None}]
    server.args = ["--env", "API_KEY=other", "--timeout", "10"]
    assert asked(server, "API_KEY") == [{"result": "other"}]


def test_script_without_a_required_variable_ends_with_its_name(weather: Path) -> None:
    command = ["env", "-i", *(f"{key}={value}" for key, value in environment(weather).items()), "weather"]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "API_KEY" in done.stderr
    assert done.stdout == ""
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "API_KEY" in done.stdout


def test_other_script_of_the_guide_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    import wasmcp.host

    given: list[Any] = []
    monkeypatch.setattr(wasmcp.host, "run", lambda *values, **named: given.append((values, named)), raising=False)
    for code in blocks(SCRIPTS, "python"):
        names: dict[str, Any] = {}
        exec(code, names)  # noqa: S102 - our own page
        names["main"]()
    assert [values for values, _ in given] == [("weather",), ("weather",)]
    assert given[1][1]["limits"].timeout == 5


def test_arguments_of_the_guide_are_those_of_the_function() -> None:
    from inspect import signature

    from wasmcp.host.transports.stdio_server import run

    table = SCRIPTS.partition("| argument |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == list(signature(run).parameters)
