from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.compose_inputs import catalogue, dead_end, tools_beside, tools_component

from wasmcp.cli.group import commands
from wasmcp.compose import Catalogue, inspect_component
from wasmcp.compose.metadata import AUTHORIZATIONS
from wasmcp.host import open_server
from wasmcp.insight.roles import read_structure


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


@pytest.fixture
def calc(tmp_path: Path) -> Path:
    """Write a component with its catalogue next to it."""
    path = tmp_path / "calc.wasm"
    data = tools_component("calculated", "add", "sub")
    path.write_bytes(data)
    digest = f"sha256:{sha256(data).hexdigest()}"
    sidecar = Catalogue(catalogue("add", "sub").tools, digest)
    (tmp_path / "calc.wasm.catalogue.json").write_text(sidecar.to_json())
    return path


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A component's file without a catalogue."""
    path = tmp_path / "text.wasm"
    path.write_bytes(tools_component("reversed", "reverse"))
    return path


class TestCompose:
    def test_server_of_two_components(self, calc: Path, text: Path, tmp_path: Path) -> None:
        out = tmp_path / "server.wasm"
        done = run("compose", "server", calc, f"words={text}", "-o", out, "--version", "2.0", "--instructions", "Hi")
        assert done.exit_code == 0, done.output
        assert "components: 2, known tools: 3" in done.output
        with open_server(out, instances=1, quick=True) as server:
            assert [tool.name for tool in server.list_tools()] == ["add", "sub", "reverse"]
            assert server.call_tool("reverse").text == "reversed"
            found = server.discover()
        assert found["_meta"]["io.modelcontextprotocol/serverInfo"] == {"name": "server", "version": "2.0"}
        assert found["instructions"] == "Hi"
        assert "words" in {part.name for part in inspect_component(out.read_bytes()).nested}

    @pytest.mark.parametrize("auth", AUTHORIZATIONS)
    def test_auth_decides_on_authorization(self, auth: str, calc: Path, tmp_path: Path) -> None:
        out = tmp_path / "server.wasm"
        assert run("compose", "server", calc, "-o", out, "--auth", auth).exit_code == 0
        parts = {role.name for role in read_structure(out.read_bytes()).roles}
        assert ("authorization" in parts, "no-authorization" in parts) == (auth != "none", auth == "none")
        with open_server(out, instances=1, quick=True) as server:
            status = server.http("POST", headers={"Host": "localhost"}, body="{}").status
        assert (status in {401, 403, 503}) == (auth == "required"), status

    def test_settings_of_authorization_without_authorization_are_refused(self, calc: Path, tmp_path: Path) -> None:
        out = tmp_path / "server.wasm"
        done = run("compose", "server", calc, "-o", out, "--auth", "none", "--setting", "WASMCP_AUTH_MODE=oauth")
        assert done.exit_code == 1
        assert "`WASMCP_AUTH_MODE` has no effect in a server without authorization" in done.output
        assert not out.exists()
        assert run("compose", "server", calc, "-o", out, "--auth", "oauth").exit_code == 2

    def test_extensions_are_announced(self, calc: Path, tmp_path: Path) -> None:
        out = tmp_path / "server.wasm"
        given = ["--extension", "a.b/c", "--extension", 'd/e={"f":[1]}']
        assert run("compose", "server", calc, "-o", out, *given).exit_code == 0
        with open_server(out, instances=1, quick=True) as server:
            assert server.discover()["capabilities"]["extensions"] == {"a.b/c": {}, "d/e": {"f": [1]}}
        for wrong, words in (
            ("c", "not an identifier"),
            ("a/b=[]", "table of settings"),
            ("a/b={", "not JSON"),
            ('a/b={"x":NaN}', "not JSON"),
        ):
            done = run("compose", "server", calc, "-o", out, "--extension", wrong)
            assert done.exit_code == 2
            assert words in done.output

    def test_handler_needs_no_catalogue(self, calc: Path, tmp_path: Path) -> None:
        (tmp_path / "wall.wasm").write_bytes(dead_end())
        done = run(
            "compose",
            "server",
            tmp_path / "wall.wasm",
            calc,
            "-o",
            tmp_path / "server.wasm",
            "--grant",
            "wall=middleware",
        )
        assert done.exit_code == 0, done.output

    def test_dynamic_component_is_not_booted(self, text: Path, tmp_path: Path) -> None:
        done = run(
            "compose", "server", text, "-o", tmp_path / "server.wasm", "--dynamic", "text", "--grant", "text=middleware"
        )
        assert "known tools: 0" in done.output

    def test_duplicate_tools_with_on_duplicate(self, calc: Path, tmp_path: Path) -> None:
        arguments = ("compose", "server", calc, f"again={calc}", "-o", tmp_path / "server.wasm")
        done = run(*arguments)
        assert done.exit_code == 1
        assert "`calc` and `again` both have a tool `add`" in done.output
        assert run(*arguments, "--on-duplicate", "first").exit_code == 0

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["calc.wasm", "calc=text.wasm"], 2, "two components have the same name"),
            (["none.wasm"], 1, "`none.wasm` does not exist"),
            (["calc.wasm", "--grant", "calc"], 2, "`calc` is not NAME=GRANT"),
            (["calc.wasm", "--grant", "cal=env"], 2, "unknown component `cal`; the components are `calc`"),
            (["calc.wasm", "--grant", "calc=network"], 1, "unknown grant `network`"),
            (["calc.wasm", "--dynamic", "text"], 2, "--dynamic: unknown component `text`"),
            (["bad.wasm"], 1, "component `bad`: it is not usable: not WebAssembly"),
            (["calc.wasm", "-o", "missing/server.wasm"], 1, "the folder `missing` does not exist"),
        ],
    )
    @pytest.mark.usefixtures("calc", "text")
    def test_mistakes_are_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("bad.wasm").write_text("hello")
        done = run("compose", "server", "-o", "server.wasm", *arguments)
        assert (done.exit_code, message in done.output) == (code, True), done.output
        assert not Path("server.wasm").exists()

    def test_catalogue_without_a_digest_is_ignored(self, calc: Path, tmp_path: Path) -> None:
        sidecar = tmp_path / "calc.wasm.catalogue.json"
        sidecar.write_text(Catalogue(catalogue("evil").tools).to_json())
        done = run("compose", "server", calc, "-o", tmp_path / "server.wasm")
        assert done.exit_code == 1
        assert "`calc.wasm.catalogue.json` does not name the digest of its component: delete it" in done.output
        assert "evil" not in run("inspect", calc).output

    @pytest.mark.usefixtures("calc")
    def test_catalogue_of_another_component_is_ignored(self, text: Path, tmp_path: Path) -> None:
        sidecar = tmp_path / "calc.wasm.catalogue.json"
        sidecar.rename(tmp_path / "text.wasm.catalogue.json")
        done = run("compose", "server", text, "-o", tmp_path / "server.wasm")
        assert done.exit_code == 1
        assert "was recorded for another component" in done.output


