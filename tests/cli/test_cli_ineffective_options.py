"""Options that have no effect on a target: the commands refuse them instead of ignoring them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from wasmcp.cli.group import commands
from wasmcp.cli.run import main as run_command
from wasmcp.host import run


def _shown(value: tuple[str, ...] | str) -> str:
    return value if isinstance(value, str) else " ".join(value)


SERVE = [
    (("--name", "other"), "--name is the name of a server of a package"),
    (("--name", "default"), "leave it out"),
    (("--rate-limit-by", "identity"), "give --rate-limit, too"),
    (("--rate-limit-by", "address", "--rate-limit", "requests=none"), "give --rate-limit, too"),
    (("--unix", "s", "--port", "8000"), "instead of --host and --port"),
    (("--unix", "s", "--host", "127.0.0.1"), "instead of --host and --port"),
    (("--unix-mode", "600"), "give --unix"),
    (("--trusted-proxy", "unix"), "listens on an address"),
    (("--unix", "s", "--trusted-proxy", "10.0.0.0/8"), "peers have no addresses"),
    (("--audit-arguments",), "need an audit log"),
    (("--unix", ""), "'--unix': it must be the path of a file, not empty"),
    (("--access-log", ""), "'--access-log': it must be the path of a file, not empty"),
    (("--tls-key", "k"), "needs a TLS certificate"),
    (("--workers", "2", "--sessions", "10000"), "with several workers their ids carry them"),
]

CLIENT = [
    (("server.wasm", "--name", "other"), "--name is the name of a server of a package"),
    (("server.wasm", "--header", "A: b"), "a URL only"),
    (("server.wasm", "--token", "HOME"), "a URL only"),
    (("http://127.0.0.1:1/", "--name", "other"), "a file or package only"),
    (("http://127.0.0.1:1/", "--dir", "."), "a file or package only"),
    (("http://127.0.0.1:1/", "--env", "A=b"), "a file or package only"),
    (("http://127.0.0.1:1/", "--keyvalue", "memory:"), "a file or package only"),
    (("http://127.0.0.1:1/", "-v"), "--verbose applies to a process"),
    (("python3", "--name", "other"), "a server that wasmcp has composed only"),
    (("python3", "--dir", "."), "a server that wasmcp has composed only"),
    (("python3", "--keyvalue", "memory:"), "a server that wasmcp has composed only"),
    (("--name", "other", "--", "python3"), "a file or package only"),
    (("--dir", ".", "--", "python3"), "a file or package only"),
    (("--token", "HOME", "--", "python3"), "a URL only"),
]


def _refused(*arguments: str) -> str:
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize(("options", "words"), SERVE, ids=_shown)
def test_serve(server_file: Path, options: tuple[str, ...], words: str) -> None:
    assert words in _refused("serve", str(server_file), *options)


@pytest.mark.parametrize("mode", ["sealed", " Sealed", "false"])
def test_number_of_sessions_that_the_process_does_not_keep(
    server_file: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WASMCP_SESSION_ENABLED", mode)
    assert "the process keeps no sessions: WASMCP_SESSION_ENABLED is" in _refused(
        "serve", str(server_file), "--sessions", "5"
    )


def test_task_runs_of_a_server_without_tasks(server_file: Path) -> None:
    result = CliRunner().invoke(commands, ["serve", str(server_file), "--port", "0", "--task-runs", "3"])
    assert result.exit_code == 1, result.output
    assert "--task-runs 3 has no effect: no tool of the server runs as a task" in " ".join(result.output.split())


@pytest.mark.parametrize("days", ["30", "0"])
def test_cache_prune(days: str) -> None:
    assert "leave out --days" in _refused("cache", "prune", "--all", "--days", days)


@pytest.mark.parametrize("command", [("list",), ("call", "tool"), ("read", "uri"), ("prompt", "name")])
@pytest.mark.parametrize(("options", "words"), CLIENT, ids=_shown)
def test_client(command: tuple[str, ...], options: tuple[str, ...], words: str) -> None:
    name, *positional = command
    at = next((index for index, one in enumerate(options) if one == "--"), len(options))
    target = [] if "--" in options else [options[0]]
    own = options[len(target) : at]
    assert words in _refused(name, *target, *positional, *own, *options[at:])


def test_run(server_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command([str(server_file), "--name", "other"])
    assert ended.value.code == 2
    assert "--name is the name of a server of a package" in capsys.readouterr().err


def test_console_script_of_a_file(
    server_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        run(server_file, arguments=["--name", "other"])
    assert ended.value.code == 2
    assert f"--name must be `{server_file.stem}`" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["kubernetes", "compose", "spin", "wasmcloud"])
def test_deploy(target: str, server_file: Path) -> None:
    assert "is not a wheel: leave it out" in _refused("deploy", target, str(server_file), "--server", "other")
