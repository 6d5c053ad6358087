from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.compose_inputs import catalogue, dummy, probe, spec, tools_component

from wasmcp.cli.group import commands
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["inspect", *(str(argument) for argument in arguments)])


@pytest.fixture
def calc(tmp_path: Path) -> Path:
    """Write a component with its catalogue next to it."""
    path = tmp_path / "calc.wasm"
    data = tools_component("calculated", "add", "sub")
    path.write_bytes(data)
    digest = f"sha256:{sha256(data).hexdigest()}"
    path.with_name("calc.wasm.catalogue.json").write_text(Catalogue(catalogue("add", "sub").tools, digest).to_json())
    return path


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A server of two components, one of which may see its environment."""
    nosy = ComponentSpec("nosy", probe(), catalogue("probe"), frozenset({"env"}))
    shy = ComponentSpec("shy", probe(), Catalogue(({"name": "other", "inputSchema": {"type": "object"}},)))
    path = tmp_path / "server.wasm"
    compose_server([nosy, shy, spec("calc", "text", "add")], ServerMetadata("s", "1")).write(path)
    return path


def test_description_of_a_component(calc: Path) -> None:
    done = run(calc)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("calc.wasm: a component that offers `tools`")
    assert "world: tools-component" in done.output
    assert "wasmcp:mcp-v20260728/messages@0.1.0" in done.output
    assert done.output.index("add") < done.output.index("sub")


def test_component_without_a_catalogue_is_booted(tmp_path: Path) -> None:
    path = tmp_path / "text.wasm"
    path.write_bytes(tools_component("reversed", "reverse"))
    assert "tools:\n  reverse\n" in run(path).output
    assert "tools:" not in run(path, "--no-boot").output
    found = json.loads(run(path, "--json").output)
    assert (found["origin"], found["tools"][0]["name"], found["prompts"]) == ("booted", "reverse", [])
    assert json.loads(run(path, "--json", "--no-boot").output)["tools"] is None


def test_description_of_a_server(server: Path) -> None:
    done = run(server)
    assert done.exit_code == 0, done.output
    assert f"server.wasm: a server, {server.stat().st_size:,} bytes" in done.output
    for part in ("transport", "server-io", "calc", "wasi:http/incoming-handler@0.2.8"):
        assert part in done.output
    reach = "  nosy  granted: env\n  shy   granted nothing; denied: env\n  calc  granted nothing\n"
    assert f"components and their grants:\n{reach}" in done.output
    assert "tools:\n  probe\n  other\n  add\n" in done.output


def test_tools_that_can_run_as_tasks_are_named(tmp_path: Path) -> None:
    path = tmp_path / "server.wasm"
    task = {"name": "count", "inputSchema": {"type": "object"}, "_meta": {"wasmcp/task": {"mode": "steps"}}}
    server = compose_server([ComponentSpec("part", probe(), Catalogue((task,)))], ServerMetadata("s", "1"))
    server.write(path)
    done = run(path)
    assert done.exit_code == 0, done.output
    row = "  count  continues by steps; kept for 3,600 s, polled every 1 s\n"
    assert f"tools that can run as tasks:\n{row}" in done.output


def test_description_of_a_server_with_its_manifest(server: Path) -> None:
    digest = f"sha256:{sha256(server.read_bytes()).hexdigest()}"
    tools = [{"name": "add", "description": "Add.\nTwo."}]
    entry = {"digest": digest, "catalogue": {"tools": tools}, "metadata": {"name": "x", "version": "3"}, "wasmcp": "9"}
    manifest = server.with_name("manifest.json")
    manifest.write_text(json.dumps({"format": 1, "servers": {"x": entry}}))
    done = run(server)
    assert "server: x 3\nbuilt by: wasmcp 9\n" in done.output
    assert "tools:\n  add  Add.\n" in done.output
    found = json.loads(run(server, "--json").output)
    assert (found["manifest"], found["origin"]) == (entry, "manifest")
    assert "of the operator:" not in done.output
    variable = {"name": "API_KEY", "description": "Key of it", "isRequired": True}
    entry["configuration"] = {"environmentVariables": [variable], "keyvalue": "memory:"}
    manifest.write_text(json.dumps({"format": 1, "servers": {"x": entry}}))
    taken = "  API_KEY        Key of it (required)\n  wasi:keyvalue  memory:\n"
    assert f"variables, directories and stores of the operator:\n{taken}" in run(server).output
    manifest.write_text('{"servers": []}')
    assert "  probe\n" in run(server).output


def test_json_output(calc: Path, server: Path) -> None:
    found = json.loads(run(calc, "--json").output)
    assert (found["capabilities"], found["world"]) == (["tools"], "tools-component")
    assert found["size"] == calc.stat().st_size
    assert [tool["name"] for tool in found["tools"]] == ["add", "sub"]
    assert (found["is_server"], found["components"]) == (False, [])
    assert found["exports"] == {"wasmcp:mcp-v20260728/tools@0.1.0": "instance"}
    nosy, shy, _ = json.loads(run(server, "--json").output)["components"]
    assert (nosy["granted"], nosy["refused"], nosy["host"]) == (
        ["env"],
        [],
        ["wasi:io/error@0.2.8", "wasi:io/streams@0.2.8", "wasi:cli/stdout@0.2.8", "wasi:cli/environment@0.2.8"],
    )
    assert (shy["granted"], shy["refused"], shy["denied"]) == ([], ["env"], ["wasi:cli/environment@0.2.8"])


def test_component_that_does_not_boot_is_described(tmp_path: Path) -> None:
    path = tmp_path / "traps.wasm"
    path.write_bytes(dummy("tools-component"))
    done = run(path)
    assert done.exit_code == 0
    assert "its lists cannot be read: component `traps.wasm`: it cannot list what it offers" in done.stderr
    assert "tools:" not in done.stdout


def test_file_that_is_not_a_component_is_refused(tmp_path: Path) -> None:
    (tmp_path / "module.wasm").write_bytes(b"\0asm\x01\0\0\0")
    done = run(tmp_path / "module.wasm")
    assert (done.exit_code, "core module" in done.output) == (1, True)
    done = run(tmp_path / "none.wasm")
    assert (done.exit_code, "cannot be read" in done.output) == (1, True)


def test_alias_is_resolved(calc: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    added = CliRunner().invoke(commands, ["registry", "component", "add", "counting", str(calc)])
    assert added.exit_code == 0, added.output
    assert run("counting").output.startswith("counting: a component that offers `tools`")
    assert run("nothing").exit_code == 1


def test_components_with_names_of_framework_parts_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "server.wasm"
    nosy = ComponentSpec("transport", probe(), catalogue("probe"), frozenset({"env"}))
    composed = compose_server([nosy, spec("stub", "text", "add")], ServerMetadata("s", "1"))
    composed.write(path)
    assert "components and their grants:\n  transport  granted: env\n  stub       granted nothing\n" in run(path).output
    path.write_bytes(b"".join(composed.chunks[:-1]))  # without its record
    done = run(path)
    assert "the file has no record of its parts" in done.output
    assert json.loads(run(path, "--json").output)["recorded"] is False


def test_grant_of_a_middleware_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "server.wasm"
    able = ComponentSpec("mw", tools_component("mine", "mine", handler=True), grants=frozenset({"middleware"}))
    compose_server([able, spec("plain", "ok", "plain")], ServerMetadata("s", "1")).write(path)
    assert (
        "components and their grants:\n  mw     granted: middleware\n  plain  granted nothing\n"
        in run(path, "--no-boot").output
    )


ESCAPE = "\x1b]0;OWNED\x07\x1b[31mred\u202e\nforged: line"


def test_text_of_a_component_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "esc.wasm"
    path.write_bytes(tools_component("ok", ESCAPE))
    done = run(path)
    assert done.exit_code == 0, done.output
    assert "\\x1b]0;OWNED\\x07\\x1b[31mred\\u202e\\nforged: line" in done.stdout
    assert not {character for character in done.output if not character.isprintable()} - {"\n"}
    assert "forged: line" not in {line.strip() for line in done.output.splitlines()}
    assert json.loads(run(path, "--json").output)["tools"][0]["name"] == ESCAPE


def test_text_of_a_manifest_is_escaped(server: Path) -> None:
    digest = f"sha256:{sha256(server.read_bytes()).hexdigest()}"
    tools = [{"name": ESCAPE, "description": ESCAPE}]
    entry = {"digest": digest, "catalogue": {"tools": tools}, "metadata": {"name": ESCAPE, "version": ESCAPE}}
    server.with_name("manifest.json").write_text(json.dumps({"format": 1, "servers": {"x": entry}}))
    output = run(server).output
    assert "server: \\x1b]0;OWNED" in output
    assert not {character for character in output if not character.isprintable()} - {"\n"}


def test_labels_of_a_server_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "server.wasm"
    one = ComponentSpec(ESCAPE, tools_component("ok", "plain"), catalogue("plain"))
    compose_server([one], ServerMetadata("s", "1")).write(path)
    output = run(path, "--no-boot").output
    assert "\\x1b]0;OWNED" in output
    assert not {character for character in output if not character.isprintable()} - {"\n"}


def test_grants_that_a_component_needs(tmp_path: Path, calc: Path) -> None:
    assert "needs the grants: none\n" in run(calc).output
    path = tmp_path / "mw.wasm"
    path.write_bytes(tools_component("mine", "mine", handler=True))
    assert "needs the grants: middleware\n" in run(path, "--no-boot").output
    path.write_bytes(probe())
    assert "needs the grants: env\n" in run(path, "--no-boot").output
    assert json.loads(run(path, "--no-boot", "--json").output)["wants"] == ["env"]
