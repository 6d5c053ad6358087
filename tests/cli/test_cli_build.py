from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from wasmcp.cli.group import commands


@pytest.fixture
def project(zig_project: Path, zig_server: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "zig-project"
    shutil.copytree(zig_project, copy, ignore=shutil.ignore_patterns("_wasmcp", "dist"))
    return copy


def test_it_prints_the_servers_and_says_what_it_does(project: Path) -> None:
    done = CliRunner().invoke(commands, ["build", "--project", str(project)])
    assert done.exit_code == 0, done.output
    path = project / "src/zig_project/_wasmcp/default.wasm"
    assert done.stdout == f"{path}\n"
    assert "composed server `default`: src/zig_project/_wasmcp/default.wasm" in done.stderr
    again = CliRunner().invoke(commands, ["build", "--project", str(project), "default"])
    assert (again.stdout, again.stderr) == (f"{path}\n", "")
    forced = CliRunner().invoke(commands, ["build", "--project", str(project), "--force"])
    assert "composed server `default`" in forced.stderr


def test_mistakes_are_messages(project: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(commands, ["build", "--project", str(project), "defualt"])
    assert done.exit_code == 1
    assert "there is no server `defualt` in `tool.wasmcp.servers`; did you mean `default`?" in done.stderr
    done = CliRunner().invoke(commands, ["build", "--project", str(tmp_path)])
    assert done.exit_code == 1
    assert "there is no `pyproject.toml`" in done.stderr
