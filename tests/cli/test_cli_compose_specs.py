"""`wasmcp compose` with each kind of spec and each option."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import wasmtime
from click.testing import CliRunner, Result
from support.compose_inputs import dead_end, dummy, probe, tools_component
from support.zig_servers import keeper

from wasmcp.cli.group import commands
from wasmcp.compose import inspect_component
from wasmcp.host import open_server
from wasmcp.package_data import framework_component
from wasmcp.registry import Fetched, FetchOptions
from wasmcp.registry.oci import transfers

KEYS = (
    "--setting",
    'JWT_JWKS={"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}',
)
PROJECT = """\
[project]
name = "demo"
version = "1.0"
[tool.wasmcp]
package = "demo"
[tool.wasmcp.components.own]
path = "own.wasm"
grants = ["env"]
[tool.wasmcp.servers.default]
components = ["own"]
[tool.wasmcp.aliases]
calc = "./other.wasm"
[tool.wasmcp.profiles.team]
components = ["own", "calc"]
output = "dist/team.wasm"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with components, and a user without configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "calc.wasm").write_bytes(tools_component("calculated", "add"))
    (folder / "text.wasm").write_bytes(tools_component("reversed", "reverse"))
    (folder / "log.wasm").write_bytes(tools_component("logged", "log"))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "demo").mkdir(parents=True)
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "own.wasm").write_bytes(probe())
    (root / "other.wasm").write_bytes(tools_component("other", "other"))
    return root


