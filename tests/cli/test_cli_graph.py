from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.compose_inputs import catalogue, spec, tools_component

from wasmcp.cli.group import commands
from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["graph", *(str(argument) for argument in arguments)])


@pytest.fixture
def server(tmp_path: Path) -> Path:
    path = tmp_path / "server.wasm"
    compose_server([spec("calc", "text", "add")], ServerMetadata("s", "1")).write(path)
    return path


def test_graph_on_standard_output(server: Path) -> None:
    done = run(server)
    assert (done.exit_code, done.output.startswith("flowchart LR\n")) == (0, True)
    assert json.loads(run(server, "-f", "json").output)["title"] == "server.wasm"
    assert run(server, "--format", "svg").output.startswith("<svg ")


@pytest.mark.parametrize(
    ("name", "start"), [("a.svg", "<svg "), ("a.html", "<!doctype html>"), ("a.mmd", "flowchart LR"), ("a.json", "{")]
)
def test_format_follows_from_the_file_extension(server: Path, tmp_path: Path, name: str, start: str) -> None:
    for _ in range(2):
        done = run(server, "-o", tmp_path / name)
        assert done.exit_code == 0, done.output
        assert f"{name}: " in done.output
        assert (tmp_path / name).read_text("utf-8").startswith(start)


def test_mistakes_are_reported(server: Path, tmp_path: Path) -> None:
    unknown = run(server, "-o", tmp_path / "a.png")
    assert (unknown.exit_code, "ends in none of `.mmd`" in unknown.output) == (2, True)
    assert run(server, "-o", tmp_path / "a.txt", "-f", "mermaid").exit_code == 0
    missing = run(server, "-o", tmp_path / "none" / "a.svg")
    assert (missing.exit_code, "cannot be written: No such file" in missing.output) == (1, True)
    assert not (tmp_path / "none").exists()
    assert run(tmp_path / "none.wasm").exit_code == 1


@pytest.mark.parametrize("form", ["mermaid", "svg", "html", "json"])
def test_text_of_a_server_is_escaped(tmp_path: Path, form: str) -> None:
    path = tmp_path / "server.wasm"
    name = "\x1b]0;OWNED\x07\x1b[31mred\u202e"
    compose_server([ComponentSpec(name, tools_component("ok", "a"), catalogue("a"))], ServerMetadata("s", "1")).write(
        path
    )
    output = run(path, "-f", form).output
    assert "OWNED" in output
    assert not {character for character in output if not character.isprintable()} - {"\n"}
