"""The console script as a whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from support.server_processes import WASMCP
from wasmtime import wat2wasm

from wasmcp import __version__
from wasmcp.cli import group
from wasmcp.cli.group import commands


def test_help_lists_every_command_without_loading_one() -> None:
    code = (
        "import sys; from wasmcp.cli.group import commands\n"
        "try: commands(['--help'])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not [name for name in sys.modules if name.startswith(('wasmtime', 'wasmcp.host', 'wasmcp.compose'))]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in group._COMMANDS:
        assert f"  {name} " in done.stdout
    assert "Exit codes" in done.stdout


@pytest.mark.parametrize("name", list(group._COMMANDS))
def test_each_command_has_help(name: str) -> None:
    done = CliRunner().invoke(commands, [name, "--help"], prog_name="wasmcp")
    assert done.exit_code == 0, done.output
    assert "--help" in done.output


def _paths(command: click.Command, name: str) -> Iterator[tuple[str, click.Parameter]]:
    """Yield the parameters of a command and its subcommands that are paths."""
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            yield name, parameter
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from _paths(found, f"{name} {each}")


def test_no_path_can_be_empty() -> None:
    paths = list(_paths(commands, "wasmcp"))
    assert len(paths) > 30
    for name, parameter in paths:
        with pytest.raises(click.BadParameter, match=r"it must be the path of a (file|directory), not empty"):
            parameter.type.convert("", parameter, click.Context(commands, info_name=name))


def test_version_option() -> None:
    done = subprocess.run([*WASMCP, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"wasmcp, version {__version__}\n"


def test_unknown_command_suggests_a_similar_one() -> None:
    assert CliRunner().invoke(commands, ["nothing"]).exit_code == 2


@pytest.mark.usefixtures("empty_cache")
def test_warm_compiles_servers_ahead(tmp_path: Path) -> None:
    path = tmp_path / "x.wasm"
    path.write_bytes(wat2wasm("(component)"))
    first = CliRunner().invoke(commands, ["warm", str(path)])
    assert (first.exit_code, first.output) == (0, f"{path}: compiled\n")
    assert CliRunner().invoke(commands, ["warm", str(path)]).output == f"{path}: already compiled\n"


@pytest.mark.parametrize("command", ["warm", "serve"])
def test_error_is_one_message_without_a_traceback(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(commands, [command, str(tmp_path / "no.wasm")])
    assert done.exit_code == 1
    assert "no.wasm` does not exist" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("command", ["run", "serve", "warm", "list"])
def test_server_in_a_registry_has_to_be_pulled(command: str) -> None:
    done = CliRunner().invoke(commands, [command, "oci://127.0.0.1:1/acme/calc:1.0.0"])
    assert done.exit_code != 0
    assert "`oci://127.0.0.1:1/acme/calc:1.0.0` is in a registry: `wasmcp pull` fetches it" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "options",
    [
        *(["--timeout", text] for text in ("0", "nan", "inf", "1_0", " 5")),
        *(["--memory", text] for text in ("0", "1_0", "1.5")),
        ["--env", "=x"],
        ["--dir", "/no/where"],
        ["--port", "70000"],
    ],
)
def test_invalid_options_of_serve(options: list[str]) -> None:
    assert CliRunner().invoke(commands, ["serve", "x.wasm", *options]).exit_code == 2


@pytest.mark.parametrize("days", ["nan", "-1", "1_0", "soon"])
def test_invalid_number_of_days_prunes_nothing(days: str) -> None:
    assert CliRunner().invoke(commands, ["cache", "prune", "--days", days]).exit_code == 2
