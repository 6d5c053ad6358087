"""Declared configuration of a published server, and its use by the console script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.projects import project_files, write_project
from support.server_processes import WASMCP

from wasmcp.errors import InvalidConfigurationError
from wasmcp.host.configuration.declared import Configuration, Directory, Given, Published, Variable, complete

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
FILES = project_files(
    "configured",
    {
        "zig/tools.zig": """\
const mcp = @import("wasmcp");

pub const tools = .{
    mcp.tool("variable", "Read a variable.", variable),
    mcp.tool("visit", "Count the visits.", visit),
};

fn variable(args: struct { name: []const u8 }) !?[]const u8 {
    return mcp.config.environment(args.name);
}

fn visit() !i64 {
    const bucket = try mcp.kv.open("");
    defer bucket.close();
    return bucket.increment("visits", 1);
}
""",
    },
    """\
[tool.wasmcp.components.tools]
source = "zig/tools.zig"
grants = ["env", "kv"]

[tool.wasmcp.servers.default]
components = ["tools"]
title = "Weather"

[tool.wasmcp.servers.default.env]
API_KEY = { description = "Key of the weather service", required = true, secret = true }
UNITS = { default = "metric", choices = ["metric", "imperial"] }
LANGUAGE = {}

[tool.wasmcp.servers.forgetful]
components = ["tools"]
keyvalue = "memory:"
""",
)
SCRIPT = "import sys; sys.argv[0] = 'configured'; from wasmcp.host import run; run('configured')"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from wasmcp.project import build, load, plan, resolve

    root = write_project(tmp_path_factory.mktemp("configured"), FILES)
    build(plan(resolve(load(root))))
    return root


@pytest.fixture
def environment(project: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a client, with very few variables."""
    kept = {name: os.environ[name] for name in ("PATH", "WASMCP_CACHE_DIR") if name in os.environ}
    here = Path(__file__).parent.parent.parent
    path = os.pathsep.join([str(project / "src"), str(here)])
    return {**kept, "HOME": str(tmp_path), "PYTHONPATH": path, "WASMCP_DATA_DIR": str(tmp_path / "data")}


def calls(*requested: tuple[str, dict[str, Any]]) -> str:
    lines = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {"name": name, "arguments": arguments, "_meta": META},
        }
        for number, (name, arguments) in enumerate(requested)
    ]
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def started(
    environment: dict[str, str], *arguments: str, command: list[str] | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*(command or [sys.executable, "-c", SCRIPT]), *arguments],
        input=text,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def results(done: subprocess.CompletedProcess[str]) -> list[Any]:
    assert done.returncode == 0, done.stderr
    answers = sorted(map(json.loads, done.stdout.splitlines()), key=lambda answer: answer["id"])
    return [answer["result"]["structuredContent"]["result"] for answer in answers]


VARIABLES = calls(*(("variable", {"name": name}) for name in ("API_KEY", "UNITS", "LANGUAGE", "HOME")))


def test_script_passes_declared_variables(environment: dict[str, str]) -> None:
    done = started({**environment, "API_KEY": "k-1", "LANGUAGE": ""}, text=VARIABLES)
    assert results(done) == ["k-1", "metric", "", None]


def test_options_take_precedence_over_the_environment(environment: dict[str, str]) -> None:
    options = ["--env", "UNITS=imperial", "--env", "HOME", "--timeout", "30"]
    done = started({**environment, "API_KEY": "k-1", "UNITS": "metric"}, *options, text=VARIABLES)
    assert results(done) == ["k-1", "imperial", None, environment["HOME"]]


def test_error_names_all_missing_and_invalid_values(environment: dict[str, str]) -> None:
    done = started({**environment, "UNITS": "furlongs"}, text=VARIABLES)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "wasmcp: `configured` cannot start, its configuration is not complete:\n"
        "  * `API_KEY` (Key of the weather service) is not set: set it in the environment (`env` in an MCP client's "
        "configuration), or give `--env API_KEY=VALUE`\n"
        "  * `UNITS` must be one of `metric`, `imperial`, not `furlongs`\n"
    )