class TestEmptyCatalogues:
    def test_empty_recorded_list_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "shy.wasm").write_bytes(tools_component("hidden"))
        arguments = ("compose", "server", tmp_path / "shy.wasm", "-o", tmp_path / "server.wasm")
        done = run(*arguments)
        assert (done.exit_code, (tmp_path / "server.wasm").exists()) == (1, False)
        assert "component `shy`: it exports `tools` and lists nothing" in done.output
        assert "`--dynamic shy --grant shy=middleware`" in done.output
        done = run(*arguments, "--dynamic", "shy", "--grant", "shy=middleware")
        assert done.exit_code == 0, done.output

    def test_empty_catalogue_file_is_reported(self, tmp_path: Path) -> None:
        data = tools_component("hidden")
        (tmp_path / "shy.wasm").write_bytes(data)
        sidecar = Catalogue(digest=f"sha256:{sha256(data).hexdigest()}")
        (tmp_path / "shy.wasm.catalogue.json").write_text(sidecar.to_json())
        done = run("compose", "server", tmp_path / "shy.wasm", "-o", tmp_path / "server.wasm")
        assert (done.exit_code, "lists nothing" in done.output) == (1, True)


class TestDenials:
    HTTP = '(import "wasi:http/outgoing-handler@0.2.8" (instance (export "use" (func))))'
    ENV = '(import "wasi:cli/environment@0.2.8" (instance (export "use" (func))))'

    def test_imports_without_a_grant_are_reported(self, tmp_path: Path) -> None:
        path = tmp_path / "web.wasm"
        path.write_bytes(tools_beside(f"(component {self.ENV} {self.HTTP})", "get"))
        arguments = ("compose", "server", path, "-o", tmp_path / "server.wasm", "--force")
        done = run(*arguments)
        assert done.exit_code == 0, done.output
        assert "imported and not granted: web: env, http\n" in done.stdout
        assert "warning: component `web` imports `http` and is not granted it" in done.stderr
        assert "`--grant web=http`" in done.stderr
        (component,) = json.loads(run(*arguments, "--json").stdout)["components"]
        assert component["denied"] == ["env", "http"]
        done = run(*arguments, "--grant", "web=http", "-v")
        assert "imported and not granted: web: env\n" in done.stdout
        assert done.stderr.startswith(
            "warning: component `web` is granted all of `http`: it can send requests to every"
        )
        done = run(*arguments, "--grant", "web=http,env")
        assert "not granted" not in done.output


