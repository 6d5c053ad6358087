"""The guide "Deploy": its `wasmcp` commands, run with files of the names that it uses."""

from __future__ import annotations

import json
import re
import shlex
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.compose_inputs import METADATA, spec
from support.zig_servers import granted_server, granted_tools

from wasmcp.cli.group import commands
from wasmcp.compose import compose_server

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "deploying.md").read_text("utf-8")
SECTIONS = re.split(r"^## ", GUIDE, flags=re.MULTILINE)


def commands_of(section: str) -> list[list[str]]:
    """Return the arguments of the `wasmcp` commands in a section."""
    blocks = "".join(re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)).replace("\\\n", " ")
    return [shlex.split(line)[1:] for line in blocks.splitlines() if line.startswith("wasmcp ")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a server, its wheel and a component."""
    monkeypatch.chdir(tmp_path)
    compose_server([spec("calc", "1", "add")], METADATA).write(tmp_path / "server.wasm")
    granted_server(tmp_path / "weather.wasm", {"http": ["https://api.example.com"], "kv": True, "env": ["API_TOKEN"]})
    (tmp_path / "weather-tools.wasm").write_bytes(granted_tools())
    (tmp_path / "dist").mkdir()
    manifest = {
        "format": 1,
        "servers": {
            "default": {
                "file": "default.wasm",
                "metadata": {"name": "weather", "version": "1.0.0"},
                "imports": [],
                "configuration": {
                    "environmentVariables": [{"name": "API_TOKEN", "isSecret": True, "isRequired": True}]
                },
            }
        },
    }
    with zipfile.ZipFile(tmp_path / "dist" / "weather-1.0.0-py3-none-any.whl", "w") as wheel:
        wheel.write(tmp_path / "weather.wasm", "weather/_wasmcp/default.wasm")
        wheel.writestr("weather/_wasmcp/manifest.json", json.dumps(manifest))
        wheel.writestr("weather-1.0.0.dist-info/METADATA", "Name: weather\nVersion: 1.0.0\n")
    return tmp_path


def test_the_output_is_that_of_the_guide(folder: Path) -> None:
    block = re.search(r"```console\n\$ wasmcp (.*?)\n(.*?)```", GUIDE, flags=re.DOTALL)
    assert block is not None
    done = CliRunner().invoke(commands, shlex.split(block[1]))
    assert (done.exit_code, done.output) == (0, block[2])
    assert len(list((folder / "deploy" / "kubernetes").iterdir())) == 4


@pytest.mark.parametrize("section", [one for one in SECTIONS if commands_of(one)], ids=lambda text: text.split("\n")[0])
def test_each_command_works(section: str, folder: Path) -> None:
    for arguments in commands_of(section):
        if arguments[0] == "compose":
            arguments += ["--force", "--grant", "weather-tools=http,kv,env,middleware", "--dynamic", "weather-tools"]
        done = CliRunner().invoke(commands, arguments)
        assert done.exit_code == 0, done.output


def test_a_secret_that_the_wheel_declares_is_required_and_has_no_value(folder: Path) -> None:
    wheel = "dist/weather-1.0.0-py3-none-any.whl"
    missing = CliRunner().invoke(commands, ["deploy", "compose", wheel])
    assert "the server requires `API_TOKEN`: `--secret API_TOKEN`" in missing.output
    given = CliRunner().invoke(commands, ["deploy", "compose", wheel, "--env", "API_TOKEN=s3cret"])
    assert "`API_TOKEN` is secret: name a reference to its value" in given.output
    assert "s3cret" not in given.output
    unknown = CliRunner().invoke(commands, ["deploy", "compose", wheel, "--server", "other"])
    assert "has no server `other`; its servers: `default`" in unknown.output
    assert not (folder / "deploy").exists()