def test_empty_required_variable_is_an_error(environment: dict[str, str]) -> None:
    done = started({**environment, "API_KEY": ""}, text=VARIABLES)
    assert done.returncode == 1
    assert "`API_KEY` (Key of the weather service) is empty" in done.stderr


@pytest.mark.parametrize("wrong", ["--bogus", "word", "--env", "--timeout 0", "--instances 0", "--ver", "--env =x"])
def test_script_reports_wrong_usage(environment: dict[str, str], wrong: str) -> None:
    done = started({**environment, "API_KEY": "k-1"}, *wrong.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: configured" in done.stderr


def test_help_lists_the_configuration(environment: dict[str, str], tmp_path: Path) -> None:
    done = started(environment, "--help")
    assert done.returncode == 0
    for line in (
        "  API_KEY   Key of the weather service (required; secret)",
        "  UNITS     (one of metric, imperial; default: metric)",
    ):
        assert line in done.stdout.splitlines()
    assert f"sqlite:{tmp_path}/data/configured/default.sqlite3; another with --keyvalue" in " ".join(
        done.stdout.split()
    )
    assert started(environment, "--version").stdout == "configured 0.0.1\n"
    assert not (tmp_path / "data").exists()


def test_values_are_stored_in_the_data_directory(environment: dict[str, str], tmp_path: Path) -> None:
    told = {**environment, "API_KEY": "k-1"}
    visit = calls(("visit", {}))
    assert [results(started(told, text=visit)) for _ in range(2)] == [[1], [2]]
    kept = tmp_path / "data" / "configured" / "default.sqlite3"
    assert kept.is_file()
    assert kept.parent.stat().st_mode & 0o077 == 0
    assert results(started(told, "--keyvalue", "memory:", text=visit)) == [1]
    assert results(started(told, "--keyvalue", f"sqlite:{tmp_path / 'own'}", text=visit)) == [1]
    # The same package with `wasmcp run`.
    assert results(started(told, "run", "configured", command=WASMCP, text=visit)) == [3]


def test_default_data_directory(environment: dict[str, str], tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the XDG Base Directory Specification is for Linux")
    del environment["WASMCP_DATA_DIR"]
    told = {**environment, "API_KEY": "k-1", "XDG_DATA_HOME": str(tmp_path / "share")}
    assert results(started(told, text=calls(("visit", {})))) == [1]
    assert (tmp_path / "share" / "wasmcp" / "configured" / "default.sqlite3").is_file()


def test_server_with_a_memory_store_does_not_persist_values(environment: dict[str, str], tmp_path: Path) -> None:
    visit = calls(("visit", {}))
    assert [results(started(environment, "--name", "forgetful", text=visit)) for _ in range(2)] == [[1], [1]]
    assert not (tmp_path / "data").exists()
    assert "has `default`, `forgetful`" in started(environment, "--name", "none").stderr


def test_data_directory_that_cannot_be_created_is_an_error(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    done = started({**environment, "API_KEY": "k-1"}, text=calls(("visit", {})))
    assert done.returncode == 1
    assert "cannot be made (Not a directory): set `WASMCP_DATA_DIR`" in done.stderr
    assert "Traceback" not in done.stderr


def test_file_gets_only_named_resources(environment: dict[str, str], project: Path, tmp_path: Path) -> None:
    file = str(project / "src" / "configured" / "_wasmcp" / "default.wasm")
    told = {**environment, "API_KEY": "k-1", "LANGUAGE": "de"}
    done = started(told, "run", file, command=WASMCP, text=VARIABLES)
    assert done.returncode == 1
    assert "`API_KEY` (Key of the weather service) is not set: give `--env API_KEY`" in done.stderr
    done = started(told, "run", file, "--env", "API_KEY", command=WASMCP, text=VARIABLES)
    assert results(done) == ["k-1", "metric", None, None]
    visit = calls(("visit", {}))
    assert results(started(told, "run", file, "--env", "API_KEY", command=WASMCP, text=visit)) == [1]
    assert not (tmp_path / "data").exists()


def test_manifest_has_the_configuration(project: Path) -> None:
    document = json.loads((project / "src" / "configured" / "_wasmcp" / "manifest.json").read_text())
    assert document["servers"]["default"]["configuration"] == {
        "environmentVariables": [
            {
                "name": "API_KEY",
                "description": "Key of the weather service",
                "isRequired": True,
                "isSecret": True,
            },
            {"name": "UNITS", "default": "metric", "choices": ["metric", "imperial"]},
            {"name": "LANGUAGE"},
        ]
    }
    assert document["servers"]["forgetful"]["configuration"] == {"keyvalue": "memory:"}


def test_configuration_round_trip() -> None:
    whole = Configuration(
        (Variable("A", "an A", required=True, secret=True), Variable("B", default="", choices=("", "x"))),
        (Directory("/d", "a D", writable=True, default="{data}/d", variable="D"), Directory("/e", required=True)),
        "sqlite:~/x",
    )
    assert Configuration.of_manifest(json.loads(json.dumps(whole.to_manifest()))) == whole
    assert Configuration.of_manifest(None) == Configuration()


@pytest.mark.parametrize("wrong", [1, {"environmentVariables": [{}]}, {"directories": ["x"]}, {"directories": 1}])
def test_malformed_configuration_is_an_error(tmp_path: Path, wrong: object) -> None:
    entry = {"file": "x.wasm", "metadata": {"name": "x"}, "imports": [], "configuration": wrong}
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "servers": {"x": entry}}))
    with pytest.raises(InvalidConfigurationError, match=r"manifest\.json.*malformed"):
        Published.read(tmp_path / "x.wasm")


