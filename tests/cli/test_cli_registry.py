"""`wasmcp registry`: every subcommand."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.server_processes import WASMCP

from wasmcp.cli.group import commands


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calc.wasm").touch()
    return tmp_path / "config" / "wasmcp"


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(commands, ["registry", *arguments])
    assert done.exit_code == code, done.output
    return done


def test_component_subcommands(tmp_path: Path) -> None:
    assert run("component", "list").output == "aliases: none\n"
    assert run("component", "add", "calc", "./calc.wasm").output == f"calc = {tmp_path}/calc.wasm\n"
    run("component", "add", "prod-calc", "calc")
    assert run("component", "list").output == f"aliases: 2\n  calc       {tmp_path}/calc.wasm\n  prod-calc  calc\n"
    listed = json.loads(run("component", "list", "--json").output)
    assert listed == {"calc": f"{tmp_path}/calc.wasm", "prod-calc": "calc"}
    assert "the alias `calc` is still used by " in run("component", "remove", "calc", code=1).output
    assert run("component", "remove", "prod-calc").output == "removed the alias prod-calc\n"
    assert "unknown alias `prod-calc`" in run("component", "remove", "prod-calc", code=1).output


def test_profile_subcommands(config: Path, tmp_path: Path) -> None:
    run("component", "add", "calc", "./calc.wasm")
    added = run("profile", "add", "dev", "calc", "acme:text@1.0.0").output
    assert added == f"dev = calc, acme:text@1.0.0\n  output: {config}/composed/dev.wasm\n"
    run("profile", "add", "prod", "acme:log", "-o", "./out.wasm", "-b", "dev")
    assert f"  prod = all of dev, acme:log\n    output: {tmp_path}/out.wasm\n" in run("profile", "list").output
    listed = json.loads(run("profile", "list", "--json").output)
    assert listed["prod"] == {"base": "dev", "components": ["acme:log"], "output": f"{tmp_path}/out.wasm"}
    assert "`dev` is still used by the profile `prod`" in run("profile", "remove", "dev", code=1).output
    run("profile", "remove", "prod")
    assert run("profile", "remove", "dev").output == "removed the profile dev\n"
    assert "at least one component" in run("profile", "add", "dev", code=2).output
    assert "`none`, which is not a profile" in run("profile", "add", "dev", "-b", "none", code=1).output


def test_info_subcommand(config: Path) -> None:
    assert f"configuration: {config}/config.toml (does not exist yet)\n" in run("info").output
    run("component", "add", "calc", "./calc.wasm")
    run("profile", "add", "dev", "calc")
    everything = run("info").output
    assert f"configuration: {config}/config.toml\ncomposed servers: {config}/composed\n" in everything
    assert "aliases: 1\n" in everything
    assert "profiles: 1\n" in everything
    assert run("info", "--components").output.startswith("aliases: 1\n")
    assert "profiles" not in run("info", "-c").output
    assert run("info", "--profiles").output.startswith("profiles: 1\n")
    found = json.loads(run("info", "--json").output)
    assert (list(found["components"]), list(found["profiles"]), found["problems"]) == (["calc"], ["dev"], [])
    run("info", "-c", "-p", code=2)


def test_problems_are_printed_with_the_list(config: Path) -> None:
    config.mkdir(parents=True)
    (config / "config.toml").write_text('[components]\na = "b"\nb = "a"\n')
    done = run("component", "list")
    assert "warning: aliases that refer to each other: `a` -> `b` -> `a`" in done.stderr
    assert done.stdout.startswith("aliases: 2\n")
    assert len(json.loads(run("info", "--json").stdout)["problems"]) == 1
    (config / "config.toml").write_text("[")
    assert "config.toml`:\n  * not TOML" in run("info", code=1).output


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_only_on_terminals(config: Path, variables: dict[str, str], coloured: bool) -> None:
    config.mkdir(parents=True)
    (config / "config.toml").write_text('[components]\na = "a"\n')
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"} | variables
    ours, theirs = pty.openpty()
    command = [*WASMCP, "registry", "component", "list"]
    subprocess.run(command, env=environment, stderr=theirs, stdout=subprocess.DEVNULL, check=True)
    os.close(theirs)
    shown = os.read(ours, 10_000)
    os.close(ours)
    assert b"warning" in shown
    assert (b"\x1b[" in shown) is coloured
    piped = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert b"\x1b[" not in piped.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("wasmcp reg", "registry"),
        ("wasmcp registry component remove c", "calc"),
        ("wasmcp registry profile remove d", "dev"),
        ("wasmcp compose server --profile d", "dev"),
        ("wasmcp compose server ca", "calc"),
    ],
)
def test_shell_completion(words: str, expected: str) -> None:
    run("component", "add", "calc", "./calc.wasm")
    run("profile", "add", "dev", "calc")
    position = str(len(words.split()) - 1)
    environment = {**os.environ, "_WASMCP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": position}
    done = subprocess.run(WASMCP, env=environment, capture_output=True, text=True, check=False)
    assert f"plain,{expected}" in done.stdout.splitlines()


@pytest.mark.parametrize("words", ["wasmcp registry component remove c", "wasmcp compose server c"])
def test_shell_completion_with_a_broken_file(config: Path, words: str) -> None:
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[")
    position = str(len(words.split()) - 1)
    environment = {**os.environ, "_WASMCP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": position}
    done = subprocess.run(WASMCP, env=environment, capture_output=True, text=True, check=False)
    assert "plain," not in done.stdout
    assert done.stderr == ""