def run(*arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(commands, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done


def tools(path: Path) -> list[str]:
    with open_server(path, instances=1, quick=True) as server:
        return [tool.name for tool in server.list_tools()]


class TestNames:
    def test_aliases_files_and_profiles_together(self, here: Path, tmp_path: Path) -> None:
        run("registry", "component", "add", "calc", "./calc.wasm")
        run("registry", "component", "add", "prod-calc", "calc")
        run("registry", "profile", "add", "words", "./text.wasm")
        run("registry", "profile", "add", "all", "prod-calc", "-b", "words", "-o", "everything.wasm")
        done = run("compose", "server", "./log.wasm", "all")
        built = tmp_path / "config/wasmcp/composed/everything.wasm"
        assert done.output.startswith(f"{built}: {built.stat().st_size:,} bytes; components: 3, known tools: 3\n")
        assert tools(built) == ["log", "reverse", "add"]
        assert "already exists: `--force` overwrites it" in run("compose", "server", "all", code=1).output
        run("compose", "server", "all", "--force")
        assert tools(built) == ["reverse", "add"]
        run("compose", "server", "calc", "-p", "words", "-o", "mine.wasm")
        assert tools(here / "mine.wasm") == ["reverse", "add"]

    def test_component_named_twice_is_used_once(self, here: Path) -> None:
        # The Rust tool's README: an alias of an alias, and profiles that have both.
        run("registry", "component", "add", "calc", "./calc.wasm")
        run("registry", "component", "add", "prod-calc", "calc")
        run("registry", "profile", "add", "dev", "calc", "prod-calc", "./text.wasm")
        done = run("compose", "server", "dev", "-o", "dev.wasm")
        assert "profile `dev`, alias `prod-calc`, alias `calc`: `prod-calc` is `calc` again" in done.stderr
        assert tools(here / "dev.wasm") == ["add", "reverse"]
        run("registry", "profile", "add", "prod", "prod-calc", "calc", "-b", "dev")
        run("compose", "server", "prod", "-o", "prod.wasm")
        assert tools(here / "prod.wasm") == ["add", "reverse"]
        run("compose", "server", "calc", "prod", "-o", "mixed.wasm")
        assert tools(here / "mixed.wasm") == ["add", "reverse"]
        assert "the same name, `calc`" in run("compose", "server", "calc", "calc", code=2).output
        run("registry", "profile", "add", "two", "calc", "again=calc")
        assert "both have a tool `add`" in run("compose", "server", "two", code=1).output

    def test_default_names_and_output(self, here: Path) -> None:
        run("compose", "server", "calc.wasm")
        run("compose", "handler", "calc.wasm")
        assert {path.name for path in here.iterdir()} >= {"mcp-server.wasm", "handler.wasm"}
        assert "nothing to compose" in run("compose", "server", code=2).output

    def test_names_of_the_project_in_the_working_directory(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run("registry", "component", "add", "calc", "./calc.wasm")
        monkeypatch.chdir(project / "demo")
        report = json.loads(run("compose", "server", "team", "--json").stdout)
        assert report["output"] == str(project / "dist/team.wasm")
        assert [(one["name"], one["grants"]) for one in report["components"]] == [("own", ["env"]), ("calc", [])]
        assert tools(project / "dist/team.wasm") == ["probe", "other"]
        assert not list((project / "demo").iterdir())

    def test_names_of_a_project_elsewhere(self, project: Path, here: Path) -> None:
        assert "`own` is not an alias" in run("compose", "server", "own", code=1).output
        run("compose", "server", "own", "calc.wasm", "--project", project, "-o", "x.wasm")
        assert tools(here / "x.wasm") == ["probe", "add"]

    def test_packages_of_a_registry(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[FetchOptions] = []

        def fetch(reference: str, options: FetchOptions) -> Fetched:
            asked.append(options)
            return Fetched(here / "calc.wasm", "sha256:00", f"{reference}=1.2.3")

        monkeypatch.setattr(transfers, "fetch", fetch)
        options = ("--skip-download", "--locked", "--deps-dir", "deps", "-v")
        done = run("compose", "server", "acme:calc@^1", "./text.wasm", *options)
        assert (
            f"  calc: acme:calc@^1=1.2.3 (sha256:{sha256((here / 'calc.wasm').read_bytes()).hexdigest()})"
            in done.output
        )
        assert "    tools: add\n" in done.output
        assert (asked[0].offline, asked[0].locked, asked[0].deps_dir) == (True, True, Path("deps"))
        assert tools(here / "mcp-server.wasm") == ["add", "reverse"]


class TestOutput:
    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["-o", "none/x.wasm"], 1, "the folder `none` does not exist"),
            (["-o", "."], 1, "`.` is a folder"),
            (["-o", "calc.wasm"], 1, "`calc.wasm` already exists"),
            (["-o", "calc.wasm", "--force"], 2, "`calc.wasm` is one of the components"),
        ],
    )
    def test_invalid_outputs_are_refused(self, here: Path, arguments: list[str], code: int, message: str) -> None:
        before = {path: path.read_bytes() for path in here.iterdir()}
        for kind in ("server", "handler"):
            assert message in run("compose", kind, "calc.wasm", *arguments, code=code).output
        assert {path: path.read_bytes() for path in here.iterdir()} == before

    def test_full_disk_is_reported(self, here: Path) -> None:
        (here / "out.wasm").write_text("old")
        command = [sys.executable, "-m", "wasmcp", "compose", "server", "calc.wasm", "-o", "out.wasm", "--force"]
        run(*command[3:])  # so that its catalogue is recorded
        (here / "out.wasm").write_text("old")

        def little_room() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        done = subprocess.run(command, preexec_fn=little_room, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        assert "`out.wasm` cannot be written: File too large" in done.stderr
        assert (here / "out.wasm").read_text() == "old"
        assert len(list(here.iterdir())) == 4

    def test_concurrent_processes_write_complete_files(self, here: Path) -> None:
        command = [sys.executable, "-m", "wasmcp", "compose", "server", "calc.wasm", "text.wasm", "--force"]
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
        assert [process.wait() for process in running] == [0, 0, 0]
        assert tools(here / "mcp-server.wasm") == ["add", "reverse"]
        assert len(list(here.iterdir())) == 4

    def test_json_report(self, here: Path) -> None:
        asked = ("--dynamic", "x", "--grant", "x=middleware")
        report = json.loads(run("compose", "server", "calc.wasm", "x=text.wasm", *asked, "--json").stdout)
        data = (here / "mcp-server.wasm").read_bytes()
        assert (report["size"], report["digest"]) == (len(data), f"sha256:{sha256(data).hexdigest()}")
        calc, other = report["components"]
        assert calc["offers"] == {"tools": ["add"], "resources": [], "templates": [], "prompts": []}
        assert (other["name"], other["offers"], other["dynamic"]) == ("x", None, True)
        assert (report["tools"], report["replaced"]) == (["add"], [])
        assert report["protect"] == ["WASMCP_AUTH_MODE=oauth wasmcp serve mcp-server.wasm"]
        assert report["run"] == ["wasmtime serve mcp-server.wasm", "wasmcp serve mcp-server.wasm"]
        assert set(report["imports"]) == set(inspect_component(data).imports)

    def test_settings_from_the_environment(self, here: Path) -> None:
        assert "-Scli" not in run("compose", "server", "calc.wasm").output
        done = run("compose", "server", "calc.wasm", "--environment", "--force")
        assert "run it: wasmtime serve -Scli mcp-server.wasm\n" in done.output
        assert "  wasmtime serve -Scli --env WASMCP_AUTH_MODE=oauth --env WASMCP_SERVER_URI --env" in done.output
        imports = inspect_component((here / "mcp-server.wasm").read_bytes()).imports
        assert any(name.startswith("wasi:cli/environment@") for name in imports)

    def test_the_protected_command_is_printed_unless_there_is_no_authorization(self) -> None:
        done = run("compose", "server", "calc.wasm")
        assert "  WASMCP_AUTH_MODE=oauth wasmcp serve mcp-server.wasm\n  wasmtime passes it no settings" in done.output
        for options in (("--auth", "none"), ("-t", "stdio"), ("--setting", "WASMCP_AUTH_MODE=oauth", *KEYS)):
            assert "protect it" not in run("compose", "server", "calc.wasm", "--force", *options).output

    def test_commands_for_the_runtime_are_printed(self) -> None:
        done = run("compose", "server", "calc.wasm", "-t", "stdio")
        assert done.output.endswith("run it: wasmtime run -Shttp mcp-server.wasm\n    or: wasmcp run mcp-server.wasm\n")
        done = run("compose", "server", "calc.wasm", "--runtime", "spin", "--force")
        assert "run it: spin up -f mcp-server.wasm\n" in done.output

    def test_store_follows_the_runtime(self, here: Path) -> None:
        (here / "keeper.wasm").write_bytes(keeper())
        for runtime, draft in {"wasmtime": "0.2.0-draft", "spin": "0.2.0-draft2", "wasmcloud": "0.2.0-draft"}.items():
            run("compose", "server", "keeper.wasm", "--grant", "keeper=kv", "--runtime", runtime, "--force")
            imports = inspect_component((here / "mcp-server.wasm").read_bytes()).imports
            assert {name.partition("@")[2] for name in imports if name.startswith("wasi:keyvalue/")} == {draft}

    def test_folder_is_refused(self, here: Path) -> None:
        (here / "folder").mkdir()
        for folder in (".", "..", "./folder"):
            assert "is a folder" in run("compose", "server", folder, code=1).output


class TestHandlers:
    def test_handler_in_a_server(self, here: Path) -> None:
        run("compose", "handler", "calc.wasm", "text.wasm", "-o", "both.wasm")
        assert "a component that offers `server-handler`" in run("inspect", "both.wasm").output
        done = run("compose", "server", "log.wasm", "both.wasm", code=1)
        assert "`both` needs the grant `middleware`: it exports `server-handler`" in done.output
        assert "`--grant both=middleware`" in done.output
        run("compose", "server", "log.wasm", "both.wasm", "--grant", "both=middleware")
        assert tools(here / "mcp-server.wasm") == ["log", "add", "reverse"]

    def test_handler_takes_no_runtime_option(self) -> None:
        done = run("compose", "handler", "calc.wasm", "--runtime", "spin", code=2)
        assert "No such option '--runtime'" in done.output


class TestOverrides:
    def test_overrides_by_file_and_alias(self, here: Path) -> None:
        (here / "end.wasm").write_bytes(dead_end())
        (here / "io.wasm").write_bytes(framework_component("server-io").read_bytes())
        run("registry", "component", "add", "my-end", "./end.wasm")
        overrides = ("--override", "method-not-found=my-end", "--override", "server-io=./io.wasm")
        report = json.loads(run("compose", "server", "calc.wasm", *overrides, "--json").stdout)
        assert report["replaced"] == ["method-not-found", "server-io"]
        assert report["framework"]["method-not-found"] == f"sha256:{sha256(dead_end()).hexdigest()}"
        assert tools(here / "mcp-server.wasm") == ["add"]
        done = run("compose", "server", "calc.wasm", *overrides, "-v", "--force")
        assert "  method-not-found: replaced (sha256:" in done.output

    @pytest.mark.parametrize(
        ("override", "code", "message"),
        [
            ("transport", 2, "`transport` is not COMPONENT=SPEC"),
            ("transports=./x.wasm", 2, "no component `transports`; did you mean `transport`?"),
            ("transport=./none.wasm", 1, "`./none.wasm` does not exist"),
            ("transport=nothing", 1, "`nothing` is not an alias"),
            ("transport=calc.wasm", 1, "  * it does not export `wasi:http/incoming-handler@"),
            ("server-io=mw.wasm", 1, "  * it does not export `wasmcp:mcp-v20260728/messages@0.1.0`"),
        ],
    )
    def test_invalid_overrides_are_refused(self, here: Path, override: str, code: int, message: str) -> None:
        (here / "mw.wasm").write_bytes(dummy("middleware"))
        assert message in run("compose", "server", "calc.wasm", "--override", override, code=code).output
        assert not (here / "mcp-server.wasm").exists()


def test_component_of_other_contracts_is_refused(here: Path) -> None:
    text = """(component
      (core module $m (func (export "f")))
      (core instance $i (instantiate $m))
      (func $f (canon lift (core func $i "f")))
      (instance $tools (export "list-tools" (func $f)))
      (export "wasmcp:server/tools@0.1.0" (instance $tools)))"""
    (here / "old.wasm").write_bytes(wasmtime.wat2wasm(text))
    done = run("compose", "server", "calc.wasm", "old.wasm", code=1)
    for part in ("component `old`", "`wasmcp:server/tools@0.1.0`", "`wasmcp:mcp-v20260728/tools@0.1.0`"):
        assert part in done.output
    assert not (here / "mcp-server.wasm").exists()