class TestGrantRules:
    ENV = """
      (import "wasi:cli/environment@0.2.8" (instance
        (export "get-environment" (func (result (list (tuple string string)))))
        (export "get-arguments" (func (result (list string))))
        (export "initial-cwd" (func (result (option string))))))
    """

    @pytest.fixture
    def arguments(self, tmp_path: Path) -> tuple[Any, ...]:
        path = tmp_path / "web.wasm"
        path.write_bytes(tools_beside(f"(component {self.ENV})", "get"))
        return ("compose", "server", path, "-o", tmp_path / "server.wasm", "--force", "--json")

    def test_a_part_of_a_family_is_granted_and_shown(self, tmp_path: Path, arguments: tuple[Any, ...]) -> None:
        manifest = tmp_path / "manifest.json"
        done = run(*arguments, "--grant", "web=env:A,env:B,kv:bucket:notes", "--manifest", manifest)
        assert done.exit_code == 0, done.output
        (component,) = json.loads(done.stdout)["components"]
        expected = {"env": ["A", "B"], "kv": ["bucket:notes"]}
        assert (component["grants"], component["rules"], component["denied"]) == (["env", "kv"], expected, [])
        (entry,) = json.loads(manifest.read_text())["servers"]["server"]["components"]
        assert entry["rules"] == expected
        shown = run("inspect", tmp_path / "server.wasm", "--no-boot")
        assert "granted: env (A, B)" in shown.stdout
        (part,) = json.loads(run("inspect", tmp_path / "server.wasm", "--no-boot", "--json").stdout)["components"]
        assert (part["rules"], part["unproved_rules"]) == ({"env": ["A", "B"]}, [])
        assert part["guarded"] == ["wasi:cli/environment@0.2.8"]

    def test_all_mistakes_are_reported(self, arguments: tuple[Any, ...]) -> None:
        done = run(*arguments, "--grant", "web=env,env:A,http:a.org,kv:notes")
        assert done.exit_code == 2
        for part in ("`env` is granted as a whole and in part", "`http[0]` must be", "`kv[0]` must be"):
            assert part in done.output

    def test_a_policy_refuses_other_grants(self, tmp_path: Path, arguments: tuple[Any, ...]) -> None:
        policy = tmp_path / "policy.toml"
        policy.write_text('[grants]\nenv = ["A"]\n')
        assert run(*arguments, "--grant", "web=env:A", "--require-grants", policy).exit_code == 0
        (tmp_path / "server.wasm").unlink()
        done = run(*arguments, "--grant", "web=env:A,env:B,sockets", "--require-grants", policy)
        assert done.exit_code == 1
        assert "`web`: env B" in done.output
        assert "`web`: sockets" in done.output
        assert not (tmp_path / "server.wasm").exists()

    def test_changed_rules_are_differences(self, tmp_path: Path, arguments: tuple[Any, ...]) -> None:
        def server(grant: str) -> Path:
            assert run(*arguments, "--grant", f"web={grant}").exit_code == 0
            return (tmp_path / "server.wasm").rename(tmp_path / f"{grant.replace(':', '-')}.wasm")

        one, other, whole = server("env:A"), server("env:B"), server("env")
        found = run("diff", one, other).output
        assert 'may use `env` for "B" now' in found
        assert 'may not use `env` for "A" any more' in found
        assert "may use all of `env` now" in run("diff", one, whole).output
        assert 'may use only ["A"] of `env` now' in run("diff", whole, one).output


def test_text_of_components_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "esc.wasm"
    path.write_bytes(tools_component("ok", "\x1b]0;OWNED\x07"))
    done = run("compose", "server", path, "-o", tmp_path / "server.wasm")
    assert done.exit_code == 1
    assert "OWNED" in done.output
    assert "\x1b" not in done.output
