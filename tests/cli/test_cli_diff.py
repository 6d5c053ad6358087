from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.compose_inputs import catalogue, spec, tools_component

from wasmcp.cli.group import commands
from wasmcp.cli.inspect import BREAKING
from wasmcp.compose import Catalogue, ComponentSpec, ServerMetadata, compose_server
from wasmcp.package_data import framework_component


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["diff", *(str(argument) for argument in arguments)])


def recorded(path: Path, *tools: dict[str, object]) -> Path:
    """Write a component with this catalogue next to it."""
    data = tools_component("answer", "add")
    path.write_bytes(data)
    catalogue = Catalogue(tools, f"sha256:{sha256(data).hexdigest()}")
    path.with_name(f"{path.name}.catalogue.json").write_text(catalogue.to_json())
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return recorded(tmp_path / "old.wasm", {"name": "add", "inputSchema": {"type": "object"}})


def test_equal_files_have_no_difference(old: Path) -> None:
    done = run(old, old)
    assert (done.exit_code, done.output) == (0, "no difference\n")


def test_breaking_changes_are_reported(old: Path, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    done = run(old, recorded(tmp_path / "new.wasm", {"name": "add", "inputSchema": schema}))
    assert done.exit_code == BREAKING
    assert done.output == "~ tool `add`  breaking\n    needs `x` now\n1 difference, 1 breaking\n"


def test_compatible_changes_are_reported(old: Path, tmp_path: Path) -> None:
    more = [{"name": name, "inputSchema": {"type": "object"}} for name in ("add", "sub")]
    new = recorded(tmp_path / "new.wasm", *more)
    done = run(old, new)
    assert (done.exit_code, done.output) == (0, "+ tool `sub`\n1 difference, none breaking\n")
    assert run(old, new, "--strict").exit_code == BREAKING
    found = json.loads(run(old, new, "--json").output)
    assert found["breaking"] == 0
    assert found["differences"] == [
        {"kind": "tool", "name": "sub", "change": "added", "breaking": False, "details": []}
    ]


def test_lists_of_booted_servers_are_compared(tmp_path: Path) -> None:
    for name, tools in (("old", ["add", "sub"]), ("new", ["add"])):
        server = compose_server([spec("calc", "answer", *tools)], ServerMetadata(name, "1"))
        server.write(tmp_path / f"{name}.wasm")
    done = run(tmp_path / "old.wasm", tmp_path / "new.wasm")
    assert (done.exit_code, done.output) == (BREAKING, "- tool `sub`  breaking\n1 difference, 1 breaking\n")


def test_mistakes_are_reported(old: Path, tmp_path: Path) -> None:
    missing = run(old, tmp_path / "none.wasm")
    assert (missing.exit_code, "none.wasm` cannot be read: No such file" in missing.output) == (1, True)
    (tmp_path / "text.wasm").write_text("hello")
    bad = run(old, tmp_path / "text.wasm")
    assert (bad.exit_code, "`text.wasm`: not WebAssembly" in bad.output) == (1, True)
    assert run(old).exit_code == 2


def test_change_to_a_middleware_is_a_difference(tmp_path: Path) -> None:
    plain = ComponentSpec("mw", tools_component("ok", "plain"), catalogue("plain"))
    able = ComponentSpec("mw", tools_component("ok", "plain", handler=True), None, frozenset({"middleware"}))
    for name, one in (("old", plain), ("new", able)):
        compose_server([one], ServerMetadata("s", "1")).write(tmp_path / f"{name}.wasm")
    done = run(tmp_path / "old.wasm", tmp_path / "new.wasm")
    assert "~ grant `mw`\n    is a `middleware` now: it receives requests for other components\n" in done.output


def test_text_of_a_component_is_escaped(tmp_path: Path) -> None:
    escape = "\x1b]0;OWNED\x07\x1b[31mred\nforged: line"
    old = recorded(tmp_path / "old.wasm", {"name": escape, "inputSchema": {"type": "object"}, "description": "a"})
    new = recorded(tmp_path / "new.wasm", {"name": escape, "inputSchema": {"type": "object"}, "description": escape})
    output = run(old, new).output
    assert "~ tool `\\x1b]0;OWNED\\x07\\x1b[31mred\\nforged: line`" in output
    assert not {character for character in output if not character.isprintable()} - {"\n"}


def test_changed_framework_component_is_a_difference(tmp_path: Path) -> None:
    end = framework_component("method-not-found").read_bytes() + b"\0\4\3end"
    for name, replaced in (("old", {}), ("new", {"method-not-found": end})):
        calc = ComponentSpec("calc", tools_component("ok", "plain"), catalogue("plain"))
        compose_server([calc], ServerMetadata("s", "1"), framework=replaced).write(tmp_path / f"{name}.wasm")
    done = run(tmp_path / "old.wasm", tmp_path / "new.wasm")
    assert "~ framework `method-not-found`\n    it is not the part of this wasmcp any more" in done.output
    assert "it is the part of this wasmcp now" in run(tmp_path / "new.wasm", tmp_path / "old.wasm").output