NOTES = Directory("/notes", "Notes", required=True, writable=True, variable="NOTES_DIR")
PICTURES = Directory("/pictures", default="~/Pictures")
OWN = Directory("/own", writable=True, default="{data}/own")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WASMCP_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def server(*directories: Directory, package: str = "pkg") -> Published:
    return Published(Path("default.wasm"), package, {"name": "srv"}, Configuration(directories=directories))


def test_directories_of_an_installed_server(home: Path) -> None:
    for name in ("notes", "Pictures"):
        (home / name).mkdir()
    whole = complete(server(NOTES, PICTURES, OWN), Given(), {"NOTES_DIR": str(home / "notes")})
    assert whole.directories == (
        (str(home / "notes"), "/notes", True),
        (str(home / "Pictures"), "/pictures", False),
        (str(home / "data" / "pkg" / "own"), "/own", True),
    )
    assert (home / "data" / "pkg" / "own").is_dir()


def test_directory_option_does_not_make_a_directory_writable(home: Path) -> None:
    given = Given(directories=[(str(home), "/pictures", True), (str(home), "/more", True)])
    whole = complete(server(PICTURES), given, {})
    assert whole.directories == ((str(home), "/pictures", False), (str(home), "/more", True))


def test_error_names_all_invalid_directories(home: Path) -> None:
    with pytest.raises(InvalidConfigurationError) as caught:
        complete(server(NOTES, PICTURES, OWN), Given(), {})
    assert caught.value.problems == (
        "`/notes` (Notes) is not given: set `NOTES_DIR` to a directory, or give `--dir HOST:/notes`",
        f"`/pictures`: `{home}/Pictures` is not a directory: make it, or give `--dir HOST:/pictures`",
    )
    assert not (home / "data").exists()
    with pytest.raises(InvalidConfigurationError, match=r"`NOTES_DIR` \(Notes\) must be the path of a directory"):
        complete(server(NOTES), Given(), {"NOTES_DIR": "x"})


def test_file_gets_only_named_directories(home: Path) -> None:
    for name in ("notes", "Pictures"):
        (home / name).mkdir()
    with pytest.raises(InvalidConfigurationError) as caught:
        complete(server(NOTES, PICTURES, OWN, package=""), Given(), {"NOTES_DIR": str(home / "notes")})
    assert len(caught.value.problems) == 1
    given = Given(directories=[(str(home / "notes"), "/notes", True)])
    assert complete(server(NOTES, PICTURES, OWN, package=""), given, {}) == Given(directories=tuple(given.directories))


def test_untrusted_text_is_escaped_in_help() -> None:
    from wasmcp.host.configuration.command_options import script_parser

    bad = Configuration((Variable("A", "red \x1b[31m % \u202e"),))
    text = script_parser("x", Published(Path("x.wasm"), "p", {"description": "100%\x1b[0m"}, bad)).format_help()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "100%" in text
