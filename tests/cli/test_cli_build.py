from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from wasmcp.cli.group import commands
from wasmcp.compose import Catalogue
from wasmcp.storage import digest_of_file


@pytest.fixture
def project(zig_project: Path, zig_server: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "zig-project"
    shutil.copytree(zig_project, copy, ignore=shutil.ignore_patterns("_wasmcp", "dist"))
    return copy


def test_servers_and_progress_are_printed(project: Path) -> None:
    done = CliRunner().invoke(commands, ["build", "--project", str(project)])
    assert done.exit_code == 0, done.output
    path = project / "src/zig_project/_wasmcp/default.wasm"
    assert done.stdout == f"{path}\n"
    assert "composed server `default`: src/zig_project/_wasmcp/default.wasm" in done.stderr
    again = CliRunner().invoke(commands, ["build", "--project", str(project), "default"])
    assert (again.stdout, again.stderr) == (f"{path}\n", "")
    forced = CliRunner().invoke(commands, ["build", "--project", str(project), "--force"])
    assert "composed server `default`" in forced.stderr


def test_the_protected_command_is_printed_for_a_server_that_requires_authorization(project: Path) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.wasmcp.servers.safe]\ncomponents = ["calc"]\nauth = "required"\nenvironment = true\n')
    done = CliRunner().invoke(commands, ["build", "--project", str(project)])
    path = project / "src/zig_project/_wasmcp/safe.wasm"
    assert done.stdout.splitlines()[-1] == str(path)
    assert "  wasmtime serve -Scli --env WASMCP_AUTH_MODE=oauth --env WASMCP_SERVER_URI --env JWT_ISSUER" in done.stderr
    assert done.stderr.count("protect it") == 1
    again = CliRunner().invoke(commands, ["build", "--project", str(project), "default"])
    assert "protect it" not in again.stderr


def test_mistakes_are_reported_without_a_traceback(project: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(commands, ["build", "--project", str(project), "defualt"])
    assert done.exit_code == 1
    assert "`tool.wasmcp.servers` has no server `defualt`; did you mean `default`?" in done.stderr
    done = CliRunner().invoke(commands, ["build", "--project", str(tmp_path)])
    assert done.exit_code == 1
    assert "`pyproject.toml` not found in" in done.stderr


def test_components_are_written_to_a_folder(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "calc.wasm.catalogue.json").write_text("of another one")
    done = CliRunner().invoke(commands, ["build", "--project", str(project), "--components", str(folder)])
    assert (done.exit_code, done.stdout) == (0, f"{folder / 'calc.wasm'}\n")
    catalogue = Catalogue.from_json((folder / "calc.wasm.catalogue.json").read_text())
    assert catalogue.names == ("add", "spin", "crash")
    assert catalogue.digest == digest_of_file(folder / "calc.wasm")
    done = CliRunner().invoke(commands, ["build", "default", "--components", str(folder), "--project", str(project)])
    assert done.exit_code == 2
    (tmp_path / "file").touch()
    command = ["build", "--project", str(project), "--components", str(tmp_path / "file/below")]
    done = CliRunner().invoke(commands, command)
    assert (done.exit_code, "cannot be written: Not a directory" in done.stderr) == (1, True), done.output
