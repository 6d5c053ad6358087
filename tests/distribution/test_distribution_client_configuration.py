"""`wasmcp client-config`: entries of clients, and their installation in files that others wrote."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.projects import project_files, write_project

from wasmcp.cli.group import commands
from wasmcp.distribution.client_configuration import CLIENTS, client_file

TABLES = """
[tool.wasmcp.components.tools]
path = "vendor/tools.wasm"
grants = ["env", "fs"]

[tool.wasmcp.servers.default]
components = ["tools"]

[tool.wasmcp.servers.default.env]
API_KEY = { description = "Key", required = true, secret = true }
UNITS = { description = "Units", choices = ["metric", "imperial"] }

[tool.wasmcp.servers.default.directories]
"/maps" = { description = "Maps", required = true }
"/notes" = { env = "NOTES_DIR" }
"""
EXISTING = """\
{
  // servers of the team
  "servers": {
    "other": { "type": "http", "url": "https://other.example/mcp" }, // keep
  }
}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project with declared values, as the current one."""
    root = tmp_path / "weather"
    write_project(root, {**project_files("weather", {"vendor/tools.wasm": ""}, TABLES)})
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return root


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(commands, ["client-config", *arguments])
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else " ".join(done.output.split())


def entry(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments))
    servers = document.get("servers") or document["mcpServers"]
    (found,) = servers.values()
    return dict(found)


def test_declared_values_are_placeholders_of_the_client(project: Path) -> None:
    assert entry("cursor", "weather") == {
        "command": "uvx",
        "args": ["weather", "--dir", "${env:MAPS}:/maps"],
        "env": {"API_KEY": "${env:API_KEY}"},
    }
    assert entry("claude-code", "weather@1.2", "--env", "UNITS", "--dir", f"{project}:/maps:ro") == {
        "type": "stdio",
        "command": "uvx",
        "args": ["weather@1.2", "--dir", f"{project}:/maps:ro"],
        "env": {"API_KEY": "${API_KEY}", "UNITS": "${UNITS}"},
    }
    document = json.loads(run("vscode", "weather", "--env", "UNITS", "--env", "NOTES_DIR"))
    assert document["inputs"] == [
        {"type": "promptString", "id": "maps", "description": "Maps"},
        {"type": "promptString", "id": "api-key", "description": "Key", "password": True},
        {"type": "pickString", "id": "units", "description": "Units", "options": ["metric", "imperial"]},
        {"type": "promptString", "id": "notes-dir", "description": "NOTES_DIR"},
    ]
    assert entry("claude", "weather")["env"] == {"API_KEY": "<API_KEY>"}


def test_header_of_a_url() -> None:
    assert entry("vscode", "https://a.example/mcp", "--header", "Authorization=Bearer ${input:token}") == {
        "type": "http",
        "url": "https://a.example/mcp",
        "headers": {"Authorization": "Bearer ${input:token}"},
    }


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["cursor", "weather", "--env", "UNIT"], "`--env UNIT`: the server declares no such variable"),
        (["cursor", "other", "--env", "a b"], "`--env a b`: not a name of an environment variable"),
        (["cursor", "a b"], "`a b` is not a package"),
        (["cursor", "other", "--dir", "x"], "`--dir x` must be HOST:GUEST or HOST:GUEST:ro"),
        (["cursor", "other", "--header", "a=b"], "`--header a` is for URLs"),
        (["cursor", "https://a.example", "--env", "A"], "`--env A` is for servers that the client starts"),
        (["cursor", "https://u:secret@a.example"], "credentials belong in `--header`"),
        (["claude", "https://a.example"], "Claude Desktop has no entries for URLs"),
        (["claude", "other", "--install", "--scope", "project"], "Claude Desktop has no configuration of a project"),
        (["cursor", "./x.wasm", "--install"], "weather/x.wasm` is not a file: build the server, or correct the path"),
        (["vscode", "bin/x", "--install"], "weather/bin/x` is not a file: install the package of the script, or"),
    ],
)
def test_wrong_uses_are_refused(project: Path, arguments: list[str], problem: str) -> None:
    output = run(*arguments, code=1)
    assert problem in output
    assert "secret" not in output


def test_relative_path_is_absolute_in_the_entry(project: Path) -> None:
    file = project / "server.wasm"
    file.write_bytes(b"")
    added = {"command": "uvx", "args": ["wasmcp", "run", str(file.resolve())]}
    for given in ("server.wasm", "./server.wasm", f"../{project.name}/server.wasm"):
        assert entry("cursor", given) == added
    run("cursor", "server.wasm", "--install")
    assert json.loads((project / ".cursor/mcp.json").read_text())["mcpServers"] == {"server": added}


def test_entry_is_added_to_a_file_with_comments(project: Path) -> None:
    file = project / ".vscode/mcp.json"
    file.parent.mkdir()
    file.write_text(EXISTING)
    file.chmod(0o640)
    output = run("vscode", "https://a.example/mcp", "--name", "new", "--install")
    added = '    "new": {\n      "type": "http",\n      "url": "https://a.example/mcp"\n    },\n'
    assert file.read_text() == EXISTING.replace("// keep\n", f"// keep\n{added}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    backup = project / ".vscode/mcp.json.bak"
    assert backup.read_text() == EXISTING
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert str(backup) in output
    assert "already has this entry" in run("vscode", "https://a.example/mcp", "--name", "new", "--install")
    assert "has another server `new`" in run("vscode", "https://b.example", "--name", "new", "--install", code=1)
    run("vscode", "https://b.example", "--name", "new", "--install", "--force")
    assert "https://b.example" in file.read_text()
    assert {path.name for path in file.parent.iterdir()} == {"mcp.json", "mcp.json.bak", "mcp.json.bak1"}


def test_inputs_are_declared_once(project: Path) -> None:
    run("vscode", "weather", "--install")
    run("vscode", "weather", "--install", "--name", "again")
    document = json.loads((project / ".vscode/mcp.json").read_text())
    assert [one["id"] for one in document["inputs"]] == ["maps", "api-key"]
    assert document["servers"].keys() == {"weather", "again"}


def test_new_file_can_be_read_by_its_owner_alone(project: Path, tmp_path: Path) -> None:
    values = ("--env", "API_KEY=secret", "--dir", f"{tmp_path}:/maps")
    run("claude", "weather", *values, "--install")
    file = client_file(CLIENTS["claude"], None)
    assert file.is_relative_to(tmp_path / "home")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["mcpServers"]["weather"]["env"] == {"API_KEY": "secret"}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_missing_values_and_broken_files_change_nothing(project: Path, tmp_path: Path) -> None:
    output = run("claude", "weather", "--install", code=1)
    assert "`API_KEY` needs a value" in output
    assert "`/maps` needs a value" in output
    assert not (tmp_path / "home").exists()
    file = tmp_path / "broken.json"
    for text in ('{"mcpServers": {', "[]", '{"mcpServers": []}', "\xff"):
        file.write_bytes(text.encode("latin-1"))
        output = run("cursor", "other", "--install", "--file", str(file), code=1)
        assert "is not a configuration with `mcpServers`" in output
        assert file.read_bytes() == text.encode("latin-1")
    assert [path.name for path in tmp_path.glob("broken*")] == ["broken.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_link_to_the_file_stays(project: Path, tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.json", tmp_path / "mcp.json"
    real.write_text("{}")
    link.symlink_to(real)
    run("cursor", "other", "--install", "--file", str(link))
    assert link.readlink() == real
    assert "other" in json.loads(real.read_text())["mcpServers"]
